import { inTransaction, type Pool, type PoolClient } from '#platform/postgres/pool.js';
import { newId } from '#platform/kernel/ids.js';
import { furthestOf, type Point } from '../as-of/point.js';
import { SnapshotNameTaken } from './refusals.js';
import { keyOf, schemaOf, type Snapshot, type SnapshotPart } from './snapshot.js';
import { makeRoom, type SnapshotBounds } from './snapshot-bounds.js';
import { snapshotById, snapshotsWhere, type Database } from './snapshot-rows.js';

/** What is asked for. */
export interface SnapshotRequest {
  readonly point: Point;
  readonly parts: readonly SnapshotPart[];
  /** By projection, how its tables are laid out. */
  readonly layouts: ReadonlyMap<string, string>;
  readonly by: string;
  readonly name?: string;
  /** Absent: one with a name for good, another until nobody has read it for a while. */
  readonly keepUntil?: Date;
  readonly isScheduled?: boolean;
}

/** One that could not be made because of what is in the log is not tried again for so long. */
const REFUSED_MS = 60_000;

/** As SQL about `s`: it has these parts, exactly so. `$1`: log; `$2`, `$3`, `$4`: projections, versions, targets. */
export const COVERS = `s.log_id = $1 and not exists (
  select from unnest($2::text[], $3::int[], $4::text[]) w(projection, version, targets)
   where not exists (select from projections.snapshot_parts p where p.snapshot = s.id
     and p.projection = w.projection and p.version = w.version and p.targets = w.targets::bigint[]))`;

export const coverParameters = (logId: string, parts: readonly SnapshotPart[]): unknown[] => [
  logId,
  parts.map(({ projection }) => projection),
  parts.map(({ version }) => version),
  parts.map(({ targets }) => `{${targets.join(',')}}`),
];

/**
 * The snapshot that has what is asked for: one that is there, is being made, or is to be made from here on.
 * @throws SnapshotNameTaken; SnapshotsFull
 */
export async function requestSnapshot(
  pool: Pool,
  request: SnapshotRequest,
  bounds: SnapshotBounds,
  now: Date,
): Promise<Snapshot> {
  const id = await inTransaction(pool, async (client) => {
    // One at a time: two who ask for the same must find each other, and the bounds hold for all together.
    await client.query(`select pg_advisory_xact_lock(hashtextextended('yad snapshots', 0))`);
    const found = (await covering(client, request)) ?? (await refused(client, request, now));
    if (found) {
      if (found.status !== 'failed') await keep(client, found, request, now);
      return found.id;
    }
    if (request.name !== undefined) await freeName(client, request.name);
    await makeRoom(client, bounds, now);
    return add(client, request, now);
  });
  return (await snapshotById(pool, id))!;
}

async function covering(client: Database, { point, parts }: SnapshotRequest): Promise<Snapshot | undefined> {
  const [found] = await snapshotsWhere(
    client,
    `where s.status in ('ready', 'building', 'waiting') and ${COVERS}
     order by s.status = 'ready' desc, s.status = 'building' desc, s.made_at limit 1`,
    coverParameters(point.log.id, parts),
  );
  return found;
}

/** One that failed a moment ago for what is in the log: it would again. */
async function refused(client: Database, { point, parts }: SnapshotRequest, now: Date): Promise<Snapshot | undefined> {
  const [found] = await snapshotsWhere(
    client,
    `where s.key = $1 and s.status = 'failed' and s.failure = 'point-incomplete' and s.ended_at > $2
     order by s.ended_at desc limit 1`,
    [keyOf(point.log.id, parts), new Date(now.getTime() - REFUSED_MS)],
  );
  return found;
}

/** @throws SnapshotNameTaken */
async function keep(client: Database, found: Snapshot, request: SnapshotRequest, now: Date): Promise<void> {
  const { name, keepUntil } = request;
  if (keepUntil !== undefined) {
    await client.query(`update projections.snapshots set kept_until = greatest(kept_until, $2) where id = $1`, [
      found.id,
      keepUntil,
    ]);
  }
  if (name === undefined || found.names.includes(name)) return;
  await freeName(client, name);
  await giveName(client, found.id, { ...request, name }, now);
}

/** Takes a name back from a snapshot that is not there any more. @throws SnapshotNameTaken where it is */
async function freeName(client: Database, name: string): Promise<void> {
  const [holder] = await snapshotsWhere(
    client,
    'join projections.snapshot_names held on held.snapshot = s.id where held.name = $1',
    [name],
  );
  if (!holder) return;
  if (['waiting', 'building', 'ready'].includes(holder.status)) throw new SnapshotNameTaken(name, holder.id);
  await client.query(`delete from projections.snapshot_names where name = $1`, [name]);
}

const giveName = (
  client: Database,
  id: string,
  { name, by, isScheduled = false }: SnapshotRequest,
  now: Date,
): Promise<unknown> =>
  client.query(
    `insert into projections.snapshot_names (name, snapshot, given_by, given_at, scheduled) values ($1, $2, $3, $4, $5)`,
    [name, id, by, now, isScheduled],
  );

async function add(client: PoolClient, request: SnapshotRequest, now: Date): Promise<string> {
  const { point, parts, layouts, by, name, keepUntil } = request;
  const id = newId();
  const target = furthestOf(
    point,
    parts.map(({ projection }) => projection),
  );
  await client.query(
    `insert into projections.snapshots
       (id, schema, key, log_id, incarnation, partitions, through, now, status, target, made_by, made_at, last_used_at, kept_until)
     values ($1, $2, $3, $4, $5, $6, $7, $8, 'waiting', $9, $10, $11, $11, $12)`,
    [
      id,
      schemaOf(id),
      keyOf(point.log.id, parts),
      point.log.id,
      point.log.incarnation,
      point.partitions,
      point.through,
      point.now,
      target,
      by,
      now,
      keepUntil ?? null,
    ],
  );
  for (const { projection, version, targets } of parts) {
    await client.query(
      `insert into projections.snapshot_parts (snapshot, projection, version, targets, layout) values ($1, $2, $3, $4::text::bigint[], $5)`,
      [id, projection, version, `{${targets.join(',')}}`, layouts.get(projection)],
    );
  }
  if (name !== undefined) await giveName(client, id, request, now);
  return id;
}
