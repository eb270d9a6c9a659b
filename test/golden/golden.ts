import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import type { StoredEvent } from '#platform/kernel/envelope.js';
import type { ClassifiedFields, EventContract, FieldClass } from '#platform/kernel/event-contract.js';
import { storedForm } from '#test/fixtures/stored-form.fixture.js';
import { sample } from './sample.js';
import type { Extent, JsonSchema } from './sample.js';

/** The class of a field, of a personal one its retention class, whether it may be absent, and its bare schema. */
interface FieldShape {
  class: 'open' | 'personal';
  retention?: FieldClass;
  required: boolean;
  schema: JsonSchema;
}

/** What the store holds of one event: JSON of the open fields and, apart, of the personal ones, by retention class. */
interface StoredForm {
  data: Record<string, unknown>;
  personalData: { sealed: 0; parts: Record<string, Record<string, unknown>> } | null;
}

/** The stored form of one version of one event: what was shipped stays as it is. */
export interface Golden {
  type: string;
  version: number;
  fields: Record<string, FieldShape>;
  samples: Record<Extent, StoredForm>;
}

export const GOLDEN = join(process.cwd(), 'test', 'golden');
const fileOf = (folder: string, type: string, version: number): string => join(folder, `${type}.v${version}.json`);

/** As an event is written first: that a personal field may be erased later goes for all of them. */
const writtenFirst = (fields: ClassifiedFields) =>
  z.strictObject(Object.fromEntries(Object.entries(fields).map(([name, { schema }]) => [name, schema])));

/** The shape of each field of one version, by name. */
function shapesOf(classified: ClassifiedFields): Golden['fields'] {
  const schema = inlined(z.toJSONSchema(writtenFirst(classified)));
  const fields = Object.entries(classified).map(([name, field]): [string, FieldShape] => [
    name,
    {
      ...(field.retention === null ? { class: 'open' } : { class: 'personal', retention: field.retention }),
      required: (schema['required'] ?? []).includes(name),
      schema: bare(schema['properties'][name]),
    },
  ]);
  return Object.fromEntries(fields.toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

/** The golden file that a contract of today would have. */
export function goldenOf(contract: EventContract<any>): Golden {
  const written = writtenFirst(contract.fields);
  const schema = inlined(z.toJSONSchema(written));
  const stored = (extent: Extent): StoredForm => {
    // Through the contract, so that a sample is what the event would be.
    const { data, personalData } = storedForm(contract(written.parse(sample(schema, extent))));
    return { data: JSON.parse(data), personalData: personalData === null ? null : JSON.parse(personalData) };
  };
  return {
    type: contract.type,
    version: contract.version,
    fields: shapesOf(contract.fields),
    samples: { full: stored('full'), minimal: stored('minimal') },
  };
}

/**
 * Writes the golden files of versions that have none; never touches one that is there.
 * @returns the names of the written files.
 */
export function writeMissing(contracts: readonly EventContract<any>[], folder = GOLDEN): string[] {
  const missing = contracts.filter(({ type, version }) => !existsSync(fileOf(folder, type, version)));
  return missing.map((contract) => {
    const file = fileOf(folder, contract.type, contract.version);
    writeFileSync(file, `${JSON.stringify(goldenOf(contract), null, 2)}\n`, { flag: 'wx' });
    return file;
  });
}

/**
 * What is wrong with a contract beside its golden files; undefined when nothing is. A shape that differs from
 * the shipped one is never right, also when files may be written.
 */
export function complaint(contract: EventContract<any>, folder = GOLDEN): string | undefined {
  const { type, version } = contract;
  for (let shipped = 1; shipped <= version; shipped++) {
    if (existsSync(fileOf(folder, type, shipped))) continue;
    const hint = shipped === version ? 'write it with YAD_UPDATE_GOLDEN=1' : 'a shipped version never loses its file';
    return `${type} version ${shipped} has no golden file ${fileOf(folder, type, shipped)}: ${hint}`;
  }
  for (const [shipped, { fields }] of contract.versions) {
    const golden = read(fileOf(folder, type, shipped));
    // Through JSON, as the file is.
    const today = JSON.parse(JSON.stringify(shapesOf(fields))) as Golden['fields'];
    const names = [...new Set([...Object.keys(golden.fields), ...Object.keys(today)])];
    const changes = names.flatMap((name) => changeOf(name, golden.fields[name], today[name]));
    if (changes.length === 0) continue;
    return [
      `${type} version ${shipped} was shipped and its shape is not to change:`,
      ...changes.map((change) => `  ${change}`),
      `Raise the version to ${version + 1}, tell this one under \`earlier\` with an upcast, and run with YAD_UPDATE_GOLDEN=1.`,
    ].join('\n');
  }
  return undefined;
}

function changeOf(name: string, was: FieldShape | undefined, is: FieldShape | undefined): string[] {
  if (isDeepStrictEqual(was, is)) return [];
  if (!was) return [`field ${name} is new`];
  if (!is) return [`field ${name} is gone`];
  return (['class', 'retention', 'required', 'schema'] as const)
    .filter((part) => !isDeepStrictEqual(was[part], is[part]))
    .map((part) => `${name}: ${part} was ${JSON.stringify(was[part])}, is ${JSON.stringify(is[part])}`);
}

/** All golden files there are, of every version. */
export const allGolden = (folder = GOLDEN): Golden[] =>
  readdirSync(folder)
    .filter((file) => /\.v\d+\.json$/.test(file))
    .toSorted()
    .map((file) => read(join(folder, file)));

const read = (file: string): Golden => JSON.parse(readFileSync(file, 'utf8')) as Golden;

/** A golden sample as the store would give it back. */
export const storedEvent = ({ type, version, samples }: Golden, extent: Extent): StoredEvent => ({
  id: '0198f3a0-1b2c-7d3e-8f40-00000000000e',
  aggregate: 'golden',
  aggregateId: '0198f3a0-1b2c-7d3e-8f40-123456789abc',
  revision: 0,
  position: 1n,
  type,
  schemaVersion: version,
  occurredAt: new Date('2011-12-09T12:50:00Z'),
  recordedAt: new Date('2011-12-09T12:50:01Z'),
  subject: '0198f3a0-1b2c-7d3e-8f40-123456789abc',
  commandId: '0198f3a0-1b2c-7d3e-8f40-00000000000c',
  ordinal: 0,
  data: JSON.stringify(samples[extent].data),
  personalData: samples[extent].personalData === null ? null : JSON.stringify(samples[extent].personalData),
  meta: { actor: 'golden' },
});

/** The schema with its definitions in place, so that the name of a definition is no part of the shape. */
export function inlined(schema: JsonSchema): JsonSchema {
  const definitions: Record<string, JsonSchema> = schema['$defs'] ?? {};
  const resolve = (node: unknown, within: readonly string[]): any => {
    if (Array.isArray(node)) return node.map((item) => resolve(item, within));
    if (typeof node !== 'object' || node === null) return node;
    const { $ref, ...more } = node as JsonSchema;
    const own = Object.fromEntries(Object.entries(more).map(([key, value]) => [key, resolve(value, within)]));
    if ($ref === undefined) return own;
    if (within.includes($ref)) throw new Error(`${$ref} contains itself: an event has an end`);
    const definition = definitions[String($ref).replace('#/$defs/', '')];
    return { ...resolve(definition, [...within, $ref]), ...own };
  };
  const { $defs: _definitions, $schema: _dialect, ...root } = schema;
  return resolve(root, []);
}

const SAID_ONLY = new Set(['examples', 'description', 'title', 'id', 'deprecated']);

/** Their patterns are zod's way to check the format, and change with zod's version. */
const SAID_BY_FORMAT = new Set(['date', 'date-time', 'time', 'duration']);

/** The schema without annotations; names of properties are kept, whatever they are. */
function bare(schema: JsonSchema): JsonSchema {
  const strip = (value: unknown): unknown => (isSchema(value) ? bare(value) : value);
  return Object.fromEntries(
    Object.entries(schema)
      .filter(([key]) => !SAID_ONLY.has(key) && !(key === 'pattern' && SAID_BY_FORMAT.has(schema['format'])))
      .map(([key, value]): [string, unknown] => {
        if (key === 'properties') {
          return [key, Object.fromEntries(Object.entries<JsonSchema>(value).map(([name, of]) => [name, bare(of)]))];
        }
        return [key, Array.isArray(value) ? value.map(strip) : strip(value)];
      }),
  );
}

const isSchema = (value: unknown): value is JsonSchema =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
