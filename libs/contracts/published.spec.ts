import { describe, expect, it } from '@jest/globals';
import ajv2020 from 'ajv/dist/2020.js';
import ajvFormats from 'ajv-formats';
import { z } from 'zod';
import { breaksReader } from '#platform/schemas/compatibility.js';
import { eventName, eventSchema, publishedSchema } from '#platform/schemas/event-schemas.js';
import { allGolden, inlined, type Golden } from '../../test/golden/golden.js';
import { eventContracts } from './index.js';

const ajv = new ajv2020.Ajv2020({ strict: false, allErrors: true });
(ajvFormats as any).default(ajv);

const contractOf = (type: string) => eventContracts.find((contract) => contract.type === type)!;
const published = ({ data, personalData }: Golden['samples']['full']): any => ({
  ...data,
  ...(personalData && { personalData }),
});
const schemas = new Map(
  eventContracts.flatMap((contract) =>
    [...contract.versions.keys()].map((version): [string, any] => [
      `${contract.type} ${version}`,
      ajv.compile(eventSchema(contract, version)),
    ]),
  ),
);

describe('the schemas of the published events', () => {
  it.each(allGolden().map((golden) => [`${golden.type} ${golden.version}`, golden] as const))(
    '%s: what was ever stored of it fits, and what was not does not',
    (name, { samples, fields }) => {
      const validate = schemas.get(name);
      for (const sample of [samples.full, samples.minimal]) {
        if (!validate(published(sample))) throw new Error(ajv.errorsText(validate.errors));
      }
      const full = published(samples.full);
      expect(validate({ ...full, another: 1 })).toBe(false);
      for (const [field, { required, class: of, retention }] of Object.entries(fields)) {
        const without = structuredClone(full);
        if (of === 'open') delete without[field];
        else delete without.personalData.parts[retention!][field];
        expect([field, validate(without)]).toEqual([field, !required]);
      }
    },
  );

  it('take personal data that were erased, that are sealed, and the reason of a command', () => {
    const validate = schemas.get('crm.contacts.contact.registered 1');
    const { data, personalData } = allGolden().find(({ type }) => type === 'crm.contacts.contact.registered')!.samples
      .full;
    const { profile } = personalData!.parts as any;
    const withParts = (parts: object, sealed = 0) => validate({ ...data, personalData: { sealed, parts } });
    expect(withParts({ profile })).toBe(true);
    const [name] = Object.keys(profile);
    expect(withParts({ profile: { ...profile, [name!]: { erased: true } } })).toBe(true);
    expect(withParts({ profile, reason: { reason: 'asked for' } })).toBe(true);
    const sealed = { key: 'k1', iv: 'AAAA', ct: 'AAAA' };
    expect(withParts({ profile: sealed, reason: sealed }, 1)).toBe(true);
    expect(withParts({ profile: sealed })).toBe(false);
    expect(withParts({ profile }, 1)).toBe(false);
    expect(withParts({ profile, another: {} })).toBe(false);
  });

  it('name each event for programs, no two alike', () => {
    const names = eventContracts.map(({ type }) => eventName(type));
    expect(new Set(names).size).toBe(names.length);
    expect(eventName('crm.sales.order.fulfilment-recorded')).toBe('OrderFulfilmentRecorded');
  });

  it('break no consumer from one version to the next, or tell what they must know', () => {
    const wrong = eventContracts.flatMap(({ type, versions }) => {
      const all = [...versions.entries()];
      return all.slice(1).flatMap(([version, next], at) => {
        const [, before] = all[at]!;
        const [older, newer] = [before, next].map((of) => inlined(z.toJSONSchema(publishedSchema(of)) as any));
        const reasons = breaksReader(older!, newer!);
        if (reasons.length > 0 && !before.breaks)
          return [`${type} version ${version} breaks who reads ${version - 1}: ${reasons.join('; ')}`];
        if (reasons.length === 0 && before.breaks)
          return [`${type} version ${version - 1} tells of a break that is none`];
        return [];
      });
    });
    expect(wrong).toEqual([]);
  });

  it('would find one: version 2 of a reopened case without its word', () => {
    const { versions } = contractOf('crm.service.case.reopened');
    const [older, newer] = [1, 2].map((version) =>
      inlined(z.toJSONSchema(publishedSchema(versions.get(version)!)) as any),
    );
    expect(breaksReader(older!, newer!)).toEqual(['/reopenings: minimum was 1, is 0']);
  });
});
