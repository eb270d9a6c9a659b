import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { InvalidInput, NotFound } from '#platform/kernel/errors.js';
import { broken, counted, counts, feed, noted, PARTITIONS, subjectOf, timeline } from './fixture.js';
import { NOW, SnapshotWorld } from './snapshot-world.js';

let world: SnapshotWorld;
beforeEach(async () => {
  broken.clear();
  world = await SnapshotWorld.create();
});
afterEach(() => world.close());

const all = Array.from({ length: PARTITIONS }, (_, partition) => partition);
const uniform = (position: bigint): bigint[] => all.map(() => position);

async function happen(events: number, from = 0): Promise<void> {
  for (let i = from; i < from + events; i++) {
    const what = i % 13 === 0 ? 'cleared' : i % 5 === 0 ? 'noted' : 'counted';
    await world.world.happen({ subject: i % 17, what, day: i % 3, amount: i });
  }
}

describe('a snapshot', () => {
  it('has the rows of all projections as of a position, with keys, indexes and statistics', async () => {
    await happen(300);
    const snapshots = await world.open([counts(), timeline()]);
    const made = await world.made(snapshots, world.point(200n));
    expect(await world.counts(made)).toEqual(await world.expectedCounts(uniform(200n)));
    expect((await world.rows(made))['entries']).toHaveLength(200);
    expect(made).toMatchObject({ status: 'ready', position: 200n, target: 200n, madeBy: 'spec', through: 200n });
    expect(made.bytes).toBeGreaterThan(50_000);
    const admin = await world.world.admin(counts(), timeline());
    const build = await admin.asOf('test-counts', 200n, 'as_of');
    const { counts_by_day, amounts_by_day } = await world.rows(made);
    expect({ counts_by_day, amounts_by_day }).toEqual(await world.rows(build));
    const { rows } = await world.world.pool.query(
      `select count(*)::int as indexes from pg_indexes where schemaname = $1`,
      [made.schema],
    );
    const scratch = await world.world.pool.query(
      `select count(*)::int as indexes from pg_indexes where schemaname = 'as_of'`,
    );
    // Beside those of the counts, the key of the entries.
    expect(rows[0].indexes).toBe(scratch.rows[0].indexes + 1);
    const analysed = await world.world.pool.query(
      `select from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = $1 and relkind = 'r' and reltuples < 0`,
      [made.schema],
    );
    expect(analysed.rowCount).toBe(0);
  });

  it('is nothing that rebuilds, verifications and lists of builds see', async () => {
    const group = await world.world.group(counts());
    await happen(60);
    await feed(group, { messages: await world.world.messages(), partitions: all });
    const snapshots = await world.open([counts()]);
    await world.made(snapshots, world.point(40n));
    const admin = await world.world.admin(counts());
    expect((await admin.builds('test-counts')).map(({ generation }) => generation)).toEqual([1]);
    expect(await admin.verify('test-counts')).toMatchObject({ equal: true });
    const [rebuilt] = await admin.rebuild();
    expect(rebuilt).toMatchObject({ swapped: true, generation: 3 });
  });

  it('is the same from the start, from an earlier one, and from the live rows', async () => {
    await happen(400);
    const snapshots = await world.open([counts(), timeline()], { fill: { pageSize: 50, flushRows: 20 } });
    const vectors = { 'test-counts': [210n, 333n, 280n, 390n], 'test-timeline': uniform(350n) };
    const point = world.point(400n, vectors);
    const fromStart = await world.made(snapshots, point);
    const expected = await world.rows(fromStart);
    expect(await world.counts(fromStart)).toEqual(await world.expectedCounts(vectors['test-counts']));
    await world.gone(await snapshots.remove(fromStart.id, 'spec'));

    const earlier = await world.made(snapshots, world.point(200n));
    const fromEarlier = await world.made(snapshots, point);
    expect(await world.rows(fromEarlier)).toEqual(expected);
    // It has read no more of the log than was missing.
    expect(fromEarlier.began).toBe(200n);
    await world.gone(await snapshots.remove(fromEarlier.id, 'spec'));
    await world.gone(await snapshots.remove(earlier.id, 'spec'));

    const group = await world.world.group(counts(), timeline());
    const messages = await world.world.messages();
    await feed(group, { messages: messages.filter(({ event }) => event.position <= 205n), partitions: all });
    const fromLive = await world.made(snapshots, point);
    expect(await world.rows(fromLive)).toEqual(expected);
    expect(fromLive.began).toBeGreaterThan(150n);
    await world.gone(await snapshots.remove(fromLive.id, 'spec'));
    // Live is beyond the point by now, and of no use.
    await feed(group, { messages: messages.filter(({ event }) => event.position > 205n), partitions: all });
    const anew = await world.made(snapshots, point);
    expect(await world.rows(anew)).toEqual(expected);
    expect(anew.began).toBe(0n);
    // As of where live stands exactly, nothing of the log is read.
    const { rows } = await world.world.pool.query<{ projection: string; at: string[] }>(
      `select projection, array_agg(position::text order by partition) as at from projections.checkpoints
         join projections.builds using (projection, generation) where status = 'live' group by 1`,
    );
    const live = Object.fromEntries(rows.map(({ projection, at }) => [projection, at.map(BigInt)]));
    const copied = await world.made(snapshots, world.point(400n, live));
    expect(await world.counts(copied)).toEqual(await world.expectedCounts(live['test-counts']!));
    expect(copied).toMatchObject({ began: 0n, position: copied.target });
  });

  it('is shared by all who ask for the same, in one process and another', async () => {
    await happen(200);
    const one = await world.open([counts(), timeline()]);
    const other = await world.open([counts(), timeline()]);
    const asked = await Promise.all(
      [one, other, one, other].map((each) => each.request(world.point(150n), [], { by: 'spec' })),
    );
    expect(new Set(asked.map(({ id }) => id)).size).toBe(1);
    const made = await other.wait(asked[0]!.id, 20_000);
    expect(made.status).toBe('ready');
    // One that has more projections has what was asked for, too.
    const fewer = await other.request(world.point(150n), ['test-counts'], { by: 'spec', name: 'day-2026-01-01' });
    expect(fewer).toMatchObject({ id: made.id, names: ['day-2026-01-01'] });
    expect(await world.schemas()).toEqual([made.schema]);
  });

  it('has several names, each for one point', async () => {
    await happen(50);
    const snapshots = await world.open([counts()]);
    await world.made(snapshots, world.point(50n), { name: 'day-2026-01-31' });
    const made = await world.made(snapshots, world.point(50n), { name: 'closing-2026-01' });
    expect(made.names).toEqual(['closing-2026-01', 'day-2026-01-31']);
    expect((await snapshots.named('closing-2026-01'))?.id).toBe(made.id);
    const other = snapshots.request(world.point(40n), [], { by: 'spec', name: 'closing-2026-01' });
    await expect(other).rejects.toThrow(/'closing-2026-01' is the snapshot .*: drop that first/);
    await world.gone(await snapshots.remove(made.id, 'spec'));
    expect(await snapshots.named('closing-2026-01')).toBeUndefined();
    expect((await world.made(snapshots, world.point(40n), { name: 'closing-2026-01' })).names).toEqual([
      'closing-2026-01',
    ]);
    for (const name of ['7', '2026-01-01', 'Closing', 'a-', 'a'.repeat(61)]) {
      await expect(snapshots.request(world.point(40n), [], { by: 'spec', name })).rejects.toThrow(InvalidInput);
    }
  });

  it('refuses points that the log does not have, and projections that nobody makes', async () => {
    await happen(10);
    const snapshots = await world.open([counts()]);
    const ask = (point = world.point(10n), projections: string[] = []) =>
      snapshots.request(point, projections, { by: 'spec' });
    await expect(ask(world.point(11n))).rejects.toMatchObject({
      issues: [{ pointer: '/asOf', message: 'is beyond the end of the log, which is at 10' }],
    });
    await expect(ask({ ...world.point(10n), log: { id: subjectOf(1), incarnation: 1 } })).rejects.toMatchObject({
      issues: [{ pointer: '/asOf', message: 'is a point of another log' }],
    });
    await expect(ask(undefined, ['palette'])).rejects.toMatchObject({
      issues: [{ pointer: '/projections', message: "there is no projection 'palette'; there are test-counts" }],
    });
    expect(await snapshots.list(10)).toEqual([]);
  });

  it('fails where an event cannot be folded, naming it, and honours what was discarded', async () => {
    broken.add('0.41');
    const group = await world.world.group(counts());
    await happen(60);
    await feed(group, { messages: await world.world.messages(), partitions: all });
    const snapshots = await world.open([counts()]);
    const { id } = await snapshots.request(world.point(60n), [], { by: 'spec' });
    const failed = await snapshots.wait(id, 20_000);
    expect(failed).toMatchObject({ status: 'failed', failure: 'point-incomplete' });
    expect(failed.reason).toContain('the event at position 42 (test.counted) cannot be folded into test-counts');
    await world.gone(failed);
    expect((await snapshots.show(id)).bytes).toBe(0);
    // Asked again at once, it is not tried again.
    expect((await snapshots.request(world.point(60n), [], { by: 'spec' })).id).toBe(id);
    const admin = await world.world.admin(counts());
    await admin.discard('test-counts', subjectOf(41 % 17), 'first');
    world.clock.set(new Date(NOW.getTime() + 61_000));
    const made = await world.made(snapshots, world.point(60n));
    expect((await world.counts(made)).join()).not.toContain('0.41');
  });

  it('fails with what the database refuses', async () => {
    await happen(20);
    await world.world.append(3, counted({ amount: '99999999999999', day: '2026-01-01' }));
    const snapshots = await world.open([counts()]);
    const { id } = await snapshots.request(world.point(21n), [], { by: 'spec' });
    expect((await snapshots.wait(id, 20_000)).reason).toContain('the event at position 21');
  });
});

describe('any snapshot', () => {
  it('has just the events up to its point, whatever was there to begin with', async () => {
    await happen(120);
    await world.world.append(5, noted({ text: 'note' }));
    const snapshots = await world.open([counts(), timeline()], { fill: { pageSize: 16, flushRows: 8 } });
    const position = fc.bigInt({ min: 0n, max: 121n });
    const vector = fc.array(position, { minLength: PARTITIONS, maxLength: PARTITIONS });
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(vector, position), { minLength: 1, maxLength: 4 }), async (points) => {
        for (const [targets, through] of points) {
          const made = await world.made(snapshots, world.point(through, { 'test-counts': targets }));
          expect(await world.counts(made)).toEqual(await world.expectedCounts(targets));
          expect((await world.rows(made))['entries']).toHaveLength(Number(through));
        }
        // Each run begins with none half of the time; else with what the last one left.
        if (points.length % 2 === 0) return;
        for (const { id } of await snapshots.list(100)) {
          // Those that were removed before may just have gone.
          await snapshots.remove(id, 'spec').catch((error: unknown) => expect(error).toBeInstanceOf(NotFound));
        }
      }),
      { numRuns: 8 },
    );
  });
});
