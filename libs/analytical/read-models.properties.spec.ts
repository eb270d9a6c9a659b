import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import * as contact from '#contracts/contacts/contact.events.js';
import { partitionOf } from '#platform/event-bus/event-bus.js';
import type { RecordedEvent } from '#platform/kernel/envelope.js';
import { foldInMemory } from '#platform/projections/folding/fold-in-memory.js';
import { historyOf, step } from '#test/fixtures/random-history.fixture.js';
import { idOf } from '#test/fixtures/read-models.fixture.js';
import { projections } from './index.js';

const PARTITIONS = 3;

const foldAll = (events: readonly RecordedEvent[]) => projections.map((each) => foldInMemory(each, events));

function bySubject(events: readonly RecordedEvent[]): Map<string, RecordedEvent[]> {
  const groups = new Map<string, RecordedEvent[]>();
  for (const event of events) groups.set(event.subject, [...(groups.get(event.subject) ?? []), event]);
  return groups;
}

/** What a merge and its undoing must leave as it was. */
const lasting = (events: readonly RecordedEvent[]) =>
  foldAll(events).map((tables) =>
    [...tables].filter(
      ([table]) => !['timeline', 'customer_activity', 'alias_changes', 'alias_history'].includes(table),
    ),
  );

/** The events in another order: each customer's stay in theirs, the customers' mix as the numbers say. */
function mixed(events: readonly RecordedEvent[], choices: readonly number[]): RecordedEvent[] {
  const queues = [...bySubject(events).values()];
  const order: RecordedEvent[] = [];
  for (let i = 0; queues.length > 0; i++) {
    const at = (choices[i % choices.length] ?? 0) % queues.length;
    order.push(queues[at]!.shift()!);
    if (queues[at]!.length === 0) queues.splice(at, 1);
  }
  return order;
}

describe('the read models, over random histories', () => {
  const history = fc.array(step, { maxLength: 40 });

  it('are the same in whatever order the deliveries of different customers come', () => {
    fc.assert(
      fc.property(history, fc.array(fc.nat(20), { minLength: 1, maxLength: 50 }), (steps, choices) => {
        const { events } = historyOf(steps);
        expect(foldAll(mixed(events, choices))).toEqual(foldAll(events));
      }),
      { numRuns: 200 },
    );
  });

  it('hold after a merge and its undoing what they held before, but for the timeline and the last sign of life', () => {
    fc.assert(
      fc.property(history, (steps) => {
        const log = historyOf(steps);
        const before = lasting(log.events);
        const at = { aggregate: 'contact', aggregateId: idOf('ann'), subject: idOf('ann'), on: '2025-12-01T00:00:00Z' };
        log.add(at, contact.contactMerged({ into: idOf('ben'), previousStatus: 'identified' }));
        const merged = lasting(log.events);
        log.add(at, contact.contactUnmerged({ from: idOf('ben'), status: 'identified' }));
        expect(merged).not.toEqual(before);
        expect(lasting(log.events)).toEqual(before);
      }),
      { numRuns: 100 },
    );
  });

  it('change with a merge in nothing but an alias, a status and the signs of life', () => {
    fc.assert(
      fc.property(history, (steps) => {
        const log = historyOf(steps);
        const tablesOf = (events: readonly RecordedEvent[]) =>
          new Map(foldAll(events).flatMap((tables) => [...tables]));
        const before = tablesOf(log.events);
        const at = { aggregate: 'contact', aggregateId: idOf('ann'), subject: idOf('ann'), on: '2025-12-01T00:00:00Z' };
        log.add(at, contact.contactMerged({ into: idOf('ben'), previousStatus: 'identified' }));
        const changed = [...tablesOf(log.events)].filter(
          ([table, rows]) => JSON.stringify(rows, big) !== JSON.stringify(before.get(table), big),
        );
        const derived = projections.flatMap(({ tables }) =>
          tables.filter(({ source }) => source).map(({ name }) => name),
        );
        const folded = changed.map(([table]) => table).filter((table) => !derived.includes(table));
        expect(folded.toSorted()).toEqual(['alias', 'alias_changes', 'customer_activity', 'customers', 'timeline']);
      }),
      { numRuns: 50 },
    );
  });

  it('tell by the positions of their last events whether what was bought before a day is as it was', () => {
    // How far each partition is at two moments, the later one at least as far.
    const steps = fc.array(fc.tuple(fc.nat(45), fc.nat(45)), { minLength: PARTITIONS, maxLength: PARTITIONS });
    const day = fc.constantFrom('2025-06-01', '2025-09-01', '2026-01-01');
    const reckoned = projections.filter(({ name }) => ['orders-by-customer-day', 'aliases'].includes(name));
    let same = 0;
    fc.assert(
      fc.property(history, steps, day, (happened, moments, before) => {
        const { events } = historyOf(happened);
        const at = (which: (moment: [number, number]) => number) => moments.map((moment) => BigInt(which(moment)));
        const [earlier, later] = [at(([from]) => from), at(([from, more]) => Math.max(from, more))];
        const held = (reached: readonly bigint[]) => {
          const seen = events.filter(({ subject, position }) => position <= reached[partitionOf(subject, PARTITIONS)]!);
          const tables = new Map(reckoned.flatMap((each) => [...foldInMemory(each, seen)]));
          return {
            bought: tables.get('orders_by_customer_day')!.filter((row) => (row['day'] as string) < before),
            aliases: tables.get('alias')!,
            changes: tables.get('alias_changes')!,
          };
        };
        const [then, now] = [held(earlier), held(later)];
        const moved = earlier.filter((position, partition) => position !== later[partition]);
        const after = moved.reduce((least, position) => (position < least ? position : least), 1_000_000n);
        const changed = (rows: readonly Record<string, unknown>[]) =>
          rows.some((row) => (row['changed_at'] as bigint) > after);
        if (changed(now.bought) || changed(now.changes)) return;
        expect(now.bought).toEqual(then.bought);
        expect(now.aliases).toEqual(then.aliases);
        if (moved.length > 0) same++;
      }),
      { numRuns: 300 },
    );
    expect(same).toBeGreaterThan(10);
  });

  it('belong each to one subject', () => {
    fc.assert(
      fc.property(history, (steps) => {
        const { events } = historyOf(steps);
        for (const tables of foldAll(events)) {
          for (const [subject, own] of bySubject(events)) {
            const alone = projections.map((each) => foldInMemory(each, own)).find((one) => sameTables(one, tables))!;
            for (const [table, rows] of alone) {
              expect(rows).toEqual(tables.get(table)!.filter((row) => row['subject'] === subject));
            }
          }
        }
      }),
      { numRuns: 50 },
    );
  });
});

const big = (_key: string, value: unknown) => (typeof value === 'bigint' ? String(value) : value);
const sameTables = (a: Map<string, unknown>, b: Map<string, unknown>) => [...a.keys()].join() === [...b.keys()].join();
