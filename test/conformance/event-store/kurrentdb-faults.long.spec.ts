import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { KurrentEventStore } from '#platform/event-store/kurrentdb/kurrentdb-event-store.adapter.js';
import type { AppendOutcome, AppendRequest } from '#platform/event-store/event-store.js';
import { newId } from '#platform/kernel/ids.js';
import type { StoredEvent } from '#platform/kernel/envelope.js';
import type { AppendFault, ReadFault } from '../../support/kurrentdb/faults.js';
import { KurrentDbDouble } from '../../support/kurrentdb/kurrentdb-double.js';
import { createTestDatabase } from '../../support/postgres.js';
import { aRequest, thing } from './event-store.conformance.js';

const WRITERS = 4;
const COMMANDS = 8;

type Trouble =
  | { readonly kind: 'append'; readonly fault: AppendFault }
  | { readonly kind: 'read'; readonly fault: ReadFault }
  | { readonly kind: 'cut' }
  | { readonly kind: 'elect'; readonly node: number };

const failure = fc.constantFrom('not-ready', 'timeout', 'broken', 'not-leader', 'cut' as const);
const trouble: fc.Arbitrary<Trouble> = fc.oneof(
  fc.record({
    kind: fc.constant('append' as const),
    fault: fc.record({ written: fc.boolean(), answer: fc.option(failure, { nil: undefined }), twice: fc.boolean() }),
  }),
  fc.record({
    kind: fc.constant('read' as const),
    fault: fc.record({
      of: fc.constantFrom('read', 'subscription' as const),
      after: fc.nat(6),
      // An error without a name ends a subscription for good: whoever has it says so.
      answer: fc.constantFrom('not-ready', 'timeout', 'not-leader', 'cut' as const),
    }),
  }),
  fc.constant({ kind: 'cut' as const }),
  fc.record({ kind: fc.constant('elect' as const), node: fc.nat(1) }),
);

/** As the pipeline does: what may succeed is tried again, with the same request. */
async function insist<Result>(store: KurrentEventStore, work: () => Promise<Result>): Promise<Result> {
  for (const until = Date.now() + 60_000; ; await sleep(10)) {
    try {
      return await work();
    } catch (error) {
      if (!store.isTransient(error) || Date.now() > until) throw error;
    }
  }
}

/** Commands that follow each other in streams that several writers share: each is decided anew when it clashes. */
async function write(store: KurrentEventStore, writer: number): Promise<AppendRequest[]> {
  const stored: AppendRequest[] = [];
  for (let i = 0; i < COMMANDS; i++) {
    const stream = thing(`shared-${(writer + i) % 3}`);
    const commandId = newId();
    for (let outcome: AppendOutcome | undefined; outcome?.kind !== 'stored' && outcome?.kind !== 'repeated';) {
      const [last] = await insist(store, () => store.lastRevisions([stream]));
      const request = aRequest(stream, last! + 1, 1 + (i % 2), commandId);
      [outcome] = await insist(store, () => store.append([request]));
      if (outcome!.kind === 'stored') stored.push(request);
      // Known of a try whose answer was lost: what that one stored counts, whatever was decided since.
      if (outcome!.kind === 'repeated') stored.push({ ...request, events: [] });
    }
  }
  return stored;
}

describe('the log on a KurrentDB that fails in any order', () => {
  it('stores each command once and whole, and tells each event once and in order to who follows', async () => {
    const reached = { lost: 0, troubles: 0 };
    await fc.assert(
      fc.asyncProperty(fc.array(trouble, { minLength: 10, maxLength: 25 }), async (troubles) => {
        const double = await KurrentDbDouble.start({ nodes: 2, systemEventEvery: 9 });
        const database = await createTestDatabase();
        const stores: KurrentEventStore[] = [];
        const stop = new AbortController();
        try {
          for (let i = 0; i < 2; i++) {
            stores.push(await KurrentEventStore.connect({ url: double.url(), indexUrl: database.url }));
          }
          const [first, second] = stores as [KurrentEventStore, KurrentEventStore];
          const seen: StoredEvent[] = [];
          const following = (async () => {
            for await (const page of second.subscribeAll(0n, { signal: stop.signal, limit: 5 })) seen.push(...page);
          })();
          const harm = (async () => {
            for (const each of troubles) {
              if (each.kind === 'append') double.faults.onAppend(each.fault);
              else if (each.kind === 'read') double.faults.onRead(each.fault);
              else if (each.kind === 'cut') double.cut();
              else double.elect(each.node);
              reached.troubles++;
              await sleep(15);
            }
          })();
          const writing = Array.from({ length: WRITERS }, (_, i) => write(stores[i % 2]!, i));
          const done = (await Promise.all(writing)).flat();
          await harm;
          double.faults.clear();
          const all = await insist(first, () => first.readAll({ after: 0n, limit: 10_000 }));
          const byCommand = new Map<string, StoredEvent[]>();
          for (const event of all) byCommand.set(event.commandId, [...(byCommand.get(event.commandId) ?? []), event]);
          expect(byCommand.size).toBe(WRITERS * COMMANDS);
          for (const { commandId, events } of done) {
            const kept = byCommand.get(commandId)!;
            expect(kept.map(({ ordinal }) => ordinal)).toEqual(kept.map((_, i) => i));
            if (events.length > 0) expect(kept.map(({ id }) => id)).toEqual(events.map(({ id }) => id));
            else reached.lost++;
          }
          const receipts = await insist(first, () => first.receipts(done.map(({ commandId }) => commandId)));
          for (const [commandId, { events }] of receipts) expect(byCommand.get(commandId)).toHaveLength(events);
          expect(receipts.size).toBe(WRITERS * COMMANDS);
          for (let i = 0; i < 3; i++) {
            const own = all.filter(({ aggregateId }) => aggregateId === thing(`shared-${i}`).aggregateId);
            expect(own.map(({ revision }) => revision)).toEqual(own.map((_, revision) => revision));
          }
          for (const until = Date.now() + 20_000; seen.length < all.length && Date.now() < until;) await sleep(10);
          stop.abort();
          await following;
          expect(seen.map(({ id }) => id)).toEqual(all.map(({ id }) => id));
        } finally {
          stop.abort();
          await Promise.all(stores.map((store) => store.close()));
          await database.drop();
          await double.stop();
        }
      }),
      { numRuns: 8, endOnFailure: true },
    );
    // Otherwise nothing was tried.
    expect(reached.troubles).toBeGreaterThan(70);
    expect(reached.lost).toBeGreaterThan(0);
  }, 600_000);
});
