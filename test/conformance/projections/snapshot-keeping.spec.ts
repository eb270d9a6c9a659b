import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import { createPool } from '#platform/postgres/pool.js';
import { guardLog } from '#platform/projections/builds/log-guard.js';
import { progressOf } from '#platform/projections/snapshots/snapshot.js';
import type { Snapshots } from '#platform/projections/snapshots/snapshots.js';
import { counts, noted, PARTITIONS, subjectOf, timeline } from './fixture.js';
import { NOW, SnapshotWorld } from './snapshot-world.js';

let world: SnapshotWorld;
beforeEach(async () => {
  world = await SnapshotWorld.create();
});
afterEach(() => world.close());

async function happen(events: number): Promise<void> {
  for (let i = 0; i < events; i++) await world.world.happen({ subject: i % 7, what: 'counted', day: i % 3, amount: i });
}
const ask = (snapshots: Snapshots, through: bigint, more: { name?: string; keepUntil?: Date } = {}) =>
  snapshots.request(world.point(through), [], { by: 'spec', ...more });
const small = { fill: { pageSize: 20, flushRows: 5, readAhead: 1 } };
const HOUR = 3_600_000;
const later = (hours: number): void => world.clock.set(new Date(NOW.getTime() + hours * HOUR));
const until = async (holds: () => Promise<boolean>, ms = 10_000): Promise<void> => {
  for (const end = Date.now() + ms; Date.now() < end; await sleep(20)) if (await holds()) return;
  throw new Error(`it did not come so far: ${String(world.errors)}`);
};

/** A log that is held still once a build has come some way. */
async function halfWay(snapshots: Snapshots, gate: ReturnType<SnapshotWorld['gate']>, through: bigint) {
  const first = await ask(snapshots, through);
  await until(async () => (await written()) > 0);
  gate.hold();
  await gate.reached();
  return first;
}
const written = async (): Promise<number> => {
  const { rows } = await world.world.pool.query(
    `select coalesce(max(position), 0)::int as at from projections.checkpoints where generation < 0`,
  );
  return rows[0].at;
};

describe('the making of a snapshot', () => {
  it('shows how far it is, and ends where it is cancelled', async () => {
    await happen(400);
    const gate = world.gate();
    const snapshots = await world.open([counts(), timeline()], { ...small, store: gate.store });
    const { id, schema } = await halfWay(snapshots, gate, 400n);
    await until(async () => (await snapshots.show(id)).position > 0n);
    const shown = await snapshots.show(id);
    expect(shown).toMatchObject({ status: 'building', step: 'reading the log', target: 400n });
    expect(progressOf(shown)).toBeGreaterThan(0);
    expect(progressOf(shown)).toBeLessThan(1);
    expect(shown.bytes).toBeGreaterThan(0);
    expect(await snapshots.remove(id, 'ann')).toMatchObject({ status: 'cancelled', reason: 'by ann' });
    gate.go();
    await world.gone({ schema });
    expect(await snapshots.show(id)).toMatchObject({ status: 'cancelled', bytes: 0 });
    // The same point can be asked for again.
    const again = await ask(snapshots, 400n);
    expect(again.id).not.toBe(id);
    expect((await snapshots.wait(again.id, 20_000)).status).toBe('ready');
    // What was cancelled is shown for a day.
    later(25);
    snapshots.start();
    await until(async () => (await snapshots.list(10)).every((each) => each.id !== id));
  });

  it('is gone on with by another process where its own died', async () => {
    await happen(400);
    const gate = world.gate();
    const dying = await world.open([counts(), timeline()], { ...small, store: gate.store });
    const { id } = await halfWay(dying, gate, 400n);
    const other = await world.open([counts(), timeline()], small);
    other.start();
    // While the one is at it, the other leaves it alone.
    await sleep(300);
    expect((await other.show(id)).status).toBe('building');
    const before = await written();
    expect(before).toBeGreaterThan(0);
    expect(before).toBeLessThan(400);
    // As the server sees a process that was killed: its sessions end.
    const admin = createPool(world.world.url, { max: 1 });
    await admin.query(
      `select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and application_name = 'yad snapshots: build'`,
    );
    await admin.end();
    const made = await other.wait(id, 20_000);
    expect(made).toMatchObject({ status: 'ready', began: BigInt(before) });
    gate.go();
    expect(await world.counts(made)).toEqual(
      await world.expectedCounts(Array.from({ length: PARTITIONS }, () => 400n)),
    );
    expect((await world.rows(made))['entries']).toHaveLength(400);
    const { rows } = await world.world.pool.query(`select attempts from projections.snapshots where id = $1`, [id]);
    expect(rows[0].attempts).toBeGreaterThanOrEqual(2);
  });

  it('goes on where the process was stopped in order', async () => {
    await happen(400);
    const gate = world.gate();
    const stopping = await world.open([counts()], { ...small, store: gate.store });
    const { id } = await halfWay(stopping, gate, 400n);
    const stopped = stopping.stop();
    gate.go();
    await stopped;
    const at = await written();
    const other = await world.open([counts()], small);
    expect((await other.show(id)).status).toBe('building');
    other.start();
    const made = await other.wait(id, 20_000);
    expect(made).toMatchObject({ status: 'ready', began: BigInt(at) });
  });
});

describe('room for snapshots', () => {
  it('is bounded in number: who wants more is told which setting says so', async () => {
    await happen(20);
    const snapshots = await world.open([counts()], { bounds: { most: 2, unusedMs: 10 * HOUR } });
    await world.made(snapshots, world.point(10n));
    await world.made(snapshots, world.point(11n), { name: 'kept' });
    await expect(ask(snapshots, 12n)).rejects.toMatchObject({
      kind: 'snapshots-full',
      message: 'there are 2 snapshots, as many as SNAPSHOTS_MOST allows: drop one',
    });
    // What is there can be asked for.
    expect((await ask(snapshots, 11n)).status).toBe('ready');
    // What nobody keeps makes room when it has not been read for some minutes; what has a name stays.
    later(0.2);
    await world.made(snapshots, world.point(12n));
    expect((await snapshots.list(10)).filter(({ status }) => status === 'ready').map(({ through }) => through)).toEqual(
      [12n, 11n],
    );
  });

  it('is bounded in bytes, before one is made and while it is', async () => {
    await happen(300);
    for (let i = 0; i < 200; i++)
      await world.world.append(i % 7, noted({ text: randomBytes(3_000).toString('base64') }));
    const snapshots = await world.open([timeline()], { ...small, bounds: { mostBytes: 400_000 } });
    const { id, schema } = await ask(snapshots, 500n);
    const failed = await snapshots.wait(id, 20_000);
    expect(failed).toMatchObject({ status: 'failed', failure: 'snapshots-full' });
    expect(failed.reason).toContain('SNAPSHOTS_MOST_MB');
    await world.gone({ schema });
    await world.world.pool.query(`update projections.snapshots set status = 'ready', bytes = 600000`);
    await expect(ask(snapshots, 100n)).rejects.toMatchObject({ kind: 'snapshots-full' });
  });

  it('is made by those that are old and unused', async () => {
    await happen(20);
    const snapshots = await world.open([counts()], { bounds: { unusedMs: HOUR } });
    const short = await world.made(snapshots, world.point(10n));
    const day = new Date(NOW.getTime() + 24 * HOUR);
    const kept = await world.made(snapshots, world.point(11n), { keepUntil: day });
    const named = await world.made(snapshots, world.point(12n), { name: 'for-good' });
    const until24 = await world.made(snapshots, world.point(13n), { name: 'for-a-day', keepUntil: day });
    const left = async (): Promise<string[]> => (await snapshots.list(10)).map(({ id }) => id).toSorted();
    snapshots.start();
    later(2);
    await world.gone(short);
    await until(async () => (await left()).length === 3);
    expect(await left()).toEqual([kept.id, named.id, until24.id].toSorted());
    later(25);
    await world.gone(kept);
    await world.gone(until24);
    await until(async () => (await left()).length === 1);
    expect(await left()).toEqual([named.id]);
  });
});

describe('what the log has lost', () => {
  it('takes the snapshots with it that hold it', async () => {
    await happen(20);
    const snapshots = await world.open([counts()]);
    const [whole, holding] = [
      await world.made(snapshots, world.point(10n)),
      await world.made(snapshots, world.point(20n)),
    ];
    const { pool, store } = world.world;
    // As one has it that was made before a backup of the log was restored.
    await pool.query(
      `update projections.checkpoints c set position = 21 from projections.builds b
        where b.projection = c.projection and b.generation = c.generation and b.schema = $1 and c.partition = 0`,
      [holding.schema],
    );
    await guardLog(pool, store);
    expect((await snapshots.show(holding.id)).status).toBe('dropping');
    snapshots.start();
    await world.gone(holding);
    expect((await snapshots.show(whole.id)).status).toBe('ready');
    const { rowCount } = await pool.query(`select from projections.builds where schema = $1`, [holding.schema]);
    expect(rowCount).toBe(0);
  });
});

describe('what was erased', () => {
  it('takes the snapshots with it that hold rows of the customer, also one that is being made', async () => {
    for (let i = 0; i < 60; i++) await world.world.happen({ subject: i % 3, what: 'counted', day: 0, amount: i });
    await world.world.append(9, noted({ text: 'late' }));
    const gate = world.gate();
    const snapshots = await world.open([counts(), timeline()], { ...small, store: gate.store });
    const without = await world.made(snapshots, world.point(60n));
    const holding = await world.made(snapshots, world.point(61n));
    gate.hold();
    const under = await snapshots.request(world.point(40n), [], { by: 'spec' });
    await gate.reached();
    const dropping = snapshots.dropHolding([subjectOf(9)]);
    await until(async () => (await snapshots.show(under.id)).status === 'cancelled');
    gate.go();
    expect((await dropping).toSorted()).toEqual([holding.id, under.id].toSorted());
    expect(await world.schemas()).toEqual([without.schema]);
    expect(await snapshots.dropHolding([subjectOf(9)])).toEqual([]);
    expect(await snapshots.dropHolding([subjectOf(1)])).toEqual([without.id]);
    expect(await world.schemas()).toEqual([]);
  });
});

describe('the schedule', () => {
  it('has the closings made of all that was recorded before midnight, once for all processes, and takes back what is old', async () => {
    const clock = world.world.recording;
    const record = async (at: string, events: number): Promise<void> => {
      clock.set(at);
      await happen(events);
    };
    await record('2026-01-30T12:00:00Z', 5);
    await record('2026-01-31T23:59:59.999Z', 5);
    await record('2026-02-01T00:00:00Z', 5);
    await record('2026-02-03T08:00:00Z', 5);
    world.clock.set('2026-02-03T12:00:00Z');
    const schedule = { daily: 3, monthly: 2, zone: 'UTC' };
    const bounds = { unusedMs: HOUR };
    const one = await world.open([counts()], { schedule, bounds });
    const other = await world.open([counts()], { schedule, bounds });
    const ready = async (): Promise<string[]> =>
      (await one.list(20))
        .filter(({ status }) => status === 'ready')
        .map(({ names, through }) => `${through}: ${names.join(' ')}`)
        .toSorted();
    one.start();
    other.start();
    await until(async () => (await ready()).join().includes('day-2026-02-02'), 60_000);
    // Nothing happened on the second of February: it is the same as the first. Before January there was nothing.
    expect(await ready()).toEqual(['10: closing-2026-01 day-2026-01-31', '15: day-2026-02-01 day-2026-02-02']);
    const [, january] = await one.list(20);
    expect(january).toMatchObject({ madeBy: 'the schedule', now: new Date('2026-01-31T23:59:59.999Z') });
    // After an outage what is missing is made; of days that are old the names go, and with them who has no other.
    world.clock.set('2026-02-06T12:00:00Z');
    const wanted = ['10: closing-2026-01', '20: day-2026-02-03 day-2026-02-04 day-2026-02-05'];
    await until(async () => JSON.stringify(await ready()) === JSON.stringify(wanted), 60_000);
  }, 150_000);
});
