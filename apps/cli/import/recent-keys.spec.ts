import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { RecentKeys } from './recent-keys.js';

describe('recent keys', () => {
  it('are as many as told, the newest, and those that are not settled', () => {
    const keys = new RecentKeys<{ settled: boolean }>(3, ({ settled }) => settled);
    keys.set('waits', { settled: false });
    for (const key of ['a', 'b', 'c', 'd', 'e', 'f']) keys.set(key, { settled: true });
    expect(['waits', 'a', 'b', 'c', 'd', 'e', 'f'].filter((key) => keys.has(key))).toEqual(['waits', 'e', 'f']);
  });

  it('hold no more than the number and what is not settled, whatever comes', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ key: fc.integer({ min: 0, max: 40 }).map(String), settled: fc.boolean() })),
        fc.integer({ min: 1, max: 10 }),
        (steps, most) => {
          const keys = new RecentKeys<{ settled: boolean }>(most, ({ settled }) => settled);
          const waiting = new Set<string>();
          for (const { key, settled } of steps) {
            keys.set(key, { settled });
            if (settled) waiting.delete(key);
            else waiting.add(key);
            expect(keys.has(key)).toBe(true);
            for (const each of waiting) expect(keys.has(each)).toBe(true);
            expect(keys.size).toBeLessThanOrEqual(Math.max(most, waiting.size + 1));
          }
        },
      ),
    );
  });
});
