import { z } from 'zod';
import { Erased } from '#platform/kernel/erased.js';
import { Masked } from '#platform/kernel/masked.js';

export type JsonSchema = Record<string, any>;

const IN_DEFS = '#/$defs/';
const IN_COMPONENTS = '#/components/schemas/';

/**
 * Turns zod schemas into JSON Schema 2020-12 and gathers those that have a name (`.meta({ id })`) as components.
 * Where a named schema differs between what is sent and what is answered, the latter gets the suffix `Answer`.
 */
export class SchemaComponents {
  private readonly byName = new Map<string, { json: string; schema: JsonSchema }>();

  /** @param options `masked`: what is answered may be masked wherever it may be erased; of answers, never of events */
  constructor(private readonly options: { readonly masked?: boolean } = {}) {}

  /** The schema of what a sender writes (`input`) or reads (`output`), with references into the components. */
  schemaOf(schema: z.ZodType, io: 'input' | 'output'): JsonSchema {
    const masks = this.options.masked === true && io === 'output';
    let isMasked = false;
    const {
      $schema: _dialect,
      $defs = {},
      ...root
    } = z.toJSONSchema(schema, {
      io,
      unrepresentable: 'any',
      override: ({ zodSchema, jsonSchema }) => {
        // A pattern with classes of Unicode is an error for those who read it without the flag that it needs, as many
        // linters and generators do. What does not match is refused, with words that say what would.
        if (typeof jsonSchema.pattern === 'string' && /\\[pP]\{/.test(jsonSchema.pattern)) delete jsonSchema.pattern;
        const { def } = zodSchema._zod;
        if (masks && def.type === 'union' && def.options.includes(Erased)) {
          jsonSchema.anyOf!.push({ $ref: `${IN_COMPONENTS}Masked` });
          isMasked = true;
        }
        if (def.type !== 'date') return;
        jsonSchema.type = 'string';
        jsonSchema.format = 'date-time';
      },
    }) as JsonSchema;
    if (isMasked && !this.byName.has('Masked')) this.schemaOf(z.object({ masked: Masked }), 'output');
    const names = new Map<string, string>(Object.keys($defs).map((name) => [name, name]));
    // A rename changes those that refer to it, so names are settled until none changes any more.
    for (let settled = false; !settled;) {
      settled = true;
      for (const [name, definition] of Object.entries($defs)) {
        const known = this.byName.get(names.get(name)!);
        if (!known || known.json === JSON.stringify(renamed(definition, names))) continue;
        if (names.get(name)!.endsWith('Answer')) throw new Error(`two schemas have the id ${name}`);
        names.set(name, `${name}Answer`);
        settled = false;
      }
    }
    for (const [name, definition] of Object.entries($defs)) {
      const final = renamed(definition, names);
      this.byName.set(names.get(name)!, { json: JSON.stringify(final), schema: final });
    }
    return renamed(root, names);
  }

  /** All named schemas so far, by name. */
  all(): Record<string, JsonSchema> {
    const sorted = [...this.byName].toSorted(([a], [b]) => (a < b ? -1 : 1));
    return Object.fromEntries(sorted.map(([name, { schema }]) => [name, schema]));
  }

  /** The schema that a reference stands for. */
  resolve(schema: JsonSchema): JsonSchema {
    const ref = schema['$ref'] as string | undefined;
    if (!ref) return schema;
    const { $ref: _ref, ...beside } = schema;
    return { ...this.resolve(this.byName.get(ref.slice(IN_COMPONENTS.length))!.schema), ...beside };
  }
}

function renamed(schema: unknown, names: ReadonlyMap<string, string>): any {
  if (Array.isArray(schema)) return schema.map((item) => renamed(item, names));
  if (typeof schema !== 'object' || schema === null) return schema;
  const copy: JsonSchema = {};
  for (const [key, value] of Object.entries(schema)) {
    copy[key] =
      key === '$ref' && typeof value === 'string' && value.startsWith(IN_DEFS)
        ? IN_COMPONENTS + names.get(value.slice(IN_DEFS.length))!
        : renamed(value, names);
  }
  return copy;
}

/** Values by the name of a field, for schemas that tell no example of their own. */
export type Samples = Readonly<Record<string, unknown>>;

/** A value that is likely to fit a schema: its own example where there is one, else a sample. The caller checks it. */
export function exampleOf(
  schema: JsonSchema,
  components: SchemaComponents,
  samples: Samples = {},
  name = '',
  depth = 0,
): unknown {
  const s = components.resolve(schema);
  const within = (inner: JsonSchema, key = name): unknown => exampleOf(inner, components, samples, key, depth + 1);
  if (s['examples']?.length) return s['examples'][0];
  if ('const' in s) return s['const'];
  if ('default' in s) return s['default'];
  if (s['enum']) return s['enum'][0];
  const option = (s['anyOf'] ?? s['oneOf'])?.[0] as JsonSchema | undefined;
  if (option) return within(option);
  if (s['allOf']) return Object.assign({}, ...s['allOf'].map((part: JsonSchema) => within(part)));
  const sample = samples[name];
  switch (Array.isArray(s['type']) ? s['type'][0] : s['type']) {
    case 'object': {
      // What is optional is left out, so that examples stay readable and recursion ends.
      const required = new Set<string>(s['required'] ?? []);
      const shown = Object.entries<JsonSchema>(s['properties'] ?? {}).filter(([key]) => required.has(key));
      return Object.fromEntries(shown.map(([key, property]) => [key, within(property, key)]));
    }
    case 'array':
      if (s['prefixItems']) return s['prefixItems'].map((item: JsonSchema) => within(item));
      if (Array.isArray(sample)) return sample;
      return depth > 12 ? [] : [within(s['items'] ?? {})];
    case 'integer':
    case 'number':
      return s['exclusiveMinimum'] === undefined ? Math.max(s['minimum'] ?? 1, 1) : s['exclusiveMinimum'] + 1;
    case 'boolean':
      return true;
    case 'null':
      return null;
    case 'string':
      return typeof sample === 'string' && !s['format'] && fits(sample, s) ? sample : stringExample(s);
    default:
      return sample ?? 'anything';
  }
}

const fits = (text: string, { minLength = 0, maxLength = Infinity, pattern }: JsonSchema): boolean =>
  text.length >= minLength && text.length <= maxLength && (!pattern || new RegExp(pattern as string, 'u').test(text));

const formats: Record<string, string> = {
  'date-time': '2011-12-09T12:50:00Z',
  date: '2011-12-09',
  uuid: '0198f3a0-1b2c-7d3e-8f40-123456789abc',
  email: 'ada@example.org',
  uri: 'https://example.org/',
};

const stringExample = (schema: JsonSchema): string =>
  formats[schema['format']] ?? 'text'.padEnd(schema['minLength'] ?? 0, '.').slice(0, schema['maxLength'] ?? undefined);
