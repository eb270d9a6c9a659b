import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { PersistentMap, PersistentSet } from './persistent-map.js';

// Pairs of them have one hash each: FNV-1a of 'costarring' and 'liquid', of 'declinate' and 'macallums'.
const SAME_HASH = ['costarring', 'liquid', 'declinate', 'macallums', 'altarage', 'zinke'];
const key = fc.oneof(fc.constantFrom(...SAME_HASH), fc.string({ maxLength: 3 }), fc.uuid());
const step = fc.oneof(
  fc.record({ kind: fc.constant('set' as const), key, value: fc.integer() }),
  fc.record({ kind: fc.constant('delete' as const), key }),
);

const SAMPLED = [100, 1_000, 10_000, 49_000];

/** The objects that a value is made of. */
function partsOf(value: unknown, into = new Set<object>()): Set<object> {
  if (typeof value === 'object' && value !== null && !into.has(value)) {
    into.add(value);
    for (const each of Object.values(value)) partsOf(each, into);
  }
  return into;
}

describe('a persistent map', () => {
  it('says what a Map says after the same steps, in its order, and leaves those before as they were', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
        const model = new Map<string, number>();
        let map = PersistentMap.empty<number>();
        const past: [PersistentMap<number>, [string, number][]][] = [];
        for (const each of steps) {
          past.push([map, [...model]]);
          if (each.kind === 'set') {
            model.set(each.key, each.value);
            map = map.set(each.key, each.value);
          } else {
            model.delete(each.key);
            map = map.delete(each.key);
          }
          expect(map.size).toBe(model.size);
          expect(map.get(each.key)).toBe(model.get(each.key));
        }
        for (const [then, entries] of [...past, [map, [...model]] as const]) expect([...then]).toEqual(entries);
        for (const other of SAME_HASH) expect(map.has(other)).toBe(model.has(other));
        expect(JSON.parse(JSON.stringify(map))).toEqual(Object.fromEntries(model));
      }),
    );
  });

  it('makes as few parts anew for one of fifty thousand entries as for one of a hundred', () => {
    let map = PersistentMap.empty<number>();
    const made: number[] = [];
    for (let i = 0; i < 50_000; i++) {
      const next = map.set(`key ${i}`, i);
      if (SAMPLED.includes(i)) {
        const before = partsOf(map);
        const parts = [...partsOf(next)].filter((part) => !before.has(part));
        // References that were copied: the children of the branches on the path, and the entry.
        made.push(parts.reduce((sum, part) => sum + Object.keys(part).length, 0));
      }
      map = next;
    }
    expect(made).toHaveLength(SAMPLED.length);
    expect(Math.max(...made)).toBeLessThan(300);
    expect(map.get('key 49999')).toBe(49_999);
  });
});

describe('a persistent set', () => {
  it('is a set in the order in which its values came', () => {
    const set = PersistentSet.of('b', 'a', 'b', 'c');
    expect([...set, set.size]).toEqual(['b', 'a', 'c', 3]);
    expect(set.add('a')).toBe(set);
    expect(set.delete('x')).toBe(set);
    expect([...set.delete('a').add('a')]).toEqual(['b', 'c', 'a']);
    expect(JSON.stringify({ set })).toBe('{"set":["b","a","c"]}');
    expect([set.has('c'), set.has('d'), PersistentSet.of().size]).toEqual([true, false, 0]);
  });
});
