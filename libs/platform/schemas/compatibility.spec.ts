import { describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import fc from 'fast-check';
import ajv2020 from 'ajv/dist/2020.js';
import { breaksReader } from './compatibility.js';
import type { JsonSchema } from './components.js';

const schemaOf = (schema: z.ZodType): JsonSchema => z.toJSONSchema(schema) as JsonSchema;
const reasons = (older: z.ZodType, newer: z.ZodType): string[] => breaksReader(schemaOf(older), schemaOf(newer));
const base = { name: z.string().max(10), size: z.int().min(1).optional() };

describe('what a reader of an older version can read of a newer one', () => {
  it.each<[string, z.ZodType, z.ZodType]>([
    ['the same', z.strictObject(base), z.strictObject(base)],
    ['a field that is new', z.strictObject(base), z.strictObject({ ...base, colour: z.string() })],
    ['a field that is always there now', z.strictObject(base), z.strictObject({ ...base, size: z.int().min(1) })],
    [
      'narrower bounds',
      z.strictObject(base),
      z.strictObject({ name: z.string().max(5), size: z.int().min(2).optional() }),
    ],
    ['fewer values', z.enum(['a', 'b']), z.enum(['a'])],
    ['one form of two', z.union([z.string(), z.int()]), z.string()],
    ['one value of an enumeration', z.enum(['a', 'b']), z.literal('b')],
    ['a description', z.string(), z.string().describe('said otherwise')],
    ['a list of narrower items', z.array(z.string()), z.array(z.string().max(3))],
  ])('%s', (_what, older, newer) => {
    expect(reasons(older, newer)).toEqual([]);
  });

  it.each<[string, z.ZodType, z.ZodType, RegExp]>([
    ['a field that is gone', z.strictObject(base), z.strictObject({ name: base.name }), /^\/size: is gone$/],
    [
      'a field that may be absent now',
      z.strictObject(base),
      z.strictObject({ ...base, name: base.name.optional() }),
      /^\/name: may be absent now$/,
    ],
    [
      'another type',
      z.strictObject(base),
      z.strictObject({ ...base, name: z.int() }),
      /^\/name: type was string, is integer$/m,
    ],
    ['more values', z.enum(['a']), z.enum(['a', 'b']), /new values: b/],
    ['any value', z.enum(['a']), z.string(), /any value may come/],
    ['a wider bound', z.string().max(5), z.string().max(6), /maxLength was 5, is 6/],
    ['a bound that is gone', z.string().max(5), z.string(), /maxLength was 5, is undefined/],
    ['a lower least', z.int().min(1), z.int().min(0), /minimum was 1, is 0/],
    ['another format', z.iso.date(), z.iso.datetime(), /format was date, is date-time/],
    ['a second form', z.string(), z.union([z.string(), z.int()]), /a new form/],
    [
      'something within a list',
      z.array(z.strictObject(base)),
      z.array(z.strictObject({ name: z.string() })),
      /^\/\*\/name: maxLength/,
    ],
    [
      'something that is not followed',
      z.string(),
      z.string().meta({ contentEncoding: 'base64' }),
      /contentEncoding has changed/,
    ],
    ['members of a record', z.record(z.string(), z.int()), z.record(z.string(), z.string()), /^\/\*: type was integer/],
  ])('not %s', (_what, older, newer, reason) => {
    const found = reasons(older, newer);
    expect(found.join('\n')).toMatch(reason);
  });

  it('what it lets pass, a reader does accept who passes over unknown members', () => {
    const field = fc.oneof(
      fc.record({
        kind: fc.constant('int' as const),
        min: fc.integer({ min: 0, max: 3 }),
        max: fc.integer({ min: 4, max: 6 }),
      }),
      fc.record({ kind: fc.constant('text' as const), max: fc.integer({ min: 1, max: 4 }) }),
      fc.record({ kind: fc.constant('word' as const), words: fc.subarray(['a', 'b', 'c'], { minLength: 1 }) }),
    );
    const member = fc.record({ field, optional: fc.boolean() });
    const shape = fc.dictionary(fc.constantFrom('p', 'q', 'r'), member, { noNullPrototype: true });
    const fieldSchema = (f: any): z.ZodType =>
      f.kind === 'int' ? z.int().min(f.min).max(f.max) : f.kind === 'text' ? z.string().max(f.max) : z.enum(f.words);
    const objectOf = (members: Record<string, { field: any; optional: boolean }>): z.ZodType =>
      z.strictObject(
        Object.fromEntries(
          Object.entries(members).map(([name, { field: f, optional }]) => [
            name,
            optional ? fieldSchema(f).optional() : fieldSchema(f),
          ]),
        ),
      );
    const valueOf = (f: any): fc.Arbitrary<unknown> =>
      f.kind === 'int'
        ? fc.integer({ min: f.min, max: f.max })
        : f.kind === 'text'
          ? fc.string({ maxLength: f.max })
          : fc.constantFrom(...f.words);
    const ajv = new ajv2020.Ajv2020({ strict: false });
    let passed = 0;
    fc.assert(
      fc.property(
        shape
          .chain((older) =>
            // A newer shape is most often much like the older one.
            fc.record({
              older: fc.constant(older),
              newer: fc.oneof(
                shape,
                fc.constant(older),
                fc
                  .dictionary(fc.constantFrom('s', 't'), member, { noNullPrototype: true })
                  .map((more) => ({ ...older, ...more })),
              ),
            }),
          )
          .chain(({ older, newer }) => {
            const members = Object.fromEntries(
              Object.entries(newer).map(([name, { field: f, optional }]) => [
                name,
                optional ? fc.option(valueOf(f), { nil: undefined }) : valueOf(f),
              ]),
            );
            return fc.record({ older: fc.constant(older), newer: fc.constant(newer), value: fc.record(members) });
          }),
        ({ older, newer, value }) => {
          if (reasons(objectOf(older), objectOf(newer)).length > 0) return;
          passed++;
          const { additionalProperties: _strict, ...tolerant } = schemaOf(objectOf(older));
          const given = JSON.parse(JSON.stringify(value));
          if (!ajv.validate(tolerant, given)) throw new Error(`${JSON.stringify(given)}: ${ajv.errorsText()}`);
        },
      ),
      { numRuns: 500 },
    );
    expect(passed).toBeGreaterThan(50);
  });
});
