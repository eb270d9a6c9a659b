import { expect, it } from '@jest/globals';
import fc from 'fast-check';
import { StreamMap } from './stream-map.js';

it('holds what a map with joined keys holds, whatever is set and deleted', () => {
  const name = fc.constantFrom('order', 'return', 'order-');
  const step = fc.record({ aggregate: name, id: fc.constantFrom('1', '-1', '2'), value: fc.option(fc.nat()) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const [map, plain] = [new StreamMap<number>(), new Map<string, number>()];
      for (const { aggregate, id, value } of steps) {
        const key = JSON.stringify([aggregate, id]);
        if (value === null) map.delete(aggregate, id);
        else map.set(aggregate, id, value);
        if (value === null) plain.delete(key);
        else plain.set(key, value);
        expect(map.get(aggregate, id)).toBe(plain.get(key));
        expect(map.size).toBe(plain.size);
      }
      expect([...map.values()].toSorted()).toEqual([...plain.values()].toSorted());
      map.clear();
      expect([map.size, [...map.values()]]).toEqual([0, []]);
    }),
  );
});
