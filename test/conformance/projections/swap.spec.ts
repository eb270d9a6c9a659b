import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import { MemoryEventStore } from '#platform/event-store/memory/memory-event-store.adapter.js';
import { storedForm } from '#test/fixtures/stored-form.fixture.js';
import type { StoredEvent } from '#platform/kernel/envelope.js';
import { newId } from '#platform/kernel/ids.js';
import { connect, createPool } from '#platform/postgres/pool.js';
import { ProjectionAdmin } from '#platform/projections/projection-admin.js';
import { prepareProjections } from '#platform/projections/prepare.js';
import type { Projection } from '#platform/projections/definition/projection.js';
import type { ProjectionRuntime } from '#platform/projections/builds/projection-runtime.js';
import type { ProjectionGroup } from '#platform/projections/running/projection-group.js';
import { broken, counted, counts, noted, PARTITIONS, subjectOf, timeline, World, feed as deliver } from './fixture.js';

let world: World;
const ends: (() => Promise<unknown>)[] = [];
beforeEach(async () => {
  broken.clear();
  world = await World.create();
});
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
  await world.close();
});

const all = Array.from({ length: PARTITIONS }, (_, partition) => partition);

async function happen(events: number, from = 0): Promise<void> {
  for (let i = from; i < from + events; i++) {
    await world.happen({ subject: i % 17, what: i % 5 === 0 ? 'noted' : 'counted', day: i % 3, amount: i });
  }
}

async function feed(group: ProjectionGroup, after = 0n): Promise<void> {
  await deliver(group, { messages: await world.messages(after), partitions: all });
}

/** A person at a prompt, in the middle of a transaction that has read a view. */
async function analyst(view = 'entries') {
  const client = await connect(world.url, { role: 'admin', applicationName: 'analyst' });
  ends.push(() => client.end());
  await client.query('begin');
  await client.query(`select count(*) from analytics.${view}`);
  return client;
}

/** An admin whose log reads as the test wants it. */
async function adminOn(
  store: Partial<Pick<MemoryEventStore, 'readAll' | 'readSubjects' | 'head'>>,
  projection: Projection,
  pool = world.pool,
) {
  const models = await prepareProjections(pool, [projection], PARTITIONS);
  const whole = {
    readAll: world.store.readAll.bind(world.store),
    readSubjects: world.store.readSubjects.bind(world.store),
    head: world.store.head.bind(world.store),
    identity: world.store.identity,
    refreshIdentity: async () => world.store.identity,
    ...store,
  };
  const runtime: ProjectionRuntime = { pool, log: { store: whole, partitions: PARTITIONS }, decoded: world.decoded };
  return new ProjectionAdmin(runtime, models);
}

async function liveGeneration(admin: ProjectionAdmin, name: string): Promise<number> {
  return (await admin.builds(name)).find(({ status }) => status === 'live')!.generation;
}

const liveEpochs = async (): Promise<unknown[]> =>
  (
    await world.pool.query(
      `select distinct epoch from projections.checkpoints join projections.builds using (projection, generation) where status = 'live'`,
    )
  ).rows;

describe('a swap', () => {
  it('behind an open transaction that has read its views holds up no reader and no writer, and is made when it ends', async () => {
    const group = await world.group(timeline());
    await happen(50);
    await feed(group);
    const person = await analyst();
    const admin = await world.admin(timeline());
    const waits: string[] = [];
    const rebuilding = admin.rebuild([], { onWait: (why) => waits.push(why) });
    while (waits.length === 0) await sleep(10);
    let slowest = 0;
    for (let i = 50; i < 70; i++) {
      const began = performance.now();
      await happen(1, i);
      await feed(group, BigInt(i));
      expect(await world.rows('entries')).toHaveLength(i + 1);
      slowest = Math.max(slowest, performance.now() - began);
      await sleep(60);
    }
    expect(slowest).toBeLessThan(1_000);
    expect(await liveGeneration(admin, 'test-timeline')).toBe(1);
    expect(waits[0]).toMatch(
      /^the swap of test-timeline waits: a transaction .* is open: analyst \(pid \d+\) since 20/,
    );
    await person.query('commit');
    expect(await rebuilding).toMatchObject([{ swapped: true, generation: 2 }]);
    await happen(1, 70);
    await feed(group, 70n);
    expect(await world.rows('entries')).toHaveLength(71);
    expect((await admin.verify('test-timeline')).equal).toBe(true);
  });

  it('that meets such a transaction in the middle is undone as a whole, and made later', async () => {
    const group = await world.group(timeline());
    await happen(50);
    await feed(group);
    let swapping = false;
    let asked = 0;
    let person: Awaited<ReturnType<typeof analyst>> | undefined;
    const before = await liveEpochs();
    const admin = await adminOn(
      {
        head: async () => {
          // The third look at the head is the swap's own, when live writers stand still already.
          if (swapping && ++asked === 3) person = await analyst();
          return world.store.head();
        },
      },
      timeline(),
    );
    const waits: string[] = [];
    const rebuilding = admin.rebuild([], {
      onStep: (step) => (swapping = step.includes('swapping')),
      onWait: (why) => waits.push(why),
    });
    while (waits.length === 0) await sleep(10);
    expect(waits[0]).toContain('lock timeout');
    expect(await liveEpochs()).toEqual(before);
    await happen(10, 50);
    await feed(group, 50n);
    expect(await world.rows('entries')).toHaveLength(60);
    await person!.query('rollback');
    expect(await rebuilding).toMatchObject([{ swapped: true }]);
    expect(await world.rows('entries')).toHaveLength(60);
  });

  it('of views that are always being read by somebody is made between two readers', async () => {
    const group = await world.group(timeline());
    await happen(20);
    await feed(group);
    const admin = await world.admin(timeline());
    let done = false;
    const pool = createPool(world.url, { max: 4, role: 'admin' });
    ends.push(() => pool.end());
    const readers = Array.from({ length: 4 }, async () => {
      while (!done) await pool.query('select count(*), pg_sleep(0.03) from analytics.entries');
    });
    expect(await admin.rebuild()).toMatchObject([{ swapped: true }]);
    done = true;
    await Promise.all(readers);
  });

  it('that has waited for too long says for whom, and the next rebuild goes on where it was', async () => {
    const group = await world.group(timeline());
    await happen(50);
    await feed(group);
    const person = await analyst();
    const admin = await world.admin(timeline());
    await expect(admin.rebuild([], { timeoutMs: 400 })).rejects.toThrow(
      /the swap of test-timeline was tried for 0 s: a transaction that reads its views is open: analyst \(pid/,
    );
    expect(await liveGeneration(admin, 'test-timeline')).toBe(1);
    expect(await admin.swaps()).toEqual([]);
    await person.query('commit');
    let read = 0;
    const results = await admin.rebuild([], { onPage: (page) => (read += page.length) });
    expect(results).toMatchObject([{ swapped: true, generation: 2 }]);
    expect(read).toBe(0);
  });

  it('does not wait for those who read the generation before the last, but drops it later', async () => {
    const group = await world.group(timeline());
    await happen(20);
    await feed(group);
    const admin = await world.admin(timeline());
    await admin.rebuild();
    const person = await connect(world.url, { role: 'admin' });
    ends.push(() => person.end());
    await person.query('begin');
    await person.query('select count(*) from rm_test_timeline_g1.entries');
    expect(await admin.rebuild()).toMatchObject([{ swapped: true, generation: 3 }]);
    const builds = async (): Promise<unknown[]> =>
      (await admin.builds('test-timeline')).map(({ generation, status }) => [generation, status]);
    expect(await builds()).toEqual([
      [3, 'live'],
      [2, 'previous'],
      [1, 'outdated'],
    ]);
    await expect(admin.drop('test-timeline', 1)).rejects.toThrow(/dropping generation 1 of test-timeline was tried/);
    await person.query('rollback');
    await admin.rebuild([], { swap: 'never' });
    expect(await builds()).toEqual([
      [4, 'building'],
      [3, 'live'],
      [2, 'previous'],
    ]);
  });

  it('whose build can never reach the head of a log that grows as fast says so, and harms nothing', async () => {
    const group = await world.group(timeline());
    await happen(300);
    await feed(group);
    let swapping = false;
    const admin = await adminOn(
      {
        // 1,000 events a second at most, and each look at the head finds as many more as need longer than half of one.
        readAll: async (options) => {
          if (swapping) await sleep(20);
          return world.store.readAll({ ...options, limit: swapping ? 20 : options.limit });
        },
        head: async () => {
          if (swapping) await happen(700);
          return world.store.head();
        },
      },
      timeline(),
    );
    const onStep = (step: string): boolean => (swapping = step.includes('swapping'));
    await expect(admin.rebuild([], { onStep })).rejects.toThrow(
      /the new build of test-timeline cannot keep up: it takes \d+ events a second/,
    );
    swapping = false;
    expect(await liveGeneration(admin, 'test-timeline')).toBe(1);
    // When less is written, it goes on where it is.
    await feed(group, 300n);
    expect(await admin.rebuild()).toMatchObject([{ swapped: true, generation: 2 }]);
  }, 60_000);

  it('is told of its views by name when something else rests on them', async () => {
    const group = await world.group(timeline());
    await happen(5);
    await feed(group);
    await world.pool.query(`alter table rm_test_timeline_g1.entries rename column text to words;
      drop view analytics.entries; create view analytics.entries as select * from rm_test_timeline_g1.entries;
      create view public.mine as select kind from analytics.entries;
      update projections.builds set version = 0`);
    const admin = await world.admin(timeline());
    await expect(admin.rebuild()).rejects.toThrow(
      'analytics."entries" has other columns now, and something else in the database depends on it: view mine depends on view analytics.entries',
    );
    await world.pool.query('drop view public.mine');
    expect(await admin.rebuild()).toMatchObject([{ swapped: true, grounds: 'new-version' }]);
  });
});

describe('what differs from the live build', () => {
  it('is never swapped in unless told to, and who did so, in what it differs and why is kept', async () => {
    const group = await world.group(counts());
    await happen(60);
    await feed(group);
    const admin = await world.admin(counts());
    await world.pool.query(
      `update rm_test_counts_g1.counts_by_day set total = total + 1 where (subject, day) = (select subject, day from rm_test_counts_g1.counts_by_day order by 1, 2 limit 1)`,
    );
    const live = await world.rows('counts_by_day');
    expect(await admin.rebuild()).toMatchObject([{ swapped: false, comparison: { equal: false } }]);
    expect((await admin.rebuild([], { compare: false }))[0]).toMatchObject({ swapped: false, comparison: null });
    expect(await world.rows('counts_by_day')).toEqual(live);
    expect(await admin.swaps()).toEqual([]);
    await expect(admin.rebuild([], { acceptDifferences: { reason: '  ' } })).rejects.toThrow('need a reason');

    const acceptDifferences = { reason: 'the totals were touched by hand' };
    expect(await admin.rebuild([], { acceptDifferences, by: 'sara' })).toMatchObject([
      { swapped: true, grounds: 'accepted' },
    ]);
    expect(await world.rows('counts_by_day')).not.toEqual(live);
    expect((await admin.verify('test-counts')).equal).toBe(true);
    const [swap, ...others] = await admin.swaps('test-counts');
    expect(others).toEqual([]);
    expect(swap).toMatchObject({
      projection: 'test-counts',
      replaced: 1,
      kind: 'accepted',
      by: 'sara',
      reason: 'the totals were touched by hand',
      swappedAt: expect.any(Date),
      differences: { found: [{ table: 'counts_by_day', kind: 'changed', columns: ['total'] }] },
    });
    expect(swap!.differences!.found[0]!.key).toMatch(/^\([0-9a-f-]{36},2026-01-0\d\)$/);
    // Keys and columns only: a value may be personal.
    expect(Object.keys(swap!.differences!.found[0]!).toSorted()).toEqual(['columns', 'key', 'kind', 'table']);

    await admin.rebuild([], { by: 'sara' });
    await admin.swapBack('test-counts', { by: 'omid', reason: 'to look at it' });
    expect((await admin.swaps()).map(({ kind, by, reason }) => [kind, by, reason])).toEqual([
      ['swap-back', 'omid', 'to look at it'],
      ['equal', 'sara', null],
      ['accepted', 'sara', acceptDifferences.reason],
    ]);
  });

  it('may be what is set aside: an event that is parked in the one and folded in the other', async () => {
    broken.add('0.00');
    const group = await world.group(counts());
    await world.append(1, counted({ amount: '0.00', day: '2026-01-01' }));
    await feed(group);
    broken.clear();
    const admin = await world.admin(counts());
    await world.pool.query('delete from rm_test_counts_g1.counts_by_day');
    const [result] = await admin.rebuild();
    expect(result).toMatchObject({ swapped: false, comparison: { equal: false } });
    expect(result!.comparison!.differences).toContainEqual(
      expect.objectContaining({ table: 'projections.dead_letters', key: '(1)', right: null }),
    );
  });

  it('may be of a newer version, which older code does not replace', async () => {
    const group = await world.group(counts(2));
    await happen(20);
    await feed(group);
    const older = await world.admin(counts(1));
    await expect(older.rebuild()).rejects.toThrow('test-counts is live in version 2, newer than version 1');
    expect(await older.builds('test-counts')).toHaveLength(1);
    const acceptDifferences = { reason: 'the new version is wrong' };
    expect(await older.rebuild([], { acceptDifferences })).toMatchObject([{ swapped: true, grounds: 'accepted' }]);
    // The newer code brings its own live without being told: its tables differ by intent.
    const newer = await world.admin(counts(2));
    expect(await newer.rebuild()).toMatchObject([{ swapped: true, comparison: null, grounds: 'new-version' }]);
  });

  it('is not what could not be compared: a comparison whose connection is lost is no equality', async () => {
    const group = await world.group(timeline());
    await happen(50);
    await feed(group);
    let comparing = false;
    const admin = await adminOn(
      {
        head: async () => {
          if (comparing) {
            comparing = false;
            await world.pool.query(`select pg_terminate_backend(pid) from pg_stat_activity
              where state = 'idle in transaction' and datname = current_database()`);
          }
          return world.store.head();
        },
      },
      timeline(),
    );
    const onStep = (step: string): boolean => (comparing = step.includes('comparing'));
    await expect(admin.rebuild([], { onStep })).rejects.toThrow();
    expect(await liveGeneration(admin, 'test-timeline')).toBe(1);
    expect(await admin.rebuild()).toMatchObject([{ swapped: true }]);
  });

  it('is found also when the comparison takes longer than the server lets a transaction stand idle', async () => {
    const group = await world.group(timeline());
    await happen(50);
    await feed(group);
    const pool = createPool(world.url, { max: 5, limits: { idleInTransactionMs: 200 } });
    ends.push(() => pool.end());
    let comparing = false;
    const admin = await adminOn(
      {
        head: async () => {
          if (comparing) await sleep(700);
          comparing = false;
          return world.store.head();
        },
      },
      timeline(),
      pool,
    );
    const onStep = (step: string): boolean => (comparing = step.includes('comparing'));
    expect(await admin.rebuild([], { onStep })).toMatchObject([{ swapped: true, comparison: { equal: true } }]);
  });
});

/** The log as an older backup has it: its first events, the same to the byte. */
async function restored(events: readonly StoredEvent[]): Promise<MemoryEventStore> {
  const store = new MemoryEventStore();
  for (const event of events) {
    await store.append([{ commandId: event.commandId, fingerprint: null, events: [event] }]);
  }
  return store;
}

describe('a build that is ahead of the live one', () => {
  it('is compared when live has come to it, and made anew when live stands still', async () => {
    const group = await world.group(timeline());
    await happen(30);
    await feed(group);
    const person = await analyst();
    const admin = await world.admin(timeline());
    await happen(10, 30);
    // Caught up for a swap that could not be made: at 40, where live is at 30.
    await expect(admin.rebuild([], { timeoutMs: 0 })).rejects.toThrow('is open');
    await person.query('commit');
    const rebuilding = admin.rebuild([], { swap: 'never' });
    await sleep(300);
    await feed(group, 30n);
    expect(await rebuilding).toMatchObject([{ generation: 2, comparison: { equal: true } }]);
    await world.pool.query(`update projections.checkpoints set position = least(position, 35) where generation = 1`);
    expect(await admin.rebuild([], { swap: 'never' })).toMatchObject([{ generation: 3 }]);
  });
});

describe('a live build beyond the head of the log', () => {
  it('is told, not waited for, and replaced only when that is accepted', async () => {
    const group = await world.group(timeline());
    await happen(100);
    await feed(group);
    const before = await world.admin(timeline());
    await before.rebuild([], { swap: 'never' });
    await group.close();
    world.store = await restored(await world.store.readAll({ after: 0n, limit: 60 }));
    const admin = await world.admin(timeline());

    const { projections, log } = await admin.verifyAll();
    expect(projections[0]!.comparison).toMatchObject({ equal: false, beyond: { checkpoint: 100n, head: 60n } });
    expect(projections[0]!.comparison!.rows['entries']).toEqual({ left: 100, right: 60 });
    expect(log).toMatchObject({ head: 60n, events: 60, holesInAll: 0 });

    // The build that was left aside holds what the log does not have: it is made anew.
    const [kept] = await admin.rebuild();
    expect(kept).toMatchObject({ swapped: false, comparison: { equal: false, beyond: { head: 60n } } });
    expect((await admin.builds('test-timeline')).map(({ status }) => status)).toEqual(['building', 'live']);
    const acceptDifferences = { reason: 'the log was restored from a backup' };
    await admin.rebuild([], { acceptDifferences });
    expect(await world.rows('entries')).toHaveLength(60);
    expect((await admin.verify('test-timeline')).equal).toBe(true);
    expect((await admin.swaps())[0]!.differences!.beyond).toEqual({ checkpoint: '100', head: '60' });
    await expect(admin.swapBack('test-timeline')).rejects.toThrow(
      'stands at 100, which is not in the log (its head is 60): it holds events that the log does not have',
    );
  });
});

describe('a live build that holds what a failover lost', () => {
  it('is told, and the hole before the new incarnation is none; a rebuild passes it in one step', async () => {
    const group = await world.group(timeline());
    await happen(100);
    await feed(group);
    await group.close();
    world.store.failOver(60n);
    await happen(20, 60);
    const { position: head } = await world.store.head();
    expect(head).toBeGreaterThan(1_000_000n);
    let reads = 0;
    const readAll: MemoryEventStore['readAll'] = (options) => {
      reads++;
      return world.store.readAll(options);
    };
    const admin = await adminOn({ readAll }, timeline());
    const { projections, log } = await admin.verifyAll();
    expect(projections[0]!.comparison).toMatchObject({ equal: false, beyond: { checkpoint: 100n, head } });
    expect(projections[0]!.comparison!.rows['entries']).toEqual({ left: 100, right: 60 });
    expect(log).toMatchObject({ head, events: 80, holesInAll: 0, streamsInAll: 0 });
    expect(await admin.rebuild()).toMatchObject([{ swapped: false }]);
    await admin.rebuild([], { acceptDifferences: { reason: 'the replica had less' } });
    expect(await world.rows('entries')).toHaveLength(80);
    expect((await admin.verify('test-timeline')).equal).toBe(true);
    expect(reads).toBeLessThan(100);
  });
});

describe('verifying', () => {
  it('finds holes in the log and in its streams, and names them', async () => {
    const group = await world.group(timeline());
    for (let i = 0; i < 40; i++) {
      await world.store.append([
        {
          commandId: newId(),
          fingerprint: null,
          events: [
            {
              id: newId(),
              aggregate: 'thing',
              aggregateId: String(i % 4),
              revision: Math.floor(i / 4),
              type: 'test.noted',
              schemaVersion: 1,
              occurredAt: new Date('2026-01-01T00:00:00Z'),
              subject: subjectOf(i % 4),
              ...storedForm(noted({ text: `note ${i}` })),
              meta: { actor: 'test' },
            },
          ],
        },
      ]);
    }
    await feed(group);
    const admin = await world.admin(timeline());
    expect((await admin.verifyAll()).log).toMatchObject({ head: 40n, events: 40, holesInAll: 0, streamsInAll: 0 });

    // Positions 6, 7 and 23, and 10 to 29 of two streams, as a hand in the database would take them out.
    const gone = (event: StoredEvent): boolean => [6n, 7n, 23n].includes(event.position);
    const damaged = await adminOn(
      { readAll: async (options) => (await world.store.readAll(options)).filter((event) => !gone(event)) },
      timeline(),
    );
    const { projections, log } = await damaged.verifyAll([], { pageSize: 3 });
    expect(projections[0]!.comparison).toMatchObject({ equal: false, rows: { entries: { left: 40, right: 37 } } });
    expect(log).toEqual({
      head: 40n,
      events: 37,
      holes: [
        { from: 6n, to: 7n },
        { from: 23n, to: 23n },
      ],
      holesInAll: 2,
      streams: [
        { stream: 'thing-1', after: 0, next: 2, position: 10n },
        { stream: 'thing-2', after: 0, next: 2, position: 11n },
        { stream: 'thing-2', after: 4, next: 6, position: 27n },
      ],
      streamsInAll: 3,
    });
  });

  it('is not all: a new version is not compared, so a rebuild says itself what the log lacked', async () => {
    const group = await world.group(counts(1));
    await happen(40);
    await feed(group);
    const readAll: MemoryEventStore['readAll'] = async (options) =>
      (await world.store.readAll(options)).filter(({ position }) => position !== 7n);
    const damaged = await adminOn({ readAll }, counts(2));
    const told: unknown[] = [];
    const [result] = await damaged.rebuild([], { onDamage: ({ holes }) => told.push(holes) });
    expect(result).toMatchObject({ swapped: true, grounds: 'new-version' });
    expect(told).toEqual([[{ from: 7n, to: 7n }]]);
    const whole = await world.admin(counts(2));
    told.length = 0;
    await whole.rebuild([], { swap: 'never', onDamage: (report) => told.push(report) });
    expect(told).toEqual([]);
  });

  it('goes on with the others, and with the log, where one cannot be verified', async () => {
    const group = await world.group(timeline());
    await happen(10);
    await feed(group);
    const admin = await world.admin(timeline(), counts());
    const { projections, log } = await admin.verifyAll();
    expect(projections).toMatchObject([
      { projection: 'test-timeline', comparison: { equal: true } },
      { projection: 'test-counts', failure: { message: 'test-counts has no live build to verify' } },
    ]);
    expect(log).toMatchObject({ head: 10n, events: 10 });
  });
});

describe('what a killed process leaves half-built', () => {
  it('is not in the way of the next verify, as-of or rebuild, and what is worked on is left alone', async () => {
    const group = await world.group(timeline());
    await happen(30);
    await feed(group);
    const admin = await world.admin(timeline());
    const halt = new AbortController();
    // Held by a session that lives, until it is told to stop.
    let held!: () => void;
    const slow = await adminOn(
      {
        readAll: async (options) => {
          await new Promise<void>((resolve) => (held = resolve));
          return world.store.readAll(options);
        },
      },
      timeline(),
    );
    const working = slow.asOf('test-timeline', 20n, 'as_of', { signal: halt.signal });
    while (!held) await sleep(5);
    await expect(admin.asOf('test-timeline', 10n, 'as_of')).rejects.toThrow(
      'there is a schema as_of already: drop it (yad drop test-timeline 2), or name another one',
    );
    // Its session ends as a killed process' would; the work is not told.
    await world.pool.query(`select pg_terminate_backend(l.pid) from pg_locks l where locktype = 'advisory' and granted
      and database = (select oid from pg_database where datname = current_database())`);
    await sleep(50);
    const build = await admin.asOf('test-timeline', 10n, 'as_of');
    expect(build).toMatchObject({ schema: 'as_of', note: 'as of 10', status: 'scratch' });
    const { rows } = await world.pool.query('select count(*)::int as n from as_of.entries');
    expect(rows).toEqual([{ n: 10 }]);
    halt.abort(new Error('stopped'));
    held();
    await expect(working).rejects.toThrow();
    // A finished one stays until a person drops it.
    await admin.verifyAll();
    await expect(admin.asOf('test-timeline', 5n, 'as_of')).rejects.toThrow('there is a schema as_of already');

    await world.pool.query(`update projections.builds set note = 'verify' where schema = 'as_of'`);
    await admin.verifyAll();
    expect((await admin.builds('test-timeline')).map(({ status }) => status)).toEqual(['live']);
  });

  it('is made anew when the tables have another layout by now', async () => {
    const group = await world.group(timeline());
    await happen(30);
    await feed(group);
    const admin = await world.admin(timeline());
    await admin.rebuild([], { swap: 'never' });
    await world.pool.query(`alter table rm_test_timeline_g2.entries drop column text;
      update projections.builds set note = 'layout of another day' where generation = 2`);
    expect(await admin.rebuild()).toMatchObject([{ swapped: true, generation: 3, comparison: { equal: true } }]);
  });
});

describe('a projection that has set aside as much as it may', () => {
  const bounded = (events: number): Projection => ({ ...counts(), parkAtMost: { events, bytes: 1_000_000 } });

  it('stops with a clear word, loses nothing, and goes on when there is room', async () => {
    for (const n of [1, 2, 3]) broken.add(`${n}.00`);
    const group = await world.group(bounded(2));
    await world.append(1, counted({ amount: '1.00', day: '2026-01-01' }));
    await world.append(2, counted({ amount: '2.00', day: '2026-01-01' }));
    await feed(group);
    const admin = await world.admin(bounded(2));
    expect(await admin.countDeadLetters()).toBe(2);
    await world.append(3, counted({ amount: '9.00', day: '2026-01-01' }));
    await world.append(4, counted({ amount: '3.00', day: '2026-01-01' }));
    await group.deliver({ messages: await world.messages(2n), partitions: all });
    expect(group.alone).toEqual([
      {
        projection: 'test-counts',
        isOtherVersion: false,
        reason: expect.stringContaining(
          'test-counts stops: it has set aside as much as it may (2 events, 1000000 bytes), and the next event fails too (cannot count 3.00)',
        ),
      },
    ]);
    expect(await admin.countDeadLetters()).toBe(2);
    // A rebuild would have to set aside as much.
    await expect(admin.rebuild()).rejects.toThrow('test-counts stops');
    expect(await liveGeneration(admin, 'test-counts')).toBe(1);

    expect(await admin.discard('test-counts', subjectOf(1))).toMatchObject({ discarded: 1 });
    await group.close();
    const next = await world.group(bounded(2));
    await feed(next, 2n);
    expect((await admin.deadLetters()).map(({ position }) => position)).toEqual([2n, 4n]);
    expect(await world.rows('counts_by_day')).toHaveLength(1);
  });

  it('counts the bytes, too', async () => {
    const group = await world.group({ ...counts(), parkAtMost: { events: 1_000, bytes: 2_000 } });
    broken.add('1.00');
    for (let i = 0; i < 20; i++) await world.append(i, counted({ amount: '1.00', day: '2026-01-01' }));
    await group.deliver({ messages: await world.messages(), partitions: all });
    expect(group.alone).toMatchObject([{ reason: expect.stringContaining('2000 bytes') }]);
  });

  it('is listed page by page', async () => {
    broken.add('1.00');
    const group = await world.group(counts());
    for (let i = 0; i < 7; i++) await world.append(i, counted({ amount: '1.00', day: '2026-01-01' }));
    await world.append(8, noted({ text: 'no trouble' }));
    await feed(group);
    const admin = await world.admin(counts());
    const seen: bigint[] = [];
    for (let after: { projection: string; position: bigint } | undefined; ;) {
      const page = await admin.deadLetters({ after, limit: 3 });
      seen.push(...page.map(({ position }) => position));
      if (page.length < 3) break;
      after = page.at(-1);
    }
    expect(seen).toEqual([1n, 2n, 3n, 4n, 5n, 6n, 7n]);
    expect(await admin.countDeadLetters({ projection: 'test-counts' })).toBe(7);
  });
});
