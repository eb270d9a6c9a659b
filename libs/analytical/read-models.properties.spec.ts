import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import * as contact from '#contracts/contacts/contact.events.js';
import * as order from '#contracts/sales/order.events.js';
import * as back from '#contracts/sales/return.events.js';
import * as service from '#contracts/service/case.events.js';
import { partitionOf } from '#platform/event-bus/event-bus.js';
import type { RecordedEvent } from '#platform/kernel/envelope.js';
import { plainNumber } from '#platform/kernel/money.js';
import { foldInMemory } from '#platform/projections/folding/fold-in-memory.js';
import { EventLogFixture, idOf } from '#test/fixtures/read-models.fixture.js';
import { projections } from './index.js';

const CONTACTS = ['ann', 'ben', 'cem', 'dia'];
const zone = 'Europe/London';
const PARTITIONS = 3;

const step = fc.record({
  who: fc.constantFrom(...CONTACTS),
  other: fc.constantFrom(...CONTACTS),
  what: fc.constantFrom(
    ...([
      'sale',
      'adjustment',
      'walk-in',
      'attach',
      'detach',
      'draft',
      'refund',
      'pay',
      'exchange',
      'case',
      'solve',
      'rate',
    ] as const),
    ...(['tag', 'point', 'drop-point', 'attribute', 'relate', 'unrelate', 'stage', 'facts'] as const),
  ),
  on: fc.date({ min: new Date('2025-03-01T00:00:00Z'), max: new Date('2025-11-30T00:00:00Z'), noInvalidDate: true }),
  currency: fc.constantFrom('GBP', 'EUR'),
  cents: fc.integer({ min: -500, max: 100_000 }),
});
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never;

/** A history of four contacts and their walk-in orders. */
function historyOf(steps: readonly Step[]): EventLogFixture {
  const log = new EventLogFixture();
  for (const name of CONTACTS) {
    const at = { aggregate: 'contact', aggregateId: idOf(name), subject: idOf(name), on: '2025-01-01T00:00:00Z' };
    log.add(
      at,
      contact.contactRegistered({ kind: 'person', status: 'identified', stage: 'lead', name: { full: name } }),
    );
  }
  const walkIns: string[] = [];
  steps.forEach(({ who, other, what, on: date, currency, cents }, n) => {
    const on = date.toISOString();
    const subject = idOf(who);
    const own = idOf(`thing ${n}`);
    const net = plainNumber((cents / 100).toFixed(2));
    const lines = [{ line: 1, sku: 'A', quantity: '1', unitPrice: net }];
    const onContact = { aggregate: 'contact', aggregateId: subject, subject, on };
    const sell = (whom: string | undefined, kind: 'sale' | 'adjustment') => {
      const at = { aggregate: 'order', aggregateId: own, subject: whom ?? own, on };
      const about = { contact: whom, currency, zone, kind, net };
      log.add(at, order.orderPlaced({ ...about, lines }));
      const sale = cents > 0 ? { saleLines: 1, saleValue: net } : { saleLines: 0, saleValue: '0' };
      log.add(at, order.orderCompleted({ ...about, placedAt: on, lines: 1, ...sale }));
    };
    const onCase = { aggregate: 'case', aggregateId: idOf(`case of ${who}`), subject, on };
    const about = { contact: subject, kind: 'question', channel: 'web', priority: 'low', openedAt: on } as const;
    const relation = { kind: 'household', other: idOf(other), direction: 'to' } as const;
    const reach = { kind: 'email', address: `${who}@example.com` } as const;
    switch (what) {
      case 'sale':
      case 'adjustment':
        return sell(subject, what);
      case 'walk-in':
        walkIns.push(own);
        return sell(undefined, 'sale');
      case 'attach':
      case 'detach': {
        const walkIn = walkIns.at(-1);
        if (!walkIn) return;
        const made =
          what === 'attach' ? order.orderAttached({ contact: subject }) : order.orderDetached({ contact: subject });
        return void log.add({ aggregate: 'order', aggregateId: walkIn, subject: walkIn, on }, made);
      }
      case 'draft':
        return void log.add(
          { aggregate: 'order', aggregateId: own, subject, on },
          order.orderDrafted({ contact: subject, currency, zone, kind: 'sale', lines, net }),
        );
      case 'refund': {
        const at = { aggregate: 'return', aggregateId: own, subject, on };
        const terms = { contact: subject, currency, zone };
        log.add(at, back.returnRequested({ ...terms, lines, value: net }));
        return void log.add(
          at,
          back.returnRefunded({ ...terms, net: String(Math.abs(cents)), credited: '0', lineCount: 1 }),
        );
      }
      case 'pay': {
        // Of an order that is paid too much, cancelled and paid back.
        const at = { aggregate: 'order', aggregateId: own, subject, on };
        const terms = { contact: subject, currency };
        const amount = String(Math.abs(cents));
        log.add(at, order.orderPlaced({ ...terms, zone, kind: 'sale', lines, net }));
        log.add(at, order.orderPaymentRecorded({ ...terms, amount, method: 'card', outstanding: '0', overpaid: '1' }));
        log.add(at, order.orderCancelled({ ...terms, stage: 'placed', net, refundDue: amount, reason: 'late' }));
        return void log.add(at, order.orderPaymentRefunded({ ...terms, amount, outstanding: '0', overpaid: '0' }));
      }
      case 'exchange': {
        const at = { aggregate: 'return', aggregateId: own, subject, on };
        const terms = { contact: subject, currency, zone };
        const replacement = idOf('replacement');
        log.add(at, back.returnRequested({ ...terms, lines, value: net }));
        log.add(at, back.returnExchanged({ ...terms, replacement, value: net, lineCount: 1, lines }));
        return void log.add(at, back.returnExchangeUndone({ ...terms, replacement, value: net }));
      }
      case 'case':
        return void log.add(onCase, service.caseOpened({ ...about, status: 'new', title: 'Where is it?' }));
      case 'solve':
        return void log.add(
          onCase,
          service.caseResolved({ ...about, status: 'resolved', resolution: 'answered', reopenings: 0 }),
        );
      case 'rate':
        return void log.add(onCase, service.caseSatisfactionRecorded({ ...about, status: 'closed', score: 4 }));
      case 'tag':
        return void log.add(onContact, contact.contactTagged({ added: [other], tags: [other] }));
      case 'point':
        return void log.add(onContact, contact.contactPointAdded({ point: n + 1, pointKind: 'email', reach }));
      case 'drop-point':
        return void log.add(onContact, contact.contactPointRemoved({ point: n || 1, pointKind: 'email', reach }));
      case 'attribute':
        return void log.add(
          onContact,
          contact.contactAttributeSet({
            name: other,
            attributeType: 'number',
            content: { type: 'number', value: cents },
          }),
        );
      case 'relate':
        return void log.add(onContact, contact.contactRelated(relation));
      case 'unrelate':
        return void log.add(onContact, contact.contactUnrelated(relation));
      case 'stage':
        return void log.add(
          onContact,
          contact.contactLifecycleStageChanged({ stage: 'customer', previousStage: 'lead' }),
        );
      case 'facts':
        return void log.add(
          onContact,
          contact.contactExternalFactsImported({
            source: other,
            date: on.slice(0, 10),
            licence: 'CC0',
            facts: [
              {
                name: 'size',
                content: {
                  type: 'number',
                  value: cents,
                },
              },
            ],
          }),
        );
    }
  });
  return log;
}

const foldAll = (events: readonly RecordedEvent[]) => projections.map((each) => foldInMemory(each, events));

function bySubject(events: readonly RecordedEvent[]): Map<string, RecordedEvent[]> {
  const groups = new Map<string, RecordedEvent[]>();
  for (const event of events) groups.set(event.subject, [...(groups.get(event.subject) ?? []), event]);
  return groups;
}

/** What a merge and its undoing must leave as it was. */
const lasting = (events: readonly RecordedEvent[]) =>
  foldAll(events).map((tables) =>
    [...tables].filter(([table]) => !['timeline', 'customer_activity', 'alias_changes'].includes(table)),
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
