import type { EventStore } from '#platform/event-store/event-store.js';
import { systemClock } from '#platform/kernel/clock.js';
import type { EventCodec } from '#platform/kernel/event-codec.js';
import { bringUpToDate } from '#platform/postgres/migrations.js';
import { createPool, type Pool } from '#platform/postgres/pool.js';
import { fixPartitions } from './builds/builds.js';
import { DecodedEvents } from './folding/decoded-events.js';
import type { Projection } from './definition/projection.js';
import { ProjectionAdmin } from './projection-admin.js';
import { projectionSchema } from './projections.migrations.js';
import { AsOf } from './as-of/as-of.js';
import type { Point } from './as-of/point.js';
import { Snapshots, type SnapshotsOptions } from './snapshots/snapshots.js';
import { describeTables } from './tables/describe-tables.js';
import type { Model } from './running/build-writer.js';

/** Brings the bookkeeping up to date where this login may, checks the bus' partitions, and looks up the tables. @throws NotMigrated */
export async function prepareProjections(
  pool: Pool,
  projections: readonly Projection[],
  partitions: number,
): Promise<Model[]> {
  const models: Model[] = [];
  const owners = new Map<string, string>();
  for (const projection of projections) {
    const { name } = projection;
    if (!/^[a-z][a-z0-9-]{0,40}$/.test(name)) {
      throw new Error(`'${name}' is not a projection's name: lower-case letters, digits and -, at most 41`);
    }
    const shapes = describeTables(projection);
    for (const shape of shapes) {
      const owner = owners.get(shape.name);
      if (owner !== undefined) throw new Error(`${owner} and ${name} both have a table ${shape.name}`);
      owners.set(shape.name, name);
    }
    models.push({ projection, shapes });
  }
  await bringUpToDate(pool, projectionSchema);
  await fixPartitions(pool, partitions);
  return models;
}

export interface AdminOptions {
  readonly store: EventStore;
  readonly codec: EventCodec;
  readonly projections: readonly Projection[];
  readonly databaseUrl: string;
  /** Of the bus that the hosts use. */
  readonly partitions: number;
}

/**
 * Snapshots without a host: for the command line and for benchmarks. It builds what is asked for here, and leaves what
 * others ask for to the hosts.
 */
export async function openSnapshots(
  options: AdminOptions & Pick<SnapshotsOptions, 'bounds' | 'clock' | 'onError'>,
): Promise<{ snapshots: Snapshots; points: AsOf }> {
  const { store, projections, databaseUrl, partitions, clock = systemClock } = options;
  const pool = createPool(databaseUrl, { role: 'rebuild', max: 1, applicationName: 'yad projection admin' });
  const models = await prepareProjections(pool, projections, partitions).finally(() => pool.end());
  const snapshots = Snapshots.open({ ...options, models });
  const named = (name: string): Promise<Point | undefined> => snapshots.pointNamed(name);
  return { snapshots, points: new AsOf({ store, partitions, clock, named }) };
}

/** Admin operations without a host: for the command line and for benchmarks. */
export async function openProjectionAdmin(
  options: AdminOptions,
): Promise<{ admin: ProjectionAdmin; close: () => Promise<void> }> {
  const { store, codec, projections, databaseUrl, partitions } = options;
  const pool = createPool(databaseUrl, {
    role: 'rebuild',
    max: projections.length + 4,
    applicationName: 'yad projection admin',
    synchronousCommit: 'off',
  });
  try {
    const models = await prepareProjections(pool, projections, partitions);
    const runtime = { pool, log: { store, partitions }, decoded: new DecodedEvents(codec) };
    return { admin: new ProjectionAdmin(runtime, models), close: () => pool.end() };
  } catch (error) {
    await pool.end();
    throw error;
  }
}
