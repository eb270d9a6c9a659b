import { z } from 'zod';
import { Erased, isErased } from '#platform/kernel/erased.js';
import { masked } from '#platform/kernel/masked.js';

/** Gives a value with its personal parts masked. What it is given may be shared, and stays as it is. */
export type Mask = (value: unknown) => unknown;

type Schema = z.core.$ZodType;

/**
 * What masks the answers of a schema, made once for each operation; undefined where no answer can hold a personal value.
 * A personal field is one whose schema is `orErased`: all there is of it is masked, unless it says itself which of its
 * parts are personal. What is not there stays absent, and what was erased stays `erased`.
 * @throws Error for a schema that it cannot look into, and where it cannot tell the forms of a union apart
 */
export function maskOf(schema: Schema): Mask | undefined {
  const def = schema._zod.def as any;
  switch (def.type) {
    case 'object':
      return maskOfObject(def.shape as Record<string, Schema>);
    case 'array':
      return maskOfList(maskOf(def.element));
    case 'record':
      return maskOfRecord(maskOf(def.valueType));
    case 'union':
      return maskOfUnion(def.options);
    case 'optional':
    case 'nullable':
    case 'default':
    case 'prefault':
    case 'readonly':
    case 'nonoptional':
      return unlessAbsent(maskOf(def.innerType));
    case 'pipe':
      return maskOf(def.out);
    default:
      if (LEAVES.has(def.type)) return undefined;
      throw new Error(`answers are not masked within a ${def.type}: say in libs/platform/access/masking.ts how`);
  }
}

/** Schemas without parts of a schema of their own. Of `unknown` a spec lists every place in an answer. */
const LEAVES: ReadonlySet<string> = new Set([
  ...['string', 'number', 'int', 'bigint', 'boolean', 'date', 'enum', 'literal', 'null', 'undefined', 'void'],
  ...['template_literal', 'unknown', 'any', 'never'],
]);

/** Names of the fields of an answer that hold personal values, wholly or in part. */
export function personalFieldsOf(schema: Schema): string[] {
  const def = schema._zod.def as any;
  if (def.type !== 'object') return [];
  return Object.entries<Schema>(def.shape).flatMap(([name, field]) => (maskOf(field) ? [name] : []));
}

const maskAll: Mask = (value) => (value === undefined || value === null || isErased(value) ? value : masked);

const unlessAbsent = (mask: Mask | undefined): Mask | undefined =>
  mask && ((value) => (value === undefined || value === null ? value : mask(value)));

function maskOfObject(shape: Record<string, Schema>): Mask | undefined {
  const fields = Object.entries(shape).flatMap(([name, field]) => {
    const mask = maskOf(field);
    return mask ? [[name, mask] as const] : [];
  });
  if (fields.length === 0) return undefined;
  return (value) => {
    const copy = { ...(value as Record<string, unknown>) };
    for (const [name, mask] of fields) if (copy[name] !== undefined) copy[name] = mask(copy[name]);
    return copy;
  };
}

const maskOfList = (mask: Mask | undefined): Mask | undefined =>
  mask && ((value) => (value as unknown[]).map((each) => mask(each)));

const maskOfRecord = (mask: Mask | undefined): Mask | undefined =>
  mask &&
  ((value) =>
    Object.fromEntries(Object.entries(value as Record<string, unknown>).map(([key, each]) => [key, mask(each)])));

function maskOfUnion(options: readonly Schema[]): Mask | undefined {
  if (options.includes(Erased)) {
    const [whole, ...more] = options.filter((option) => option !== Erased);
    const within = more.length === 0 ? maskOf(whole!) : undefined;
    if (!within) return maskAll;
    return (value) => (value === undefined || value === null || isErased(value) ? value : within(value));
  }
  const masks = options.map((option) => maskOf(option));
  if (masks.every((mask) => mask === undefined)) return undefined;
  const forms = options.map((option, at) => ({ literals: literalsOf(option), mask: masks[at] }));
  if (forms.some(({ literals }) => literals.length === 0)) {
    throw new Error('a union with personal parts needs a literal in each of its forms, to tell them apart');
  }
  return (value) => {
    const given = value as Record<string, unknown>;
    for (const { literals, mask } of forms) {
      if (literals.every(([name, values]) => values.includes(given[name]))) return mask ? mask(value) : value;
    }
    // Nobody knows what is personal in it.
    throw new Error('an answer is of no form that its schema knows');
  };
}

/** The fields of an object that have one value, or one of a few. */
function literalsOf(option: Schema): [string, readonly unknown[]][] {
  const def = option._zod.def as any;
  if (def.type !== 'object') return [];
  return Object.entries<any>(def.shape).flatMap(([name, field]): [string, readonly unknown[]][] =>
    field._zod.def.type === 'literal' ? [[name, field._zod.def.values]] : [],
  );
}
