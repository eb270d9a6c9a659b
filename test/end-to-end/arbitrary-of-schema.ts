import fc, { type Arbitrary } from 'fast-check';

type JsonSchema = Record<string, any>;

/** Values that have broken services before, whatever was asked for. */
const junk: Arbitrary<unknown> = fc.oneof(
  fc.jsonValue({ maxDepth: 2 }),
  fc.constantFrom<unknown>(
    ...['', ' ', '\u0000', '\ud800', '٣', '1e400', '-0', 'NaN', '../..', "'; drop table events; --", '%00', '{}'],
    ...[0, -1, 1.5, 2 ** 53, -(2 ** 63), 1e308, true, null, [], {}, [[]], { __proto__: null, toString: 1 }],
    'x'.repeat(20_000),
  ),
  fc.string({ unit: 'binary', maxLength: 40 }),
);

export interface ArbitraryOptions {
  /** Ids that exist, drawn where the schema wants an id. */
  ids: readonly string[];
  /** One in so many places gets something else than its schema asks for; none when absent. */
  junkOneIn?: number;
}

/** Values for a JSON Schema of the document: mostly such that fit, with wrong ones strewn in at any depth. */
export function arbitraryOf(document: JsonSchema, schema: JsonSchema, options: ArbitraryOptions): Arbitrary<unknown> {
  const { ids, junkOneIn } = options;
  const fitting = (given: JsonSchema, depth: number): Arbitrary<unknown> => {
    const s = resolve(document, given);
    if ('const' in s) return fc.constant(s['const']);
    if (s['enum']) return fc.constantFrom(...(s['enum'] as unknown[]));
    const union = (s['anyOf'] ?? s['oneOf']) as JsonSchema[] | undefined;
    if (union) return fc.oneof(...union.map((each) => at(each, depth + 1)));
    if (s['allOf']) {
      const parts = (s['allOf'] as JsonSchema[]).map((each) => fitting(each, depth + 1));
      return fc.tuple(...parts).map((values) => Object.assign({}, ...values) as unknown);
    }
    const type = Array.isArray(s['type']) ? s['type'][0] : s['type'];
    if (type === 'object') return objectOf(s, depth);
    if (type === 'array') {
      const most = depth > 5 ? (s['minItems'] ?? 0) : Math.min(s['maxItems'] ?? 3, (s['minItems'] ?? 0) + 3);
      return fc.array(at(s['items'] ?? {}, depth + 1), { minLength: s['minItems'] ?? 0, maxLength: most });
    }
    if (type === 'integer' || type === 'number') {
      const min = s['minimum'] ?? (s['exclusiveMinimum'] === undefined ? -5 : s['exclusiveMinimum'] + 1);
      const max = s['maximum'] ?? Math.max(min, 1000);
      return fc.oneof(fc.integer({ min, max: Math.min(max, 2 ** 31 - 1) }), fc.constant(max));
    }
    if (type === 'boolean') return fc.boolean();
    if (type === 'null') return fc.constant(null);
    if (type === 'string') return textOf(s);
    return fc.jsonValue({ maxDepth: 2 });
  };
  const at = (given: JsonSchema, depth: number): Arbitrary<unknown> =>
    junkOneIn === undefined
      ? fitting(given, depth)
      : fc.oneof({ weight: junkOneIn - 1, arbitrary: fitting(given, depth) }, { weight: 1, arbitrary: junk });
  const objectOf = (s: JsonSchema, depth: number): Arbitrary<unknown> => {
    const properties = Object.entries((s['properties'] ?? {}) as Record<string, JsonSchema>);
    const required = new Set<string>(s['required'] ?? []);
    // What is optional is left out deep down, so that schemas that hold themselves come to an end.
    const kept = properties.filter(([name]) => required.has(name) || depth < 5);
    const known = fc.record(Object.fromEntries(kept.map(([name, each]) => [name, at(each, depth + 1)])), {
      requiredKeys: kept.map(([name]) => name).filter((name) => required.has(name)),
    });
    const open = typeof s['additionalProperties'] === 'object' ? (s['additionalProperties'] as JsonSchema) : undefined;
    let more: Arbitrary<object> = fc.constant({});
    if (open) more = fc.dictionary(fc.string({ maxLength: 8 }), at(open, depth + 1), { maxKeys: 3 });
    else if (junkOneIn !== undefined) more = fc.oneof({ weight: 3 * junkOneIn, arbitrary: more }, strange);
    return fc.tuple(known, more).map(([a, b]) => ({ ...a, ...b }));
  };
  const strange = fc.dictionary(fc.constantFrom('unknown', 'toString', 'constructor', 'a/b~c', ''), junk, {
    minKeys: 1,
  });
  const textOf = (s: JsonSchema): Arbitrary<string> => {
    const samples = formats[s['format'] as string];
    if (s['format'] === 'uuid') return fc.oneof(fc.constantFrom(...ids), fc.uuid({ version: 7 }));
    if (samples) return fc.constantFrom(...samples);
    const [minLength, maxLength] = [s['minLength'] ?? 0, Math.min(s['maxLength'] ?? 40, (s['minLength'] ?? 0) + 40)];
    const examples: string[] = s['examples'] ?? [];
    const choices: Arbitrary<string>[] = examples.length > 0 ? [fc.constantFrom(...examples)] : [];
    if (s['pattern']) choices.push(matching(s['pattern'] as string));
    else choices.push(fc.string({ unit: 'grapheme', minLength, maxLength }));
    return fc.oneof(...choices);
  };
  return at(schema, 0);
}

/** A node of the document, its `$ref` followed. */
export function resolve(document: JsonSchema, node: JsonSchema): JsonSchema {
  if (typeof node['$ref'] !== 'string') return node;
  const path = node['$ref'].slice(2).split('/');
  return resolve(
    document,
    path.reduce((within, step) => within[step] as JsonSchema, document),
  );
}

const formats: Record<string, string[]> = {
  'date-time': [
    '2026-01-05T12:00:00Z',
    '0001-01-01T00:00:00Z',
    '9999-12-31T23:59:59.999Z',
    '2026-02-29T12:00:00+14:00',
  ],
  date: ['2026-01-05', '2024-02-29', '0001-01-01', '9999-12-31', '2026-02-30'],
  email: ['ada@example.org', 'سارا@example.org'],
  uri: ['https://example.org/', 'javascript:alert(1)'],
};
const decimals = ['0', '1', '-1', '12.50', '0.0000001', '99999999999999999999', '-0', '1.', '007'];
const words = ['GBP', 'UTC', 'Europe/London', 'Asia/Tehran', 'en', 'a-code', 'vip', '+442079460000', 'text'];

/** Texts that match: made from the pattern where it can be turned round, and such as a person would write. */
function matching(pattern: string): Arbitrary<string> {
  const form = new RegExp(pattern, 'u');
  const written = [...decimals, ...words].filter((text) => form.test(text));
  const choices = written.length > 0 ? [fc.constantFrom(...written)] : [];
  try {
    choices.push(fc.stringMatching(form, { size: 'small' }));
  } catch {
    // It looks ahead or behind, which fast-check cannot turn round.
  }
  return choices.length > 0 ? fc.oneof(...choices) : fc.constantFrom(...words);
}
