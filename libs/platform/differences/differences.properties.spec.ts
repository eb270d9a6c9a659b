import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { canonicalJson } from '#platform/kernel/canonical-json.js';
import { PersistentMap, PersistentSet } from '#platform/kernel/persistent-map.js';
import {
  differences,
  fieldOf,
  isRecord,
  jsonOf,
  pointerOf,
  textOf,
  type Difference,
  type Step,
} from './differences.js';
import { FollowedPlaces } from './followed-places.js';

const scalar = fc.oneof(
  fc.constantFrom<unknown>(null, true, 0, 1, '', 'a', '~/', '__proto__', { erased: true }, { masked: true }),
  fc.string({ maxLength: 3 }),
);
const name = fc.constantFrom('a', 'b', 'id', 'line', 'name', '__proto__', 'constructor', '/', '~1', '');
const value = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    scalar,
    fc.array(tie('value'), { maxLength: 4 }),
    fc.uniqueArray(fc.constantFrom('x', 'y', 'z'), { maxLength: 3 }),
    fc.uniqueArray(fc.record({ id: fc.constantFrom(1, 2, 3), of: tie('value') }), { selector: ({ id }) => id }),
    fc.dictionary(name, tie('value'), { maxKeys: 4 }),
  ),
})).value;
const document = fc.dictionary(name, value, { maxKeys: 4 }).map(jsonOf);

/** The value at a path; undefined: nothing. Written anew here, so that it can tell what `FollowedPlaces` gets wrong. */
function at(given: any, [step, ...rest]: readonly Step[]): unknown {
  if (!step || given === undefined) return given;
  if (step.kind === 'field') return isRecord(given) ? at(fieldOf(given, step.name), rest) : undefined;
  if (!Array.isArray(given)) return undefined;
  if (step.kind === 'place') return at(given[step.at], rest);
  const named = (item: any): boolean => (step.by === '' ? item : isRecord(item) && fieldOf(item, step.by)) === step.is;
  return at(given.find(named), rest);
}

/** A copy with another value at a path; lists whose items are named are as their items come. */
function having(given: any, [step, ...rest]: readonly Step[], after: unknown): unknown {
  if (!step) return after;
  if (step.kind === 'field') {
    const fields = new Map(Object.entries(given));
    const field = having(fields.get(step.name), rest, after);
    if (field === undefined) fields.delete(step.name);
    else fields.set(step.name, field);
    return Object.fromEntries(fields);
  }
  const list = [...given];
  const place =
    step.kind === 'place'
      ? step.at
      : list.findIndex((item) => (step.by === '' ? item : isRecord(item) && fieldOf(item, step.by)) === step.is);
  const item = having(place < 0 ? undefined : list[place], rest, after);
  if (place < 0) list.push(item);
  else list[place] = item;
  return list;
}

/** What stays when the places of items do not count: so lists of named items are compared. */
function unordered(given: any): unknown {
  if (Array.isArray(given))
    return given.map(unordered).toSorted((a, b) => (canonicalJson(a) < canonicalJson(b) ? -1 : 1));
  if (!isRecord(given)) return given;
  return Object.fromEntries(Object.entries(given).map(([key, each]) => [key, unordered(each)]));
}

/** Items that went are holes until the end, so that the places of those that stay are the same all along. */
const withoutHoles = (given: any): unknown =>
  Array.isArray(given)
    ? given.filter((item) => item !== undefined).map(withoutHoles)
    : isRecord(given)
      ? Object.fromEntries(Object.entries(given).map(([key, each]) => [key, withoutHoles(each)]))
      : given;

const applied = (before: unknown, found: readonly Difference[]): unknown =>
  withoutHoles(found.reduce((made, { path, after }) => having(made, path, after), before));

describe('differences', () => {
  it('applied to the earlier value give the later one', () => {
    fc.assert(
      fc.property(document, document, (before, after) => {
        const found = [...differences(before, after)];
        expect(canonicalJson(unordered(applied(before, found)))).toBe(canonicalJson(unordered(after)));
      }),
      { numRuns: 500 },
    );
  });

  it('are none of a value and itself, and those of the way back are the same with before and after exchanged', () => {
    fc.assert(
      fc.property(document, document, (before, after) => {
        expect([...differences(before, jsonOf(before))]).toEqual([]);
        const there = [...differences(before, after)];
        const back = [...differences(after, before)];
        const told = (found: readonly Difference[], from: 'before' | 'after', to: 'before' | 'after') =>
          found
            .map((each) =>
              canonicalJson([
                pointerOf(each.path),
                each[from] === undefined,
                each[from],
                each[to] === undefined,
                each[to],
              ]),
            )
            .toSorted();
        expect(told(there, 'before', 'after')).toEqual(told(back, 'after', 'before'));
      }),
      { numRuns: 300 },
    );
  });

  it('say what stands at their place before and after, and each place once', () => {
    fc.assert(
      fc.property(document, document, (before, after) => {
        const found = [...differences(before, after)];
        for (const each of found) {
          expect([at(before, each.path), at(after, each.path)]).toEqual([each.before, each.after]);
        }
        expect(new Set(found.map(({ path }) => pointerOf(path))).size).toBe(found.length);
      }),
      { numRuns: 300 },
    );
  });

  it('name items of lists by a field that tells them apart, else by their places', () => {
    const pointers = (before: unknown, after: unknown) =>
      [...differences(before, after)].map(({ path }) => pointerOf(path));
    const line = (number: number, quantity: string) => ({ line: number, quantity });
    expect(pointers({ lines: [line(1, '2'), line(2, '5')] }, { lines: [line(2, '6'), line(3, '1')] })).toEqual([
      ...['/lines/line=1', '/lines/line=2/quantity', '/lines/line=3'],
    ]);
    expect(pointers({ tags: ['new', 'vip'] }, { tags: ['vip', 'late'] })).toEqual(['/tags/=new', '/tags/=late']);
    const paid = (amount: string) => ({ amount });
    expect(pointers([paid('1'), paid('2')], [paid('1'), paid('3'), paid('3')])).toEqual(['/1/amount', '/2']);
  });
});

describe('the places that are followed', () => {
  it('are touched by exactly the steps after which another value stands at them', () => {
    fc.assert(
      fc.property(fc.array(document, { minLength: 2, maxLength: 6 }), (states) => {
        const found = [...differences(states[0], states.at(-1))];
        const followed = new FollowedPlaces(found, states[0]);
        const touched = new Set<number>();
        for (const [step, state] of states.slice(1).entries()) {
          const expected = found.flatMap(({ path }, place) =>
            textOf(at(states[step], path)) === textOf(at(state, path)) ? [] : [place],
          );
          const actual = followed.next(state);
          expect(actual.toSorted((a, b) => a - b)).toEqual(expected);
          for (const place of actual) touched.add(place);
        }
        // Whatever differs in the end was changed by somebody.
        expect(touched.size).toBe(found.length);
      }),
      { numRuns: 500 },
    );
  });

  it('are found in the maps and sets of a state as in its JSON', () => {
    const state = (entries: Record<string, unknown>, set: string[]) => ({
      map: Object.entries(entries).reduce((map, [key, each]) => map.set(key, each), PersistentMap.empty<unknown>()),
      set: PersistentSet.of(...set),
    });
    const states = [
      state({ a: { n: 1 }, b: 2 }, ['x']),
      state({ a: { n: 1 }, c: 3 }, ['x']),
      state({ a: { n: 4 } }, ['y']),
    ];
    const found = [...differences(jsonOf(states[0]), jsonOf(states[2]))];
    expect(found.map(({ path }) => pointerOf(path))).toEqual(['/map/a/n', '/map/b', '/set/=x', '/set/=y']);
    const followed = new FollowedPlaces(found, states[0]);
    expect([followed.next(states[1]), followed.next(states[2])]).toEqual([[1], [0, 2, 3]]);
  });
});
