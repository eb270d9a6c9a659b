import type { InputIssue } from './errors.js';
import { pointer } from './json-pointer.js';

/** Objects and lists within one another at most. */
export const MAX_DEPTH = 32;

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
