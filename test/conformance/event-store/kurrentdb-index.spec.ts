import { afterEach, describe, expect, it } from '@jest/globals';
import { Appender } from '#platform/event-store/appender.js';
import type { EventStore } from '#platform/event-store/event-store.js';
import { ServerTooOld } from '#platform/event-store/kurrentdb/errors.js';
import {
  KurrentEventStore,
  type KurrentEventStoreOptions,
} from '#platform/event-store/kurrentdb/kurrentdb-event-store.adapter.js';
import { newId } from '#platform/kernel/ids.js';
import type { StoredEvent } from '#platform/kernel/envelope.js';
import { KurrentDBClient } from '@kurrent/kurrentdb-client';
import pg from 'pg';
import { KurrentDbDouble, type DoubleOptions } from '../../support/kurrentdb/kurrentdb-double.js';
import { createTestDatabase } from '../../support/postgres.js';
import { aRequest, subjectOf, thing } from './event-store.conformance.js';

const ends: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end();
});

/** A server and a database of its index, and stores on them. */
async function aLog(options: DoubleOptions = {}) {
  const double = await KurrentDbDouble.start(options);
  ends.push(() => double.stop());
  const database = await createTestDatabase();
  ends.push(() => database.drop());
  const open = async (more: Partial<KurrentEventStoreOptions> = {}): Promise<KurrentEventStore> => {
    const store = await KurrentEventStore.connect({ url: double.url(), indexUrl: database.url, ...more });
    ends.push(() => store.close());
    return store;
  };
  /** One whose index stays as it is. */
  const openHeldBack = (): Promise<KurrentEventStore> => open({ followsIndex: false });
  const rows = async (sql: string): Promise<any[]> => {
    const client = new pg.Client({ connectionString: database.url });
    await client.connect();
    try {
      return (await client.query(sql)).rows;
    } finally {
      await client.end();
    }
  };
  return { double, open, openHeldBack, rows };
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 10));
}
const indexed = (store: KurrentEventStore): Promise<void> =>
  until(async () => (await store.indexedThrough()) >= (await store.head()).position);

/** As its callers do. */
async function insist<Result>(store: EventStore, work: () => Promise<Result>): Promise<Result> {
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (!store.isTransient(error)) throw error;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

describe('the index of KurrentDB, wherever it stands', () => {
  it.each(['empty', 'behind', 'up to date'])('hides from no reader what is in the log: %s', async (state) => {
    const { open, openHeldBack } = await aLog();
    const times = [0, 500, 200, 700, 100, 900, 800, 1000];
    const writer = state === 'empty' ? await openHeldBack() : await open();
    const requests = times.map((_, i) => aRequest(thing(String(i % 3)), Math.floor(i / 3)));
    for (const [i, request] of requests.entries()) {
      if (i === 4 && state === 'behind') {
        await indexed(writer);
        await writer.close();
        ends.splice(ends.length - 1, 1);
      }
      const into = i >= 4 && state === 'behind' ? await openHeldBack() : writer;
      expect(await into.append([request])).toMatchObject([{ kind: 'stored' }]);
    }
    if (state === 'up to date') await indexed(writer);
    const store = await openHeldBack();
    const head = await store.head();
    const through = await store.indexedThrough();
    if (state === 'empty') expect(through).toBe(0n);
    if (state === 'behind') expect(through > 0n && through < head.position).toBe(true);
    const all = await store.readAll({ after: 0n, limit: 100 });
    expect(all.map(({ id }) => id)).toEqual(requests.map(({ events }) => events[0]!.id));
    for (const word of ['0', '1', '2']) {
      const own = all.filter(({ aggregateId }) => aggregateId === thing(word).aggregateId);
      expect(await store.readSubjects([subjectOf(thing(word))], { after: 0n, limit: 100 })).toEqual(own);
      expect(await store.readStream(thing(word))).toEqual(own);
    }
    const receipts = await store.receipts(requests.map(({ commandId }) => commandId));
    expect(requests.map(({ commandId }) => receipts.get(commandId)?.position)).toEqual(all.map((e) => e.position));
    // A repeat, also one that was decided anew.
    expect(await store.append([requests[0]!, requests[5]!])).toMatchObject([
      { kind: 'repeated' },
      { kind: 'repeated' },
    ]);
    const again = { ...aRequest(thing('0'), 3), commandId: requests[7]!.commandId };
    expect(await store.append([again])).toMatchObject([{ kind: 'repeated' }]);
    for (const { position, recordedAt } of all) {
      const last = all.findLast((event) => event.recordedAt <= recordedAt)!.position;
      expect(await store.positionAt(recordedAt)).toBe(last);
      expect(position <= last).toBe(true);
    }
  });

  it('holds what the log has, and is the same when it is made anew', async () => {
    const { open, rows } = await aLog();
    const store = await open();
    for (let i = 0; i < 30; i++) await store.append([aRequest(thing(`${i}-a`), 0, 2), aRequest(thing(`${i}-b`))]);
    await indexed(store);
    const before = await rows('select * from kurrentdb_index.events order by position');
    expect(before).toHaveLength(90);
    await store.rebuildIndex();
    await until(async () => (await store.indexedThrough()) >= (await store.head()).position);
    expect(await rows('select * from kurrentdb_index.events order by position')).toEqual(before);
  });

  it('leaves nothing out of an answer that is read while it is begun anew', async () => {
    const { open } = await aLog();
    const store = await open();
    const who = newId();
    const ofWho = aRequest(thing('a'), 0, 20);
    await store.append([{ ...ofWho, events: ofWho.events.map((event) => ({ ...event, subject: who })) }]);
    await indexed(store);
    const all = (await store.readAll({ after: 0n, limit: 100 })).map(({ position }) => position);
    const { recordedAt } = await store.head();
    let isMaking = true;
    const making = (async () => {
      for (let i = 0; i < 4; i++) {
        await store.rebuildIndex();
        await indexed(store);
      }
    })().finally(() => (isMaking = false));
    making.catch(() => {});
    for (let asked = 0; isMaking || asked < 20; asked++) {
      const found = await store.readSubjects([who], { after: 0n, limit: 100 });
      expect(found.map(({ position }) => position)).toEqual(all);
      expect(await store.positionAt(recordedAt!)).toBe(all.at(-1));
    }
    await making;
  }, 60_000);

  it('is kept by one process at a time, and by another when that one ends', async () => {
    const { open } = await aLog();
    const [first, second] = [await open(), await open()];
    await first.append([aRequest(thing('a'))]);
    await indexed(first);
    await first.close();
    ends.splice(ends.length - 2, 1);
    await second.append([aRequest(thing('b'))]);
    await indexed(second);
  });
});

describe('times of record of KurrentDB', () => {
  it('never step back, whichever way an event is read, as far as the index goes and beyond', async () => {
    const clock = { now: 1_000_000 };
    const { open, openHeldBack } = await aLog({ clock: () => new Date(clock.now) });
    const store = await open();
    const steps = [5, -3, 1, 1, 9, -20, 4, 30, -1, -1, 5, 5, -40, 100];
    const expected: number[] = [];
    for (const [i, step] of steps.entries()) {
      clock.now += step * 1000;
      expected.push(Math.max(clock.now, expected.at(-1) ?? 0));
      await store.append([aRequest(thing(String(i)))]);
      if (i === 6) await indexed(store);
    }
    await indexed(store);
    const timesOf = (events: StoredEvent[]): number[] => events.map(({ recordedAt }) => recordedAt.getTime());
    for (const reader of [store, await openHeldBack(), await openHeldBack()]) {
      const one = await Promise.all(steps.map((_, i) => reader.readStream(thing(String(i)))));
      expect(timesOf(one.toReversed().flat())).toEqual(expected.toReversed());
      expect(timesOf(await reader.readAll({ after: 0n, limit: 100 }))).toEqual(expected);
      expect((await reader.head()).recordedAt!.getTime()).toBe(expected.at(-1));
    }
  });
});

describe('a KurrentDB that fails', () => {
  it('answers a command whose answer was lost with what it stored', async () => {
    const { double, openHeldBack } = await aLog();
    const store = await openHeldBack();
    const request = aRequest(thing('lost'), 0, 2);
    double.faults.onAppend({ written: true, answer: 'cut' });
    const failure = await store.append([request]).catch((error: unknown) => error);
    expect([store.isTransient(failure), store.isOutcomeUnknown(failure)]).toEqual([true, true]);
    const [again] = await insist(store, () => store.append([request]));
    expect(again).toMatchObject({ kind: 'repeated', receipt: { events: 2, revision: 1 } });
    // Through the appender the sender is told that it was this command that stored them.
    double.faults.onAppend({ written: true, answer: 'cut' });
    const stored = await new Appender(store).append(aRequest(thing('told')));
    expect(stored).toEqual({ kind: 'stored', position: (await store.head()).position });
    expect(await store.readStream(thing('told'))).toHaveLength(1);
  });

  it('stores a request once that the network delivers twice', async () => {
    const { double, openHeldBack } = await aLog();
    const store = await openHeldBack();
    double.faults.onAppend({ written: true, twice: true });
    expect(await store.append([aRequest(thing('twice'), 0, 3)])).toMatchObject([{ kind: 'stored' }]);
    expect(await store.readStream(thing('twice'))).toHaveLength(3);
  });

  it('is told apart: what was not done, and what nobody knows of', async () => {
    const { double, openHeldBack } = await aLog();
    const store = await openHeldBack();
    for (const [answer, isUnknown] of [
      ['not-ready', false],
      ['not-leader', false],
      ['timeout', true],
      ['broken', true],
    ] as const) {
      double.faults.onAppend({ written: false, answer });
      const failure = await store.append([aRequest(thing(answer))]).catch((error: unknown) => error);
      expect([answer, store.isTransient(failure), store.isOutcomeUnknown(failure)]).toEqual([answer, true, isUnknown]);
      expect(await insist(store, () => store.append([aRequest(thing(answer))]))).toMatchObject([{ kind: 'stored' }]);
    }
  });

  it('drops subscriptions again and again, and each event comes once, in order', async () => {
    const { double, open } = await aLog();
    const store = await open();
    for (const after of [0, 1, 3, 2, 5]) {
      double.faults.onRead({ of: 'subscription', after, answer: after % 2 ? 'not-ready' : 'cut' });
    }
    const stop = new AbortController();
    const seen: StoredEvent[] = [];
    const reading = (async () => {
      for await (const page of store.subscribeAll(0n, { signal: stop.signal, limit: 4 })) seen.push(...page);
    })();
    for (let i = 0; i < 30; i++) {
      await insist(store, () => store.append([aRequest(thing(`dropped-${i}`))]));
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    const all = await insist(store, () => store.readAll({ after: 0n, limit: 1000 }));
    await until(async () => seen.length >= all.length);
    stop.abort();
    await reading;
    expect(seen).toEqual(all);
    expect(all).toHaveLength(30);
  });

  it('goes to the node that leads after an election', async () => {
    const { double, openHeldBack } = await aLog({ nodes: 2 });
    const store = await openHeldBack();
    await store.append([aRequest(thing('before'))]);
    double.elect(1);
    expect(await insist(store, () => store.append([aRequest(thing('after'))]))).toMatchObject([{ kind: 'stored' }]);
    const events = await insist(store, () => store.readAll({ after: 0n, limit: 10 }));
    expect(events).toHaveLength(2);
  });

  it('is refused where it is older than what decisions need', async () => {
    const { openHeldBack } = await aLog({ version: '25.1.0' });
    await expect(openHeldBack()).rejects.toBeInstanceOf(ServerTooOld);
  });

  it('is another incarnation where it lacks what somebody saw', async () => {
    const { open, openHeldBack } = await aLog();
    const first = await openHeldBack();
    await first.append([aRequest(thing('kept'))]);
    const head = await first.head();
    const seen = { position: head.position + 4096n, event: newId(), incarnation: 1 };
    const restored = await open({ seen, followsIndex: false });
    expect(restored.identity.current).toMatchObject({ number: 2, forkedAt: head.position });
    expect(restored.identity.isLost(seen.position, 1)).toBe(true);
    // Who was there before learns of it by its next append, and what it had decided is not stored.
    const [outcome] = await first.append([{ ...aRequest(thing('stale')), incarnation: 1 }]);
    expect(outcome?.kind).toBe('conflict');
    expect(first.identity.current.number).toBe(2);
    expect(await first.append([{ ...aRequest(thing('fresh')), incarnation: 2 }])).toMatchObject([{ kind: 'stored' }]);
  });
});

describe('what others write into the streams of KurrentDB', () => {
  it('is not taken for an event of ours', async () => {
    const { double, openHeldBack } = await aLog();
    const store = await openHeldBack();
    const client = KurrentDBClient.connectionString(double.url());
    ends.push(() => client.dispose());
    const { aggregate, aggregateId } = thing('theirs');
    const theirs = {
      id: newId(),
      contentType: 'application/json' as const,
      type: 'theirs',
      data: { a: 1 },
      metadata: {},
    };
    await client.appendToStream(`yad.${aggregate}-${aggregateId}`, theirs as never);
    await expect(store.readStream(thing('theirs'))).rejects.toThrow('was not written by Yad');
  });
});
