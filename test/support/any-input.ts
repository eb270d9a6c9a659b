import fc, { type Arbitrary } from 'fast-check';
import { z } from 'zod';
import type { CommandDefinition } from '#platform/kernel/command.js';

type JsonSchema = Record<string, any>;

/** Values for fields of these names, whatever their schema; drawn where one alone would hardly ever fit. */
export type ByName = Readonly<Record<string, Arbitrary<unknown>>>;

/**
 * Inputs for any command, made from its own schema, so that a property over all commands takes a new one in by itself.
 * What is optional comes one time in three, and mostly where it is named in `mostly`; some of what is made may still be
 * refused by the schema.
 */
export function anyInput(
  command: CommandDefinition,
  byName: ByName,
  mostly: readonly string[] = [],
): Arbitrary<Record<string, unknown>> {
  const schema = z.toJSONSchema(command.input, { io: 'input', unrepresentable: 'any' }) as JsonSchema;
  const valueOf = (given: JsonSchema): Arbitrary<unknown> => {
    const s = given['$ref'] ? (schema['$defs'][given['$ref'].slice('#/$defs/'.length)] as JsonSchema) : given;
    if ('const' in s) return fc.constant(s['const']);
    if (s['enum']) return fc.constantFrom(...(s['enum'] as unknown[]));
    const union = (s['anyOf'] ?? s['oneOf']) as JsonSchema[] | undefined;
    if (union) return fc.oneof(...union.map(valueOf));
    if (s['examples']) return fc.constantFrom(...(s['examples'] as unknown[]));
    switch (s['type']) {
      case 'object':
        return objectOf(s);
      case 'array': {
        const items = fc.array(valueOf(s['items']), { minLength: Math.max(1, s['minItems'] ?? 0), maxLength: 2 });
        // A list that names a line twice is refused, and says nothing.
        return items.map((all) =>
          all.filter(
            (each: any, at) => all.findIndex((a: any) => a?.line === each?.line) === at || each?.line === undefined,
          ),
        );
      }
      case 'integer':
      case 'number':
        return fc.integer({ min: s['minimum'] ?? 0, max: (s['minimum'] ?? 0) + 3 });
      case 'boolean':
        return fc.boolean();
      default:
        return textOf(s);
    }
  };
  const textOf = ({ format, pattern, minLength = 0 }: JsonSchema): Arbitrary<string> => {
    if (format === 'uuid') return fc.uuid({ version: 7 });
    if (format === 'date') return fc.constant('2026-01-20');
    if (format === 'date-time') return fc.constant('2026-01-15T12:00:00Z');
    if (pattern) return fc.stringMatching(new RegExp(pattern, 'u'), { size: 'xsmall' });
    return fc.constantFrom('A', 'B', 'C').map((text) => text.padEnd(minLength, '-'));
  };
  const objectOf = (s: JsonSchema): Arbitrary<Record<string, unknown>> => {
    const required: string[] = s['required'] ?? [];
    const fields = Object.entries<JsonSchema>(s['properties'] ?? {}).map(([name, each]) => {
      const value = byName[name] ?? valueOf(each);
      if (required.includes(name)) return [name, value] as const;
      const left = { weight: 2, arbitrary: fc.constant(undefined) };
      return [name, fc.oneof(left, { weight: mostly.includes(name) ? 12 : 1, arbitrary: value })] as const;
    });
    return fc.record(Object.fromEntries(fields));
  };
  return objectOf(schema);
}
