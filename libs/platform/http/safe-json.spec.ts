import { describe, expect, it } from '@jest/globals';
import { findUnsafeInput } from '#platform/kernel/unsafe-input.js';
import { parseJson } from './safe-json.js';

describe('hostile JSON', () => {
  it('is named where it stands', () => {
    expect(findUnsafeInput(parseJson('{"a":[1,{"constructor":2}]}'))?.pointer).toBe('/a/1/constructor');
    expect(findUnsafeInput(parseJson('{"a\\u0000":1}'))?.pointer).toBe('/a\0');
    expect(findUnsafeInput(parseJson('{"a":"😀","b":[{}],"c":null}'))).toBeUndefined();
  });

  it('may be a whole megabyte deep without harm', () => {
    const deep = parseJson('['.repeat(500_000) + ']'.repeat(500_000));
    expect(findUnsafeInput(deep)?.message).toContain('deeper');
  });
});
