import fc from 'fast-check';

/** A JSON schema as `z.toJSONSchema` writes it. */
export type JsonSchema = Record<string, any>;

/** Which fields that may be absent a sample has. */
export type Extent = 'full' | 'minimal';

const FORMATS: Record<string, string> = {
  date: '2011-12-10',
  'date-time': '2011-12-09T12:50:00Z',
  uuid: '0198f3a0-1b2c-7d3e-8f40-123456789abc',
};

/**
 * A value that fits a schema, always the same: all fields, or the required ones only. Of alternatives it
 * takes them all, one each, where it fills a list, else the first.
 * @throws Error for a construct that it does not know, so that no event goes without its sample.
 */
export function sample(schema: JsonSchema, extent: Extent, at = ''): unknown {
  if ('const' in schema) return schema['const'];
  if (schema['enum']) return schema['enum'][0];
  if (schema['examples']) return schema['examples'][0];
  const alternatives: JsonSchema[] | undefined = schema['anyOf'] ?? schema['oneOf'];
  if (alternatives) return sample(alternatives[0]!, extent, at);
  switch (schema['type']) {
    case 'object':
      return sampleObject(schema, extent, at);
    case 'array':
      return sampleArray(schema, extent, at);
    case 'string':
      return sampleString(schema);
    case 'integer':
    case 'number':
      return Math.max(schema['minimum'] ?? 1, Math.min(1, schema['maximum'] ?? 1));
    case 'boolean':
      return true;
    case 'null':
      return null;
    default:
      throw new Error(`no sample of ${at || 'the schema'}: ${JSON.stringify(schema)}`);
  }
}

function sampleObject(schema: JsonSchema, extent: Extent, at: string): unknown {
  const required: string[] = schema['required'] ?? [];
  const properties = Object.entries<JsonSchema>(schema['properties'] ?? {});
  const taken = properties.filter(([name]) => extent === 'full' || required.includes(name));
  return Object.fromEntries(taken.map(([name, field]) => [name, sample(field, extent, `${at}/${name}`)]));
}

function sampleArray(schema: JsonSchema, extent: Extent, at: string): unknown[] {
  const least = schema['minItems'] ?? 0;
  if (extent === 'minimal') return Array.from({ length: least }, () => sample(schema['items'], extent, `${at}/0`));
  const variants = variantsOf(schema['items']).slice(0, schema['maxItems'] ?? Infinity);
  return Array.from({ length: Math.max(least, variants.length) }, (_, index) =>
    sample(variants[index % variants.length]!, extent, `${at}/${index}`),
  );
}

/** The item once for each of its alternatives, also where one of its properties has them. */
function variantsOf(item: JsonSchema): JsonSchema[] {
  const alternatives: JsonSchema[] | undefined = item['anyOf'] ?? item['oneOf'];
  if (alternatives) return alternatives;
  for (const [name, field] of Object.entries<JsonSchema>(item['properties'] ?? {})) {
    const inner: JsonSchema[] | undefined = field['anyOf'] ?? field['oneOf'];
    if (inner) return inner.map((one) => ({ ...item, properties: { ...item['properties'], [name]: one } }));
  }
  return [item];
}

function sampleString({ format, pattern, minLength = 0, maxLength = 20 }: JsonSchema): string {
  if (format in FORMATS) return FORMATS[format]!;
  if (pattern) return fc.sample(fc.stringMatching(new RegExp(pattern, 'u')), { numRuns: 1, seed: 1 })[0]!;
  return 'sample یاد 记'.padEnd(minLength, '.').slice(0, maxLength);
}
