import { InvalidInput, type InputIssue } from '#platform/kernel/errors.js';
import { alteredIn } from './altered-json.js';
import { HttpProblem } from './problem.js';
import { pointer } from './json-pointer.js';

/** Objects and lists within one another at most. */
export const MAX_DEPTH = 32;

/**
 * Parses a body; an empty one is undefined. `__proto__` becomes an ordinary key here, which `findUnsafeInput` then names.
 * What JSON.parse would take and alter is refused: of two keys of one name it keeps the last, and of a number what a
 * double holds.
 * @throws HttpProblem malformed-request, InvalidInput naming the key or number
 */
export function parseJson(text: string): unknown {
  if (text.length === 0) return undefined;
  const json = text.charCodeAt(0) === 0xfeff ? text.slice(1) : text;
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (error) {
    throw new HttpProblem('malformed-request', `the body is not JSON: ${(error as Error).message}`);
  }
  const altered = alteredIn(json, value);
  if (altered) throw new InvalidInput([altered]);
  return value;
}

/**
 * The first thing in a parsed body that no schema should have to meet: keys that reach for prototypes, nesting beyond
 * MAX_DEPTH, and text that the database cannot hold (NUL, half a surrogate pair).
 */
export function findUnsafeInput(value: unknown, depth = 0): InputIssue | undefined {
  if (typeof value === 'string') {
    return isStorable(value) ? undefined : { pointer: '', message: 'holds a character that cannot be stored' };
  }
  if (typeof value !== 'object' || value === null) return undefined;
  if (depth >= MAX_DEPTH) return { pointer: '', message: `is nested deeper than ${MAX_DEPTH} levels` };
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) {
      const issue = findUnsafeInput(value[i], depth + 1);
      if (issue) return under(i, issue);
    }
    return undefined;
  }
  for (const key in value) {
    if (key === '__proto__' || key === 'constructor' || key === 'prototype') {
      return { pointer: pointer([key]), message: 'is not allowed as a key' };
    }
    const issue = findUnsafeInput((value as Record<string, unknown>)[key], depth + 1);
    if (issue) return under(key, issue);
    if (!isStorable(key)) return { pointer: pointer([key]), message: 'holds a character that cannot be stored' };
  }
  return undefined;
}

const UNSTORABLE = /\0|[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]/;
/** Whether the database can hold a text: no NUL, no half of a surrogate pair. */
export const isStorable = (text: string): boolean => !UNSTORABLE.test(text);

const under = (key: string | number, issue: InputIssue): InputIssue => ({
  ...issue,
  pointer: pointer([key]) + issue.pointer,
});

/** JSON with its keys in order: the same text for the same value, however it was written. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(inOrder(value)) ?? 'null';
}

function inOrder(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(inOrder);
  if (typeof (value as { toJSON?: unknown }).toJSON === 'function') return value;
  const keys = Object.keys(value);
  const record = value as Record<string, unknown>;
  if (isPlain(keys, record)) return value;
  // Without a prototype, so that a key `__proto__` is a key like others.
  const ordered = Object.create(null) as Record<string, unknown>;
  for (const key of keys.toSorted()) ordered[key] = inOrder(record[key]);
  return ordered;
}

/** Whether an object is in order as it stands, as small ones often are: then it needs no copy. */
function isPlain(keys: readonly string[], record: Record<string, unknown>): boolean {
  for (let i = 0; i < keys.length; i++) {
    if (i > 0 && keys[i - 1]! > keys[i]!) return false;
    if (typeof record[keys[i]!] === 'object') return false;
  }
  return true;
}
