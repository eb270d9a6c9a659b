import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { canonicalJson } from './canonical-json.js';

/** The same value, with the keys of its objects in another order. */
function shuffled(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(shuffled);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(([key, inner]) => [key, shuffled(inner)] as const);
  return Object.fromEntries(entries.toReversed());
}

describe('canonical JSON', () => {
  it('is the same for the same value, whatever the order of its keys, and means the same', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const stored = JSON.parse(JSON.stringify(value)) as unknown;
        expect(canonicalJson(shuffled(stored))).toBe(canonicalJson(stored));
        expect(JSON.parse(canonicalJson(stored))).toEqual(stored);
      }),
    );
  });

  it('keeps a key that names the prototype', () => {
    const value = JSON.parse('{"b":[],"__proto__":1}') as unknown;
    expect(canonicalJson(value)).toBe('{"__proto__":1,"b":[]}');
  });

  it('tells different values apart', () => {
    const texts = [{ a: 1 }, { a: '1' }, { b: 1 }, { a: [1] }, { a: { b: 1 } }, { a: 1, b: 2 }, [], {}, null];
    expect(new Set(texts.map(canonicalJson)).size).toBe(texts.length);
    expect(canonicalJson({ a: undefined, b: 1 })).toBe(canonicalJson({ b: 1 }));
  });
});
