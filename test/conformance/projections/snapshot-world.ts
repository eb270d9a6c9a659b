import { setTimeout as sleep } from 'node:timers/promises';
import { partitionOf } from '#platform/event-bus/event-bus.js';
import { TestClock } from '#platform/kernel/clock.js';
import { createPool, type Pool } from '#platform/postgres/pool.js';
import type { Point } from '#platform/projections/as-of/point.js';
import { prepareProjections } from '#platform/projections/prepare.js';
import type { Projection } from '#platform/projections/definition/projection.js';
import { SnapshotReads } from '#platform/projections/snapshots/snapshot-reads.js';
import { Snapshots, type SnapshotsOptions } from '#platform/projections/snapshots/snapshots.js';
import type { Snapshot } from '#platform/projections/snapshots/snapshot.js';
import { quote } from '#platform/projections/tables/ddl.js';
import { plus } from '#platform/kernel/money.js';
import { cleared, codec, counted, PARTITIONS, World } from './fixture.js';

export const NOW = new Date('2026-02-01T12:00:00Z');

/** Snapshots of a small world. */
export class SnapshotWorld {
  readonly clock = new TestClock(NOW);
  readonly errors: unknown[] = [];
  private readonly opened: Snapshots[] = [];
  private readonly pools: Pool[] = [];

  private constructor(readonly world: World) {}

  static create = async (): Promise<SnapshotWorld> => new SnapshotWorld(await World.create());

  async open(
    projections: readonly Projection[],
    options: Partial<Pick<SnapshotsOptions, 'bounds' | 'fill' | 'store' | 'schedule'>> = {},
  ): Promise<Snapshots> {
    const { pool, store, url } = this.world;
    const models = await prepareProjections(pool, projections, PARTITIONS);
    const { clock } = this;
    const onError = (error: unknown): void => void this.errors.push(error);
    const given = { store, codec, models, databaseUrl: url, partitions: PARTITIONS, clock, onError };
    const snapshots = Snapshots.open({ ...given, scheduleLookMs: 500, ...options });
    this.opened.push(snapshots);
    return snapshots;
  }

  reads(snapshots: Snapshots): SnapshotReads {
    const pool = createPool(this.world.url, { role: 'query', max: 2, pipeline: true });
    this.pools.push(pool);
    return new SnapshotReads(snapshots, pool);
  }

  /** As of a position, or of one for each partition of projections. */
  point(through: bigint, vectors: Readonly<Record<string, readonly bigint[]>> = {}): Point {
    const { identity } = this.world.store;
    return {
      log: { id: identity.id, incarnation: identity.current.number },
      partitions: PARTITIONS,
      now: NOW,
      through,
      vectors: new Map(Object.entries(vectors)),
    };
  }

  async made(
    snapshots: Snapshots,
    point: Point,
    wanted: { name?: string; keepUntil?: Date } = {},
    projections: readonly string[] = [],
  ): Promise<Snapshot> {
    const { id } = await snapshots.request(point, projections, { by: 'spec', ...wanted });
    const made = await snapshots.wait(id, 20_000);
    if (made.status !== 'ready') throw new Error(`${made.status}: ${made.step} ${made.reason}`);
    return made;
  }

  /** All rows of a snapshot's tables as the database prints them. */
  async rows({ schema }: Pick<Snapshot, 'schema'>): Promise<Record<string, string[]>> {
    const { pool } = this.world;
    const tables = await pool.query<{ name: string }>(`select tablename as name from pg_tables where schemaname = $1`, [
      schema,
    ]);
    const all: Record<string, string[]> = {};
    for (const { name } of tables.rows) {
      const { rows } = await pool.query<{ row: string }>(
        `select t::text as row from ${quote(schema)}.${quote(name)} t order by 1`,
      );
      all[name] = rows.map(({ row }) => row);
    }
    return all;
  }

  /** What `counts_by_day` must be as of a point: a plain loop that knows no runtime. `subject day total amounts` */
  async expectedCounts(targets: readonly bigint[]): Promise<string[]> {
    const rows = new Map<string, { total: string; amounts: string[] }>();
    for (const stored of await this.world.store.readAll({ after: 0n, limit: 1_000_000 })) {
      if (stored.type !== counted.type && stored.type !== cleared.type) continue;
      if (stored.position > targets[partitionOf(stored.subject, PARTITIONS)]!) continue;
      const event = codec.decode(stored);
      const key = `${event.subject} ${event.data.day}`;
      const row = rows.get(key);
      if (stored.type === cleared.type) rows.delete(key);
      else {
        const { amount } = event.data;
        rows.set(key, { total: plus(row?.total ?? '0', amount), amounts: [...(row?.amounts ?? []), amount] });
      }
    }
    return [...rows].map(([key, { total, amounts }]) => `${key} ${Number(total)} ${amounts.join(',')}`).toSorted();
  }

  /** The same as a snapshot has it. */
  async counts({ schema }: Pick<Snapshot, 'schema'>): Promise<string[]> {
    const { rows } = await this.world.pool.query<any>(
      `select subject::text, day::text, total::float8, (select array_agg(split_part(a, ':', 2) order by at)
         from jsonb_array_elements_text(amounts) with ordinality t(a, at)) as amounts from ${quote(schema)}.counts_by_day`,
    );
    return (rows as any[])
      .map(({ subject, day, total, amounts }) => `${subject} ${day} ${total} ${amounts.join(',')}`)
      .toSorted();
  }

  /** The log, which can be held still: whoever reads on waits. */
  gate(): { store: SnapshotsOptions['store']; hold(): void; go(): void; reached(): Promise<void> } {
    const { store } = this.world;
    let held: Promise<void> | undefined;
    let go = (): void => {};
    let atGate = (): void => {};
    const reached = new Promise<void>((resolve) => (atGate = resolve));
    const readAll: typeof store.readAll = async (options) => {
      if (held) atGate();
      await held;
      return store.readAll(options);
    };
    const gated = new Proxy(store, {
      get: (target, name) => {
        if (name === 'readAll') return readAll;
        const value = Reflect.get(target, name, target);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
    return {
      store: gated,
      hold: () => void (held = new Promise((resolve) => (go = resolve))),
      go: () => {
        held = undefined;
        go();
      },
      reached: () => reached,
    };
  }

  async schemas(): Promise<string[]> {
    const { rows } = await this.world.pool.query<{ name: string }>(
      `select nspname as name from pg_namespace where nspname like 'snapshot\\_%' order by 1`,
    );
    return rows.map(({ name }) => name);
  }

  /** Waits until a snapshot's tables are gone. */
  async gone({ schema }: Pick<Snapshot, 'schema'>): Promise<void> {
    for (let i = 0; i < 200; i++, await sleep(20)) if (!(await this.schemas()).includes(schema)) return;
    throw new Error(`${schema} is still there: ${String(this.errors)}`);
  }

  async close(): Promise<void> {
    await Promise.all(this.opened.map((each) => each.stop()));
    await Promise.all(this.pools.map((each) => each.end()));
    await this.world.close();
  }
}
