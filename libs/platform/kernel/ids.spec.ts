import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Id, SecretIds } from './ids.js';

describe('ids under a secret', () => {
  const ids = new SecretIds(Buffer.alloc(32, 1));

  it('are uuids, the same for the same words, and others for any other words or secret', () => {
    const others = new SecretIds(Buffer.alloc(32, 2));
    fc.assert(
      fc.property(fc.array(fc.string()), fc.array(fc.string()), (one, other) => {
        expect(Id.parse(ids.id(...one))).toMatch(/^.{14}8.{4}[89ab]/);
        expect(ids.id(...one) === ids.id(...other)).toBe(JSON.stringify(one) === JSON.stringify(other));
        expect(ids.id(...one)).not.toBe(others.id(...one));
        const text = one.join(' ');
        expect(ids.fingerprint(text)).toHaveLength(16);
        expect(ids.fingerprint(text)).toEqual(ids.fingerprint(text));
        expect(ids.fingerprint(text)).not.toEqual(others.fingerprint(text));
      }),
    );
  });
});
