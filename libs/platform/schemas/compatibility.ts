import type { JsonSchema } from './components.js';

/**
 * Why somebody who reads data by an older schema may be unable to read data of a newer one; empty where they can.
 * They pass over members that they do not know. Nothing is lost to them (a member that was there stays), of another type,
 * absent where it was always there, or outside the values that they were promised. A change that this function cannot
 * follow counts as one that breaks.
 * @param older, newer JSON Schemas without references (`inlined`), as zod writes them
 * @returns one line a reason, each with the JSON pointer of where it is
 */
export function breaksReader(older: JsonSchema, newer: JsonSchema, at = ''): string[] {
  const [olders, newers] = [alternatives(older), alternatives(newer)];
  if (olders.length === 1 && newers.length === 1) return breaksOne(olders[0]!, newers[0]!, at);
  // Each form that may come must be one that the reader knows.
  return newers.flatMap((form) => {
    const reasons = olders.map((known) => breaksOne(known, form, at));
    if (reasons.some((each) => each.length === 0)) return [];
    return [`${at || '/'}: a new form, ${JSON.stringify(form).slice(0, 120)}`];
  });
}

const alternatives = (schema: JsonSchema): JsonSchema[] =>
  ((schema['anyOf'] ?? schema['oneOf']) as JsonSchema[] | undefined)?.flatMap(alternatives) ?? [schema];

/** Said for people; promises nothing. */
const SAID_ONLY = new Set(['$schema', 'title', 'description', 'examples', 'id', '$id', 'deprecated', 'default']);
const FOLLOWED = new Set([
  ...['type', 'properties', 'required', 'additionalProperties', 'items', 'enum', 'const', 'format', 'pattern'],
  ...['minLength', 'maxLength', 'minItems', 'maxItems', 'minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum'],
]);
const LEAST = ['minLength', 'minItems', 'minimum', 'exclusiveMinimum'];
const MOST = ['maxLength', 'maxItems', 'maximum', 'exclusiveMaximum'];

function breaksOne(older: JsonSchema, newer: JsonSchema, at: string): string[] {
  const where = at || '/';
  const reasons: string[] = [];
  const say = (what: string): void => void reasons.push(`${where}: ${what}`);
  if (older['type'] !== newer['type']) say(`type was ${older['type']}, is ${newer['type']}`);
  const values = valuesOf(older);
  if (values) {
    const added = valuesOf(newer)?.filter((value) => !values.includes(value));
    if (!added) say('any value may come, where only some did');
    else if (added.length > 0) say(`new values: ${added.join(', ')}`);
  }
  for (const name of ['format', 'pattern']) {
    if (older[name] !== undefined && older[name] !== newer[name]) say(`${name} was ${older[name]}, is ${newer[name]}`);
  }
  for (const name of LEAST) {
    if (older[name] !== undefined && !(newer[name] >= older[name]))
      say(`${name} was ${older[name]}, is ${newer[name]}`);
  }
  for (const name of MOST) {
    if (older[name] !== undefined && !(newer[name] <= older[name]))
      say(`${name} was ${older[name]}, is ${newer[name]}`);
  }
  const [had, has]: JsonSchema[] = [older['properties'] ?? {}, newer['properties'] ?? {}];
  const [needed, needs] = [older, newer].map((schema) => new Set<string>(schema['required'] ?? []));
  for (const [name, was] of Object.entries<JsonSchema>(had!)) {
    const is = has![name] as JsonSchema | undefined;
    if (!is) reasons.push(`${at}/${name}: is gone`);
    else {
      if (needed!.has(name) && !needs!.has(name)) reasons.push(`${at}/${name}: may be absent now`);
      reasons.push(...breaksReader(was, is, `${at}/${name}`));
    }
  }
  if (isSchema(older['items'])) {
    if (isSchema(newer['items'])) reasons.push(...breaksReader(older['items'], newer['items'], `${at}/*`));
    else say('items may be anything');
  }
  if (isSchema(older['additionalProperties'])) {
    const more = newer['additionalProperties'];
    if (isSchema(more)) reasons.push(...breaksReader(older['additionalProperties'], more, `${at}/*`));
    else if (more !== false) say('members may be anything');
  }
  for (const name of Object.keys({ ...older, ...newer })) {
    if (FOLLOWED.has(name) || SAID_ONLY.has(name)) continue;
    if (JSON.stringify(older[name]) !== JSON.stringify(newer[name])) say(`${name} has changed`);
  }
  return reasons;
}

const isSchema = (value: unknown): value is JsonSchema => typeof value === 'object' && value !== null;

const valuesOf = (schema: JsonSchema): unknown[] | undefined =>
  'const' in schema ? [schema['const']] : (schema['enum'] as unknown[] | undefined);
