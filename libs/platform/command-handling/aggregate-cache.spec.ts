import { expect, it } from '@jest/globals';
import type { Aggregate } from '#platform/kernel/aggregate.js';
import { AggregateCache } from './aggregate-cache.js';

const any = { name: 'any', initial: {} } as unknown as Aggregate;
const states = (capacity: number, characters: number): AggregateCache => new AggregateCache(capacity, characters);
/** How many of the streams are held after each was put there with an event of so many characters. */
const heldOf = (cache: AggregateCache, streams: number, length: number): number => {
  const ids = Array.from({ length: streams }, (_, i) => String(i));
  for (const id of ids) cache.weigh(cache.fresh(any, id), { data: 'x'.repeat(length), personalData: null });
  return ids.filter((id) => cache.peek('any', id)).length;
};

it('few large states are held, or many small ones: memory does not grow with what orders hold', () => {
  expect(heldOf(states(1_000, 100_000), 450, 10)).toBe(450);
  const large = heldOf(states(1_000, 100_000), 450, 10_000);
  expect(large).toBeGreaterThan(0);
  expect(large).toBeLessThanOrEqual(11);
});

it('a state is as large as the largest of its events, and what is forgotten weighs nothing', () => {
  const cache = states(1_000, 1_000);
  const hot = cache.fresh(any, 'hot');
  for (let i = 0; i < 1_000; i++) cache.weigh(hot, { data: 'x'.repeat(100), personalData: 'x'.repeat(50) });
  expect(hot.weight).toBe(150);
  for (let i = 0; i < 100; i++) {
    const entry = cache.fresh(any, String(i));
    cache.weigh(entry, { data: 'x'.repeat(400), personalData: null });
    cache.drop(entry);
  }
  expect(cache.peek('any', 'hot')).toBe(hot);
});
