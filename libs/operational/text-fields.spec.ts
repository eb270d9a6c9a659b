import { describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { sample, type JsonSchema } from '../../test/golden/sample.js';
import { commands } from './index.js';

/** A field, or which of several forms a value has. */
type Step = string | number | { form: number };
interface Leaf {
  steps: Step[];
  schema: JsonSchema;
}

const formsOf = (schema: JsonSchema): JsonSchema[] | undefined => schema['anyOf'] ?? schema['oneOf'];

/** Every place in an input where a string can stand. */
function* strings(root: JsonSchema, schema = root, steps: Step[] = []): Generator<Leaf> {
  const node = resolved(root, schema);
  for (const [form, each] of (formsOf(node) ?? []).entries()) yield* strings(root, each, [...steps, { form }]);
  if (node['type'] === 'string' && !node['enum'] && !('const' in node)) yield { steps, schema: node };
  for (const [name, field] of Object.entries<JsonSchema>(node['properties'] ?? {})) {
    yield* strings(root, field, [...steps, name]);
  }
  if (node['items']) yield* strings(root, node['items'], [...steps, 0]);
}

function resolved(root: JsonSchema, { $ref, ...node }: JsonSchema): JsonSchema {
  return $ref === undefined
    ? node
    : { ...resolved(root, root['$defs'][String($ref).replace('#/$defs/', '')]), ...node };
}

/** The smallest input with this value in that place. */
function inputWith(root: JsonSchema, schema: JsonSchema, [step, ...rest]: Step[], value: string): unknown {
  if (step === undefined) return value;
  const node = resolved(root, schema);
  if (typeof step === 'object') return inputWith(root, formsOf(node)![step.form]!, rest, value);
  if (typeof step === 'number') return [inputWith(root, node['items'], rest, value)];
  const others = (node['required'] ?? []).map((name: string) => [name, plainSample(root, node['properties'][name])]);
  return { ...Object.fromEntries(others), [step]: inputWith(root, node['properties'][step], rest, value) };
}

function plainSample(root: JsonSchema, schema: JsonSchema): unknown {
  const node = resolved(root, schema);
  if (node['examples']) return node['examples'][0];
  if (formsOf(node)) return plainSample(root, formsOf(node)![0]!);
  if (node['type'] === 'object') {
    return Object.fromEntries(
      (node['required'] ?? []).map((name: string) => [name, plainSample(root, node['properties'][name])]),
    );
  }
  if (node['type'] === 'array') return [plainSample(root, node['items'])];
  return sample(node, 'minimal');
}

const fields = commands.flatMap(({ name, input }) => {
  const root = z.toJSONSchema(input, { io: 'input' }) as JsonSchema;
  return [...strings(root)].map((leaf) => {
    const path = leaf.steps.filter((step) => typeof step !== 'object');
    const parse = (value: string) => input.safeParse(inputWith(root, root, leaf.steps, value));
    const free = !leaf.schema['format'] && !leaf.schema['pattern'];
    return {
      place: `${name} /${path.join('/')}`,
      last: String(path.findLast(isNaN as any)),
      path,
      parse,
      free,
      ...leaf,
    };
  });
});

// What may be left empty, and so may be empty to the eye: what somebody wrote beside a line of an order.
const MAY_BE_EMPTY = ['description'];
// Kept to the letter, as a person wrote it.
const PROSE = ['note', 'comment', 'remarks', 'text', 'description', 'value'];
const EMPTY = [
  '',
  ' ',
  '\u200f',
  '\u200b\u200d',
  '\u2800',
  '\u3164 \u115f',
  '\u202a\u202c',
  '\ufeff',
  '\u00ad',
  '\u{e0041}',
];

describe('every text of every command', () => {
  const texts = fields.filter(({ free }) => free);
  it('is looked at here', () => expect(texts.length).toBeGreaterThan(60));

  it.each(texts.map((field) => [field.place, field] as const))('%s: nothing to see is refused', (_place, field) => {
    const { parse, path, last, schema } = field;
    if (last === 'description' && schema['minLength'] === undefined) {
      expect(MAY_BE_EMPTY).toContain(last);
      return;
    }
    for (const text of EMPTY) {
      const issues = parse(text).error?.issues.map((issue) => [...inner(issue)].map(String).join('/'));
      expect(issues).toContain(path.join('/'));
    }
    // A seen character is enough, where the text has no form of its own; so nothing else was wrong above.
    expect(parse(schema['examples']?.[0] ?? '7').error).toBeUndefined();
  });

  it.each(fields.map((field) => [field.place, field] as const))('%s: marks never decide', (_place, field) => {
    const { parse, last, schema } = field;
    const value = String(schema['examples']?.[0] ?? sample(schema, 'minimal'));
    const written = parse(value);
    for (const mark of ['\u200f', '\u200b', '\u2066', '\ufeff', '\u00ad']) {
      const marked = parse(`${mark}${value}${mark}`);
      if (!marked.success || PROSE.includes(last)) continue;
      expect(marked.data).toEqual(written.data);
    }
  });
});

/** The path of an issue, through the forms of a union to the one that came nearest. */
function inner(issue: any): PropertyKey[] {
  if (issue.code !== 'invalid_union' || issue.errors.length === 0) return issue.path;
  const [nearest] = issue.errors.toSorted((a: unknown[], b: unknown[]) => a.length - b.length);
  return nearest.length === 0 ? issue.path : [...issue.path, ...inner(nearest[0])];
}
