import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { createPool } from '#platform/postgres/pool.js';
import {
  DefinitionChanged,
  PointIncomplete,
  SnapshotUnderWay,
  type PastAsk,
} from '#platform/projections/as-of/past-reads.js';
import type { Point } from '#platform/projections/as-of/point.js';
import type { Projection } from '#platform/projections/definition/projection.js';
import { query, type QueryDefinition, type ReadModels } from '#platform/projections/definition/query.js';
import { broken, counts, timeline } from './fixture.js';
import { pointOf } from '#platform/projections/snapshots/snapshot.js';
import { SnapshotWorld } from './snapshot-world.js';

let world: SnapshotWorld;
beforeEach(async () => {
  broken.clear();
  world = await SnapshotWorld.create();
});
afterEach(() => world.close());

async function happen(events: number): Promise<void> {
  for (let i = 0; i < events; i++) await world.world.happen({ subject: i % 7, what: 'counted', day: i % 3, amount: i });
}

const about = (reads: Projection, version = 1): QueryDefinition =>
  query({
    name: 'Amounts',
    version,
    summary: 'How much',
    route: 'GET /v1/amounts',
    parameters: z.object({}),
    answer: z.object({ events: z.number() }),
    reads: [reads],
    run: async () => ({ events: 0 }),
  });

const asked = (point: Point, reads = counts(), version = 1): PastAsk => ({
  query: about(reads, version),
  parameters: {},
  point,
  waitMs: 20_000,
});

const events = async ({ rows }: ReadModels): Promise<number> =>
  (await rows<{ n: number }>('select sum(events)::int as n from counts_by_day where events > $1', [0]))[0]!.n;

const versioned = (point: Point, version: number, query = 1): Point => ({
  ...point,
  versions: { query: { name: 'Amounts', version: query }, projections: new Map([['test-counts', version]]) },
});

describe('a question as of a point', () => {
  it('has one made that is not there, waits for it, and finds it the next time', async () => {
    await happen(100);
    const snapshots = await world.open([counts(), timeline()]);
    const reads = world.reads(snapshots);
    expect(await reads.asOf(asked(world.point(60n)), events)).toBe(60);
    expect(await reads.asOf(asked(world.point(60n)), events)).toBe(60);
    expect(await reads.asOf(asked(world.point(90n)), events)).toBe(90);
    const made = await snapshots.list(10);
    expect(made.map(({ through, parts }) => [through, parts.map(({ projection }) => projection)])).toEqual([
      [90n, ['test-counts']],
      [60n, ['test-counts']],
    ]);
    expect(await reads.find(world.point(60n), about(counts()))).toMatchObject({ id: made[1]!.id });
    expect(await reads.find(world.point(61n), about(counts()))).toBeUndefined();
  });

  it('finds a snapshot by its name as by its point', async () => {
    await happen(30);
    const snapshots = await world.open([counts(), timeline()]);
    const vectors = { 'test-counts': [10n, 20n, 30n, 5n] };
    const { id } = await world.made(snapshots, world.point(25n, vectors), { name: 'closing' });
    const named = (await snapshots.named('closing'))!;
    expect(named.id).toBe(id);
    const reads = world.reads(snapshots);
    const expected = await world.expectedCounts(vectors['test-counts']);
    const found = await reads.asOf(
      { ...asked(pointOf(named)), waitMs: 0 },
      ({ rows }) => rows('select 1 from counts_by_day'),
      'never',
    );
    expect(found).toHaveLength(expected.length);
  });

  it('sees one state whatever it asks, and may reuse nothing', async () => {
    await happen(30);
    const snapshots = await world.open([counts()]);
    const all = await world.reads(snapshots).asOf(asked(world.point(30n)), async (read) => {
      expect(read.states).toBeUndefined();
      const ids = await Promise.all(
        [1, 2, 3].map(() =>
          read.rows(`select txid_current_if_assigned(), pg_backend_pid() as pid,
        current_setting('transaction_read_only') as only, current_setting('transaction_isolation') as level`),
        ),
      );
      return ids.map(([row]) => row);
    });
    expect(new Set(all.map(({ pid }: any) => pid)).size).toBe(1);
    expect(all[0]).toMatchObject({ only: 'on', level: 'repeatable read' });
    // Given back, the connection leads where it did before.
    const { rows } = await world.world.pool.query(`show search_path`);
    expect(rows[0].search_path).toBe('public');
  });

  it('tells which snapshot is under way where it is not waited for', async () => {
    await happen(50);
    const gate = world.gate();
    const snapshots = await world.open([counts()], { store: gate.store });
    gate.hold();
    const reads = world.reads(snapshots);
    const failed = await reads
      .asOf({ ...asked(world.point(50n)), waitMs: 10 }, events)
      .catch((error: unknown) => error);
    expect(failed).toBeInstanceOf(SnapshotUnderWay);
    gate.go();
    const { snapshot } = failed as SnapshotUnderWay;
    expect((await snapshots.wait(snapshot, 20_000)).status).toBe('ready');
    expect(await reads.asOf({ ...asked(world.point(50n)), waitMs: 0 }, events)).toBe(50);
  });

  it('is told where somebody hangs up, or cancels what it waits for', async () => {
    await happen(50);
    const gate = world.gate();
    const snapshots = await world.open([counts()], { store: gate.store });
    gate.hold();
    const reads = world.reads(snapshots);
    const gone = new AbortController();
    const waiting = reads.asOf({ ...asked(world.point(50n)), gone: gone.signal }, events);
    const other = reads.asOf(asked(world.point(50n)), events);
    void Promise.allSettled([waiting, other]);
    await gate.reached();
    gone.abort(new Error('hung up'));
    await expect(waiting).rejects.toThrow('hung up');
    const [under] = await snapshots.list(1);
    await snapshots.remove(under!.id, 'spec');
    await expect(other).rejects.toMatchObject({ kind: 'snapshot-gone' });
    gate.go();
  });

  it('is answered by what was kept of an older version, and by nothing else', async () => {
    await happen(40);
    const old = await world.open([counts(1)]);
    const kept = await world.made(old, world.point(40n));
    const snapshots = await world.open([counts(2)]);
    const reads = world.reads(snapshots);
    const version = async ({ rows }: ReadModels): Promise<string> =>
      (await rows<any>('select amounts ->> 0 as amount from counts_by_day order by 1 limit 1'))[0].amount.slice(0, 2);
    // What the code makes now is another answer; what was told then is there, too.
    expect(await reads.asOf(asked(world.point(40n), counts(2)), version)).toBe('v2');
    expect(await reads.asOf(asked(versioned(world.point(40n), 1), counts(2)), version)).toBe('v1');
    expect((await reads.find(versioned(world.point(40n), 1), about(counts(2))))?.id).toBe(kept.id);
    // Old tables do not have what new code asks for.
    const renamed = reads.asOf(asked(versioned(world.point(40n), 1), counts(2)), ({ rows }) =>
      rows('select renamed from counts_by_day'),
    );
    await expect(renamed).rejects.toThrow(DefinitionChanged);
    const own = reads.asOf(asked(world.point(40n), counts(2)), ({ rows }) => rows('select renamed from counts_by_day'));
    await expect(own).rejects.toMatchObject({ code: '42703' });
    await expect(reads.asOf(asked(versioned(world.point(39n), 1), counts(2)), version)).rejects.toThrow(
      DefinitionChanged,
    );
    await expect(reads.asOf(asked(versioned(world.point(40n), 2), counts(2), 2), version)).rejects.toThrow(
      'Amounts answers in version 2 now, and what is asked for was answered in version 1',
    );
    await expect(reads.asOf(asked(world.point(38n), counts(2)), version, 'never')).rejects.toThrow(DefinitionChanged);
    expect(await snapshots.list(10)).toHaveLength(2);
  });

  it('cannot be told where an event of then cannot be folded', async () => {
    broken.add('0.10');
    await happen(20);
    const reads = world.reads(await world.open([counts()]));
    await expect(reads.asOf(asked(world.point(20n)), events)).rejects.toThrow(PointIncomplete);
    expect(await reads.asOf(asked(world.point(10n)), events)).toBe(10);
  });

  it('reads to its end in a snapshot that is dropped meanwhile, and the next one does not find it', async () => {
    await happen(50);
    const snapshots = await world.open([counts()]);
    const reads = world.reads(snapshots);
    const made = await world.made(snapshots, world.point(50n));
    let removed = false;
    const read = await reads.asOf(asked(world.point(50n)), async (models) => {
      await models.rows('select 1');
      await snapshots.remove(made.id, 'spec');
      removed = true;
      // Long enough for several tries to drop it.
      await models.rows('select pg_sleep(1)');
      expect(await world.schemas()).toContain(made.schema);
      return events(models);
    });
    expect([removed, read]).toEqual([true, 50]);
    expect(await reads.find(world.point(50n), about(counts()))).toBeUndefined();
    snapshots.start();
    await world.gone(made);
    // And one who found it just before has another made.
    expect(await reads.asOf(asked(world.point(50n)), events)).toBe(50);
  });

  it('notes that a snapshot was read, once in a while', async () => {
    await happen(10);
    const snapshots = await world.open([counts()]);
    const reads = world.reads(snapshots);
    const { id, lastUsedAt } = await world.made(snapshots, world.point(10n));
    const later = (ms: number): Date => new Date(lastUsedAt.getTime() + ms);
    world.clock.set(later(3_600_000));
    for (let i = 0; i < 5; i++) await reads.asOf(asked(world.point(10n)), events);
    for (let i = 0; i < 100 && (await snapshots.show(id)).lastUsedAt <= lastUsedAt; i++)
      await reads.asOf(asked(world.point(10n)), events);
    expect((await snapshots.show(id)).lastUsedAt).toEqual(later(3_600_000));
  });

  it('is nothing that the readers of views may see', async () => {
    await world.world.pool.query(`create role yad_spec_${process.pid} nologin`);
    try {
      await happen(10);
      const snapshots = await world.open([counts()]);
      const { schema } = await world.made(snapshots, world.point(10n));
      const pool = createPool(world.world.url, { max: 1 });
      const { rows } = await pool.query(
        `select has_schema_privilege($1, $2, 'usage') as usage, has_table_privilege($1, $2 || '.counts_by_day', 'select') as read`,
        [`yad_spec_${process.pid}`, schema],
      );
      await pool.end();
      expect(rows[0]).toEqual({ usage: false, read: false });
    } finally {
      await world.world.pool.query(`drop role yad_spec_${process.pid}`);
    }
  });
});
