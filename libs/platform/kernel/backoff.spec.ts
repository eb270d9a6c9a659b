import { expect, it } from '@jest/globals';
import { backoff } from './backoff.js';

it('waits twice as long after each failure, up to a bound, and a fifth less at most', () => {
  const options = { firstMs: 20, capMs: 1_000 };
  for (const [attempt, full] of [
    [1, 20],
    [2, 40],
    [6, 640],
    [7, 1_000],
    [10_000, 1_000],
  ] as const) {
    const waits = Array.from({ length: 100 }, () => backoff(attempt, options));
    expect(Math.min(...waits)).toBeGreaterThanOrEqual(full * 0.8);
    expect(Math.max(...waits)).toBeLessThanOrEqual(full);
    expect(new Set(waits).size).toBeGreaterThan(50);
  }
});
