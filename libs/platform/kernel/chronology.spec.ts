import { describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { Day, PastDay } from './calendar.js';
import { about, assertNotAhead, Chronology, late, step, STEP_DATING } from './chronology.js';
import { DayPaths } from './day-paths.js';

const of = 'order-1';
const day = (n: number): number => Date.UTC(2026, 4, n);

/** Dates of a stream of these events. */
function dates(...events: [dating: ReturnType<typeof step>, day: number][]): Chronology {
  const chronology = new Chronology();
  for (const [dating, n] of events) chronology.note(dating, day(n));
  return chronology;
}

describe('dates of a stream', () => {
  it('a step is not before the last step, and says which date it may not precede', () => {
    const stream = dates([STEP_DATING, 1], [STEP_DATING, 5]);
    expect(() => stream.check(STEP_DATING, day(4), of)).toThrow(
      '2026-05-04T00:00:00.000Z is before the last step of order-1, dated 2026-05-05T00:00:00.000Z',
    );
    stream.check(STEP_DATING, day(5), of);
  });

  it('what is told late is after what it depends on, and holds nothing up', () => {
    const placing = step({ marks: ['placing'] });
    const payment = { follows: ['placing'], marks: ['last payment'] };
    const stream = dates([STEP_DATING, 1], [placing, 3], [STEP_DATING, 9]);
    stream.check(payment, day(4), of);
    expect(() => stream.check(payment, day(2), of)).toThrow('before the placing of order-1');
    stream.note(payment, day(20));
    stream.check(STEP_DATING, day(9), of);
    expect(() => stream.check(step({ follows: ['last payment'] }), day(19), of)).toThrow('the last payment');
  });

  it('nothing is before the first event, whatever came after', () => {
    const stream = dates([STEP_DATING, 3], [late(), 5]);
    for (const dating of [STEP_DATING, late(), about('tag vip')]) {
      expect(() => stream.check(dating, day(2), of)).toThrow('before the beginning of order-1');
    }
    stream.check(about('tag vip'), day(3), of);
    new Chronology().check(STEP_DATING, 0, of);
  });

  it('parts are in order each by itself', () => {
    const stream = dates([STEP_DATING, 1], [about('tag a', 'tag b'), 8], [about('tag c'), 4]);
    stream.check(about('tag c'), day(4), of);
    expect(() => stream.check(about('tag c', 'tag b'), day(5), of)).toThrow('the tag b of');
  });

  it('the clock may be passed by the tolerance', () => {
    assertNotAhead(day(2), day(1), 86_400_000);
    expect(() => assertNotAhead(day(2) + 1, day(1), 86_400_000)).toThrow('ahead of the clock');
  });
});

describe('days that must have come', () => {
  const schema = z.strictObject({
    born: PastDay.nullable().optional(),
    due: Day.optional(),
    facts: z.array(z.union([z.strictObject({ on: PastDay }), z.string()])).default([]),
    byName: z.record(z.string(), PastDay).optional(),
  });
  const refused = (input: z.input<typeof schema>, now: string): string[] => {
    try {
      new DayPaths(schema).assertCome(schema.parse(input), new Date(now));
      return [];
    } catch (error) {
      return (error as { issues: { pointer: string }[] }).issues.map(({ pointer }) => pointer);
    }
  };

  it('are found wherever the schema has them, and named', () => {
    const now = '2026-05-05T12:00:00Z';
    const facts = ['word', { on: '2026-05-01' }, { on: '2090-01-01' }];
    expect(refused({ born: '2090-01-01', due: '2090-01-01', facts, byName: { a: '2026-06-01' } }, now)).toEqual([
      '/born',
      '/facts/2/on',
      '/byName/a',
    ]);
    expect(refused({ born: null }, now)).toEqual([]);
  });

  it('have come when they have begun somewhere on earth', () => {
    expect(refused({ born: '2026-05-06' }, '2026-05-05T10:00:00Z')).toEqual([]);
    expect(refused({ born: '2026-05-06' }, '2026-05-05T09:59:59Z')).toEqual(['/born']);
  });
});
