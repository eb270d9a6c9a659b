import type { Database } from './snapshot-rows.js';
import { SnapshotsFull } from './refusals.js';

/** How many snapshots there may be, how large they may be together, and how long one stays that nobody asks. */
export interface SnapshotBounds {
  /** Ready, and being made. */
  readonly most: number;
  /** Of the tables and indexes of all of them on disk. */
  readonly mostBytes: number;
  /** One that nobody named or keeps goes when it was not read for so long. */
  readonly unusedMs: number;
}

export const MEGABYTE = 1024 * 1024;
const HOUR = 3_600_000;

export const usualBounds: SnapshotBounds = { most: 40, mostBytes: 20 * 1024 * MEGABYTE, unusedMs: 24 * HOUR };

/** Those that nobody keeps and nobody has read for long enough. `$1`: the instant before which their last use was; `$2`: now. */
export const EXPIRED = `status = 'ready' and last_used_at < $1 and coalesce(kept_until < $2,
  not exists (select from projections.snapshot_names n where n.snapshot = snapshots.id))`;

/** Gives up what has expired. @returns how many */
export async function giveUpExpired(database: Database, { unusedMs }: SnapshotBounds, now: Date): Promise<number> {
  const { rowCount } = await database.query(
    `update projections.snapshots set status = 'dropping', reason = 'nobody kept it, and nobody has read it for long' where ${EXPIRED}`,
    [new Date(now.getTime() - unusedMs), now],
  );
  return rowCount ?? 0;
}

/** Where room is needed, one that nobody keeps has to be unread for this long only. */
const IDLE_MS = 600_000;

/**
 * Gives up what has expired, and where that is not enough, of those that nobody keeps the ones that were read longest ago:
 * questions about the past need no more than somebody has who asks them today.
 * @throws SnapshotsFull where there is no room for one more even so
 */
export async function makeRoom(database: Database, bounds: SnapshotBounds, now: Date): Promise<void> {
  let full = await refusal(database, bounds);
  if (full) await giveUpExpired(database, bounds, now);
  while ((full = await refusal(database, bounds)) && (await giveUpIdle(database, bounds, now)));
  if (full) throw new SnapshotsFull(full);
}

async function giveUpIdle(database: Database, { unusedMs }: SnapshotBounds, now: Date): Promise<boolean> {
  const { rowCount } = await database.query(
    `update projections.snapshots set status = 'dropping', reason = 'nobody kept it, and room was needed'
      where id = (select id from projections.snapshots where ${EXPIRED} order by last_used_at, id limit 1)`,
    [new Date(now.getTime() - Math.min(IDLE_MS, unusedMs)), now],
  );
  return rowCount === 1;
}

/** Why there is no room for one more; undefined where there is. */
async function refusal(database: Database, { most, mostBytes }: SnapshotBounds): Promise<string | undefined> {
  const { rows } = await database.query<{ count: number; bytes: string }>(
    `select count(*)::int as count, coalesce(sum(bytes), 0)::text as bytes from projections.snapshots
      where status in ('waiting', 'building', 'ready')`,
  );
  const { count, bytes } = rows[0]!;
  if (count >= most) return `there are ${count} snapshots, as many as SNAPSHOTS_MOST allows: drop one`;
  return Number(bytes) >= mostBytes ? tooLarge(mostBytes) : undefined;
}

export const tooLarge = (mostBytes: number): string =>
  `the snapshots take up the ${Math.round(mostBytes / MEGABYTE)} MB that SNAPSHOTS_MOST_MB allows: drop one`;

/** Bytes on disk of a schema's tables and indexes. */
export async function sizeOf(database: Database, schema: string): Promise<number> {
  const { rows } = await database.query<{ bytes: string }>(
    `select coalesce(sum(pg_total_relation_size(c.oid)), 0)::text as bytes from pg_class c
      where c.relnamespace = to_regnamespace($1) and c.relkind = 'r'`,
    [schema],
  );
  return Number(rows[0]!.bytes);
}
