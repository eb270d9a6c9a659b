import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { defineEvent, open, personal } from '#platform/kernel/event-contract.js';
import type { ClassifiedFields, EarlierVersion } from '#platform/kernel/event-contract.js';
import { plaintext, storedForm } from '#test/fixtures/stored-form.fixture.js';
import { allGolden, complaint, storedEvent, writeMissing } from '../../test/golden/golden.js';
import { eventContracts } from './index.js';

const codec = plaintext(eventContracts);
const extents = ['full', 'minimal'] as const;

if (process.env['YAD_UPDATE_GOLDEN'] === '1') writeMissing(eventContracts);

describe('the published events', () => {
  it.each(eventContracts.map((contract) => [contract.type, contract] as const))('%s: as shipped', (_type, contract) => {
    const wrong = complaint(contract);
    if (wrong) throw new Error(wrong);
  });

  it.each(eventContracts.map((contract) => [contract.type, contract] as const))(
    '%s: named for good, each field classified',
    (type, contract) => {
      expect(type).toMatch(/^crm\.[a-z]+\.[a-z]+(-[a-z]+)*\.[a-z]+(-[a-z]+)*$/);
      const unclassified = Object.entries(contract.fields).filter(([, field]) => field.retention === undefined);
      expect(unclassified.map(([name]) => name)).toEqual([]);
    },
  );

  it.each(eventContracts.map((contract) => [contract.type, contract] as const))(
    '%s: shows nothing personal on the timeline, which erasing would not reach there',
    (_type, { fields }) => {
      const shown = Object.entries(fields).filter(([, { timeline }]) => timeline !== undefined);
      expect(shown.filter(([, { retention }]) => retention !== null)).toEqual([]);
    },
  );

  it.each(allGolden().map((golden) => [golden.type, golden.version, golden] as const))(
    '%s version %i: its stored form is read as the current version',
    (type, _version, golden) => {
      const contract = eventContracts.find((each) => each.type === type);
      if (!contract) throw new Error(`${type} was shipped and is gone from the contracts: its events cannot be read`);
      for (const extent of extents) {
        const stored = storedEvent(golden, extent);
        const { data } = codec.decode(stored);
        expect(contract.schema.parse(data)).toEqual(data);
        // What is written today is, byte for byte, what was written when the version was shipped.
        if (golden.version === contract.version) {
          expect(storedForm(contract(data))).toEqual({ data: stored.data, personalData: stored.personalData });
        }
      }
      const full = codec.decode(storedEvent(golden, 'full')).data;
      const apart = Object.entries(golden.samples.full.personalData?.parts ?? {}).flatMap(([retention, part]) =>
        Object.keys(part).map((name) => ({ retention, name })),
      );
      for (const { retention, name } of apart) {
        expect(golden.fields[name]).toMatchObject({ class: 'personal', retention });
        expect(golden.samples.full.data).not.toHaveProperty(name);
        if (golden.version === contract.version) expect(full).toHaveProperty(name);
      }
    },
  );
});

const event = (fields: ClassifiedFields, version = 1, earlier?: Record<number, EarlierVersion>) =>
  defineEvent({ type: 'crm.spec.thing.happened', version, fields, earlier });

describe('the guard itself', () => {
  const folder = mkdtempSync(join(tmpdir(), 'golden-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  const shipped = { name: personal(z.string()), size: open(z.int().optional()) };

  it('says which golden file is missing, and writes it once', () => {
    expect(complaint(event(shipped), folder)).toMatch(
      /thing\.happened version 1 has no golden file .*YAD_UPDATE_GOLDEN/,
    );
    expect(writeMissing([event(shipped)], folder)).toHaveLength(1);
    expect(complaint(event(shipped), folder)).toBeUndefined();
    expect(writeMissing([event(shipped)], folder)).toEqual([]);
  });

  it.each([
    ['a new field', { ...shipped, colour: open(z.string().optional()) }, /field colour is new/],
    ['a lost field', { name: shipped.name }, /field size is gone/],
    ['another type', { ...shipped, size: open(z.string().optional()) }, /size: schema was .*integer.* is .*string/],
    ['another bound', { ...shipped, name: personal(z.string().max(9)) }, /name: schema was .* is .*"maxLength":9/],
    ['a field that must be there now', { ...shipped, size: open(z.int()) }, /size: required was false, is true/],
    ['another class', { ...shipped, name: open(z.string()) }, /name: class was "personal", is "open"/],
    [
      'another retention class',
      { ...shipped, name: personal(z.string(), 'note') },
      /name: retention was "profile", is "note"/,
    ],
  ])('refuses %s in a shipped version, also when it may write', (_what, fields, message) => {
    expect(writeMissing([event(fields)], folder)).toEqual([]);
    const wrong = complaint(event(fields), folder);
    expect(wrong).toMatch(message);
    expect(wrong).toMatch(
      /crm\.spec\.thing\.happened version 1 .*[^]*Raise the version to 2, tell this one under `earlier`/,
    );
  });

  it('minds no description, example or name of a schema', () => {
    const described = z.string().meta({ id: 'SpecName', description: 'a name', examples: ['x'] });
    expect(complaint(event({ ...shipped, name: personal(described) }), folder)).toBeUndefined();
  });

  it('reads every shipped version after a change, through its upcast', () => {
    const second = event({ ...shipped, size: open(z.int()) }, 2, {
      1: { fields: shipped, upcast: (v1) => ({ size: 0, ...v1 }) },
    });
    writeMissing([second], folder);
    expect(complaint(second, folder)).toBeUndefined();
    const decoded = allGolden(folder).map((golden) => plaintext([second]).decode(storedEvent(golden, 'minimal')));
    expect(decoded.map(({ schemaVersion, data }) => [schemaVersion, data.size])).toEqual([
      [1, 0],
      [2, expect.any(Number)],
    ]);
  });

  it('holds what is told of an earlier version against its file', () => {
    const second = event({ ...shipped, size: open(z.int()) }, 2, {
      1: { fields: { ...shipped, size: open(z.string().optional()) }, upcast: (v1) => ({ size: 0, ...v1 }) },
    });
    expect(complaint(second, folder)).toMatch(/version 1 was shipped[^]*size: schema was .*integer.* is .*string/);
  });

  it('does not let the file of an older version go', () => {
    const third = event(shipped, 3, {
      1: { fields: shipped, upcast: (v1) => v1 },
      2: { fields: shipped, upcast: (v2) => v2 },
    });
    rmSync(join(folder, 'crm.spec.thing.happened.v2.json'));
    expect(complaint(third, folder)).toMatch(/version 2 has no golden file .* never loses its file/);
  });
});
