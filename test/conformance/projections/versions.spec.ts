import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { partitionOf } from '#platform/event-bus/event-bus.js';
import { LocalBus } from '#platform/event-bus/local/local-bus.adapter.js';
import { defineEvent, open } from '#platform/kernel/event-contract.js';
import { DecodedEvents } from '#platform/projections/folding/decoded-events.js';
import { on, projection, type Projection } from '#platform/projections/definition/projection.js';
import { prepareProjections } from '#platform/projections/prepare.js';
import { AbandonedBuilds } from '#platform/projections/running/abandoned-builds.js';
import { BuildKeeper } from '#platform/projections/running/build-keeper.js';
import { pausedPartitions } from '#platform/projections/running/paused-partitions.js';
import { Progress } from '#platform/projections/running/progress.js';
import { ProjectionHost } from '#platform/projections/running/projection-host.js';
import { plaintext } from '#test/fixtures/stored-form.fixture.js';
import { until } from '../event-bus/test-consumer.js';
import {
  broken,
  cleared,
  codec,
  counted,
  counts,
  CountsByDay,
  Entries,
  expectedCounts,
  feed,
  noted,
  PARTITIONS,
  subjectOf,
  timeline,
  together,
  World,
} from './fixture.js';

/** As the next version of the software has it: an amount is in cents, and there are gifts. */
const countedInCents = defineEvent({
  type: counted.type,
  version: 2,
  fields: { cents: open(z.number()), day: open(z.string()) },
  earlier: {
    1: { fields: counted.fields, upcast: ({ amount, day }) => ({ cents: Math.round(Number(amount) * 100), day }) },
  },
});
const gifted = defineEvent({ type: 'test.gifted', fields: { text: open(z.string()) } });
const newer = plaintext([countedInCents, cleared, noted, gifted]);

/** The same projection, of the same version, in code that knows the newer event. */
const countsInCents = (): Projection =>
  projection({
    name: 'test-counts',
    version: 1,
    tables: [CountsByDay],
    on: [
      on(countedInCents, (event) => {
        const amount = (event.data.cents / 100).toFixed(2);
        return counts().handlers.get(counted.type)!({ ...event, data: { ...event.data, amount } }) as any;
      }),
      on(cleared, counts().handlers.get(cleared.type)!),
    ],
  });

const inCents = (cents: number) => countedInCents({ cents, day: '2026-01-01' });
const all = Array.from({ length: PARTITIONS }, (_, partition) => partition);

let world: World;
const closes: (() => Promise<unknown>)[] = [];
beforeEach(async () => {
  broken.clear();
  world = await World.create();
});
afterEach(async () => {
  for (const close of closes.splice(0).toReversed()) await close();
  await world.close();
});

async function host(projections: readonly Projection[], of = codec, bus?: LocalBus): Promise<ProjectionHost> {
  const own = bus ?? new LocalBus(world.store, { partitions: PARTITIONS, log: { warn: () => {} } });
  const { store, url: databaseUrl } = world;
  const started = await ProjectionHost.start({ bus: own, store, codec: of, projections, databaseUrl });
  let running = true;
  const stop = started.stop.bind(started);
  started.stop = async () => {
    if (running) await stop();
    running = false;
  };
  closes.push(
    () => own.close(),
    () => started.stop(),
  );
  return started;
}

const liveVersion = async (name: string): Promise<number> =>
  (await world.pool.query(`select version from projections.builds where projection = $1 and status = 'live'`, [name]))
    .rows[0].version;

async function expectCounts(): Promise<void> {
  const { rows } = await world.pool.query<{ key: string; total: string }>(
    `select subject || ' ' || day as key, total::text from analytics.counts_by_day order by 1`,
  );
  const expected = [...(await expectedCounts(world, 1, newer))].map(([key, { total }]) => ({ key, total }));
  expect(rows.map(({ key, total }) => [key, Number(total)])).toEqual(
    expected.toSorted((a, b) => (a.key < b.key ? -1 : 1)).map(({ key, total }) => [key, Number(total)]),
  );
}

describe('an event of a newer version than a projection knows', () => {
  it('pauses the projection in its partition only, parks nobody, and the others have its envelope', async () => {
    const group = await world.group(counts(), timeline());
    for (let i = 0; i < 12; i++) await world.append(i, counted({ amount: '1.00', day: '2026-01-01' }));
    await world.append(1, inCents(250));
    for (let i = 0; i < 12; i++) await world.append(i, counted({ amount: '2.00', day: '2026-01-01' }));
    await feed(group, { messages: await world.messages(), partitions: all });

    const paused = partitionOf(subjectOf(1), PARTITIONS);
    expect(await pausedPartitions(world.pool)).toEqual([
      { projection: 'test-counts', partition: paused, position: 13n, eventType: 'test.counted', schemaVersion: 2 },
    ]);
    expect(await world.rows('entries')).toHaveLength(25);
    const { rows } = await world.pool.query<{ subject: string; total: string }>(
      `select subject, total::text from analytics.counts_by_day`,
    );
    expect(rows).toHaveLength(12);
    for (const { subject, total } of rows) {
      expect(total).toBe(partitionOf(subject, PARTITIONS) === paused ? '1.00' : '3.00');
    }
    expect(await (await world.admin(counts(), timeline())).countDeadLetters()).toBe(0);
    // Nothing brings it beyond: neither what is read from the store, nor what is delivered again.
    const targets = new Map(all.map((partition) => [partition, 25n]));
    await group.reconcile(new Map(group.members.map(({ name }) => [name, targets])));
    await feed(group, { messages: await world.messages(20n), partitions: all, through: 25n });
    expect((await pausedPartitions(world.pool))[0]).toMatchObject({ position: 13n });
    expect(group.alone).toEqual([]);
  });

  it('is never answered for, is told by readiness, and code that knows it goes on there', async () => {
    const old = await host([counts(), timeline()]);
    const before = await world.append(1, counted({ amount: '1.00', day: '2026-01-01' }));
    const left = await world.append(1, inCents(250));
    const after = await world.append(1, counted({ amount: '2.00', day: '2026-01-01' }));
    expect(await old.progress.waitFor(after, ['test-timeline'], 5_000)).toBe(after);
    expect(await old.progress.waitFor(before, ['test-counts'], 5_000)).toBe(before);
    expect(await old.progress.waitFor(left, ['test-counts'], 1_500)).toBeUndefined();
    expect(await old.ready()).toBe(
      'test-counts is paused at 2 (1 partition): test.counted is of version 2 there, which this version of Yad does not know',
    );
    await old.stop();

    const next = await host([countsInCents(), timeline()], newer);
    expect(await next.progress.waitFor(after, ['test-counts'], 10_000)).toBe(after);
    expect(await next.ready()).toBe('');
    await expectCounts();
  });

  it('holds the projection up no longer than until one process runs that knows it, whoever has the partition', async () => {
    const bus = new LocalBus(world.store, { partitions: PARTITIONS, log: { warn: () => {} } });
    const old = await host([counts(), timeline()], codec, bus);
    for (let i = 0; i < 12; i++) await world.append(i, inCents(250));
    const at = await world.append(1, counted({ amount: '2.00', day: '2026-01-01' }));
    await until('all are paused', async () => (await pausedPartitions(world.pool)).length === PARTITIONS);

    // It has half of the partitions.
    const next = await host([countsInCents(), timeline()], newer, bus);
    for (const each of [old, next]) expect(await each.progress.waitFor(at, ['test-counts'], 30_000)).toBe(at);
    await expectCounts();
    for (let i = 0; i < 30; i++)
      await world.append(i, i % 2 === 0 ? inCents(i) : counted({ amount: '1.00', day: '2026-01-02' }));
    const { position } = await world.store.head();
    for (const each of [old, next]) {
      expect(await each.progress.waitFor(position, ['test-counts', 'test-timeline'], 30_000)).toBe(position);
    }
    await expectCounts();
  }, 90_000);

  it('keeps a build from being swapped in that would have to wait there', async () => {
    const group = await world.group(counts());
    await world.append(1, counted({ amount: '1.00', day: '2026-01-01' }));
    await feed(group, { messages: await world.messages(), partitions: all });
    await group.close();
    await (await world.admin(counts(2))).rebuild();
    await world.append(1, inCents(250));
    await expect((await world.admin(counts())).swapBack('test-counts')).rejects.toThrow(
      'test-counts waits at 2 for newer code: test.counted is of version 2 there, and this code knows version 1',
    );
    expect(await liveVersion('test-counts')).toBe(2);
  });

  it('stops a rebuild of that projection, and not that of the others', async () => {
    const group = await world.group(counts(), timeline());
    await world.append(1, counted({ amount: '1.00', day: '2026-01-01' }));
    await world.append(1, inCents(250));
    await feed(group, { messages: await world.messages(), partitions: all });
    const next = await world.admin(counts(2), timeline());
    const done: string[] = [];
    await expect(next.rebuild([], { onResult: ({ projection: name }) => done.push(name) })).rejects.toThrow(
      'test-counts waits at 2 for newer code: test.counted is of version 2 there, and this code knows version 1',
    );
    expect(done).toEqual(['test-timeline']);
    expect(await liveVersion('test-counts')).toBe(1);
    // Up to where the live build waits, there is nothing that this code does not know.
    const { projections } = await (await world.admin(counts(), timeline())).verifyAll();
    expect(projections).toMatchObject([{ comparison: { equal: true } }, { comparison: { equal: true } }]);
  });
});

describe('an event of an unknown type', () => {
  it('is ignored by handlers of others, and its entry is folded again by code that knows it', async () => {
    const group = await world.group(counts(), timeline());
    await world.append(1, gifted({ text: 'a cup' }));
    await world.append(1, counted({ amount: '1.00', day: '2026-01-01' }));
    await feed(group, { messages: await world.messages(), partitions: all });
    const entries = async (): Promise<unknown[]> =>
      (await world.pool.query(`select position, kind, text from analytics.entries order by 1`)).rows;
    expect(await entries()).toEqual([
      { position: '1', kind: 'test.gifted', text: null },
      { position: '2', kind: 'test.counted', text: null },
    ]);
    await expectCounts();
    expect(await (await world.admin(counts(), timeline())).countDeadLetters()).toBe(0);
    await group.close();

    const keeper = async (of = newer): Promise<BuildKeeper> => {
      const models = await prepareProjections(world.pool, [counts(), timeline()], PARTITIONS);
      const runtime = { pool: world.pool, log: world.log, decoded: new DecodedEvents(of) };
      const { signal } = new AbortController();
      const abandoned = { look: async () => [] };
      return new BuildKeeper({
        runtime,
        models,
        abandoned,
        signal,
        onError: (error) => world.errors.push(error as Error),
      });
    };
    // Code that does not know it leaves it, and so does newer code while such code may still be at work.
    await (await keeper(codec)).refold(0);
    await (await keeper()).refold(60_000);
    expect((await entries())[0]).toMatchObject({ text: null });
    await (await keeper()).refold(0);
    expect(await entries()).toEqual([
      { position: '1', kind: 'test.gifted', text: 'a cup' },
      { position: '2', kind: 'test.counted', text: null },
    ]);
    // Once.
    const { rows } = await world.pool.query(
      `select generation from projections.builds where projection = 'test-timeline'`,
    );
    await (await keeper()).refold(0);
    const again = await world.pool.query(
      `select generation from projections.builds where projection = 'test-timeline'`,
    );
    expect(again.rows).toEqual(rows);
  });
});

describe('two versions of a projection side by side', () => {
  it('hold up nobody else: neither while both run, nor when the newer one is taken back', async () => {
    const bus = new LocalBus(world.store, { partitions: PARTITIONS, log: { warn: () => {} } });
    const old = await host([counts(1), timeline()], codec, bus);
    const happen = async (): Promise<bigint> => {
      let last = 0n;
      for (let i = 0; i < 30; i++) last = await world.append(i, counted({ amount: '1.00', day: '2026-01-01' }));
      return last;
    };
    let at = await happen();
    expect(await old.progress.waitFor(at, ['test-counts', 'test-timeline'], 5_000)).toBe(at);
    const next = await host([counts(2), timeline()], codec, bus);
    await until('version 2 is live', async () => (await liveVersion('test-counts')) === 2);
    at = await happen();
    for (const each of [old, next]) expect(await each.progress.waitFor(at, ['test-timeline'], 5_000)).toBe(at);
    // The newer process writes the partitions, too, that are the older one's.
    for (const each of [old, next]) expect(await each.progress.waitFor(at, ['test-counts'], 30_000)).toBe(at);
    await until('the old code knows that it is not its turn', async () =>
      (await old.ready()).includes('newer than version 1'),
    );

    await next.stop();
    at = await happen();
    expect(await old.progress.waitFor(at, ['test-timeline'], 5_000)).toBe(at);
    expect(await old.progress.waitFor(at, ['test-counts'], 50)).toBeUndefined();
    expect(await old.ready()).toContain('test-counts is live in version 2, newer than version 1');
    await old.admin.swapBack('test-counts');
    expect(await old.progress.waitFor(at, ['test-counts'], 5_000)).toBe(at);
    await until('it is back', async () => (await old.ready()) === '');
  }, 90_000);
});

describe('a live build of another version', () => {
  let clock = 0;
  beforeEach(() => {
    clock = 0;
  });

  async function keeper(of: Projection): Promise<{ relieve: (seconds: number) => Promise<void> }> {
    const { pool, log, store, decoded } = world;
    const models = await prepareProjections(pool, [of], PARTITIONS);
    const progress = new Progress({ pool, store });
    const abandoned = new AbandonedBuilds({ pool, models, progress, store, now: () => clock });
    const onError = (error: unknown): number => world.errors.push(error as Error);
    const { signal } = new AbortController();
    const kept = new BuildKeeper({ runtime: { pool, log, decoded }, models, abandoned, signal, onError });
    return {
      relieve: async (seconds) => {
        clock += seconds * 1_000;
        await kept.relieve();
      },
    };
  }
  const happen = (): Promise<bigint> => world.append(1, counted({ amount: '1.00', day: '2026-01-01' }));
  const swaps = async (): Promise<unknown[]> =>
    (await world.pool.query(`select generation, version, kind, by, reason from projections.swaps order by id`)).rows;

  it('is left alone while somebody writes it, and relieved by the kept one when nobody does any more', async () => {
    const group = await world.group(counts());
    await happen();
    await feed(group, { messages: await world.messages(), partitions: all });
    await group.close();
    await (await world.admin(counts(2))).rebuild();
    const next = await world.group(counts(2));
    const old = await keeper(counts());

    // With nothing to write, nobody is missed.
    await old.relieve(0);
    await old.relieve(60);
    for (let i = 0; i < 3; i++) {
      const at = await happen();
      await old.relieve(15);
      await feed(next, { messages: await world.messages(at - 1n), partitions: all, through: at });
      await old.relieve(15);
    }
    await next.close();
    await happen();
    await old.relieve(0);
    await old.relieve(15);
    expect(await liveVersion('test-counts')).toBe(2);
    await old.relieve(15);
    expect(await liveVersion('test-counts')).toBe(1);
    expect(world.errors).toEqual([]);
    expect((await swaps()).at(-1)).toEqual({
      generation: 1,
      version: 1,
      kind: 'swap-back',
      by: 'yad',
      reason: 'no running process made the version that was live',
    });
    await expectCounts();

    // The other way round, too.
    await happen();
    const again = await keeper(counts(2));
    await again.relieve(0);
    await again.relieve(30);
    expect(await liveVersion('test-counts')).toBe(2);
    expect((await swaps()).at(-1)).toMatchObject({ generation: 2, kind: 'swap-back' });
  });

  it('is relieved by one that is made anew where none is kept', async () => {
    await happen();
    await (await world.admin(counts(2))).rebuild();
    await happen();
    const old = await keeper(counts());
    await old.relieve(0);
    await old.relieve(30);
    expect(world.errors).toEqual([]);
    expect((await swaps()).at(-1)).toMatchObject({ version: 1, kind: 'accepted', by: 'yad' });
    await expectCounts();
  });

  it('is not relieved where it waits for newer events to be known, or this code would have to', async () => {
    await happen();
    await (await world.admin(counts(2))).rebuild();
    const group = await world.group(counts(2));
    await world.append(1, inCents(250));
    await feed(group, { messages: await world.messages(), partitions: all, through: 2n });
    const old = await keeper(counts());
    await old.relieve(0);
    await old.relieve(60);
    expect([await liveVersion('test-counts'), world.errors]).toEqual([2, []]);
    // Told, tried again later, and never put live while it is behind.
    await world.pool.query(`delete from projections.paused_partitions`);
    await old.relieve(0);
    await old.relieve(30);
    await old.relieve(30);
    expect(await liveVersion('test-counts')).toBe(2);
    expect(world.errors.map(({ message }) => message)).toEqual([
      expect.stringContaining('test-counts waits at 2 for newer code'),
    ]);
  });
});

describe('what goes wrong in one member', () => {
  const held = (): Projection =>
    projection({
      name: 'test-held',
      version: 1,
      tables: [Entries],
      appendOnly: [Entries],
      on: [],
      any: ({ subject, position, type }) =>
        Entries.append({ subject, position }, { subject, position, kind: type, text: null }),
    });

  it('holds up no other: an operation has its checkpoints, or it is far behind', async () => {
    const group = await world.group(counts(), held());
    await group.checkpoints(all);
    const holder = await world.pool.connect();
    try {
      await holder.query(`begin`);
      await holder.query(`update projections.checkpoints set epoch = epoch + 1 where projection = 'test-held'`);
      await world.append(1, counted({ amount: '1.00', day: '2026-01-01' }));
      await group.deliver({ messages: await world.messages(), partitions: all });
      await expectCounts();
      expect(group.alone).toMatchObject([
        { projection: 'test-held', reason: expect.stringMatching(/holds the checkpoints|moved/) },
      ]);
      await holder.query('commit');
    } finally {
      holder.release();
    }
    await until('it is back', async () => group.alone.length === 0);
    expect(await world.rows('entries')).toHaveLength(1);

    await world.pool
      .query(`update projections.checkpoints set position = 0, epoch = epoch + 1 where projection = 'test-held';
      truncate rm_test_held_g1.entries`);
    for (let i = 0; i < 1_500; i++) await world.append(i % 9, counted({ amount: '1.00', day: '2026-01-01' }));
    const messages = await world.messages(1n);
    await group.deliver({ messages: messages.slice(0, 1_200), partitions: all });
    await group.deliver({ messages: messages.slice(1_200), partitions: all });
    await expectCounts();
    await until('it is back', async () => group.alone.length === 0);
    const { position } = await world.store.head();
    const targets = new Map(all.map((partition) => [partition, position]));
    await group.reconcile(new Map([['test-held', targets]]));
    expect(await world.rows('entries')).toHaveLength(1_501);
  });

  it('is left to others where it cannot be written: the own partitions do not wait for an adopted one', async () => {
    broken.add('6.66');
    const group = await world.group({ ...counts(), parkAtMost: { events: 1, bytes: 1_000_000 } });
    const others = partitionOf(subjectOf(1), PARTITIONS);
    const own = all.filter((partition) => partition !== others);
    await group.checkpoints(own);
    for (let i = 0; i < 2; i++) await world.append(1, counted({ amount: '6.66', day: '2026-01-01' }));
    for (let i = 0; i < 20; i++) await world.append(i, counted({ amount: '1.00', day: '2026-01-01' }));
    const [member] = group.members;
    member!.adopted.take(others);
    const { position } = await world.store.head();
    const began = performance.now();
    await group.reconcile(new Map([['test-counts', new Map(all.map((partition) => [partition, position]))]]));
    await together(group);
    expect(performance.now() - began).toBeLessThan(4_000);
    expect(world.errors.map(({ name }) => name)).toContain('ParkingFull');
    const { rows } = await world.pool.query<{ partition: number; level: boolean }>(
      `select partition, position = $1::bigint as level from projections.checkpoints order by 1`,
      [String(position)],
    );
    expect(rows).toEqual(all.map((partition) => ({ partition, level: partition !== others })));
    expect([...member!.adopted]).toEqual([]);
  });

  it('parks with all subjects retried at once when it is mended', async () => {
    broken.add('6.66');
    const group = await world.group(counts(), timeline());
    for (let i = 0; i < 5; i++) {
      await world.append(i, counted({ amount: i < 3 ? '6.66' : '1.00', day: '2026-01-01' }));
      await world.append(i, counted({ amount: '2.00', day: '2026-01-01' }));
    }
    await feed(group, { messages: await world.messages(), partitions: all });
    const admin = await world.admin(counts(), timeline());
    expect(await admin.retryAll()).toEqual({ subjects: 3, failed: 0, applied: 0, parked: 6, discarded: 0 });
    broken.clear();
    expect(await admin.retryAll(['test-counts'])).toEqual({
      subjects: 3,
      failed: 0,
      applied: 6,
      parked: 0,
      discarded: 0,
    });
    await expectCounts();
    await world.append(1, counted({ amount: '3.00', day: '2026-01-01' }));
    await feed(group, { messages: await world.messages(10n), partitions: all });
    await expectCounts();
  });
});
