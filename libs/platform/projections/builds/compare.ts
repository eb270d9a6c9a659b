import type { Pool, PoolClient } from '#platform/postgres/pool.js';
import { quote } from '../tables/ddl.js';
import type { TableShape } from '../tables/table-shape.js';

/** Where two builds differ. */
export interface Difference {
  readonly table: string;
  /** The key's columns as text; null where the table as a whole differs. */
  readonly key: string | null;
  /** The row in the one build and in the other, as the database prints it; null: absent. */
  readonly left: string | null;
  readonly right: string | null;
  /** The columns in which two rows of this key differ; empty where one of them is absent. */
  readonly columns: readonly string[];
}

export interface Comparison {
  readonly equal: boolean;
  /** Rows by table, in the left build and in the right. */
  readonly rows: Record<string, { left: number; right: number }>;
  /** The first differences found. */
  readonly differences: readonly Difference[];
  /** The left build claims to hold events that the log does not have: a checkpoint beyond its head, or lost in a failover. */
  readonly beyond?: { readonly checkpoint: bigint; readonly head: bigint };
}

/** A build's schema as seen by a connection, perhaps in an older snapshot. */
export interface Side {
  readonly database: Pool | PoolClient;
  readonly schema: string;
}

const BUCKETS = 256;
const MOST = 20;

interface Bucket {
  bucket: number;
  rows: number;
  hash: string;
}

/**
 * Compares tables byte for byte: by bucket of keys an md5 over the rows' texts in key order, then row by row in
 * the buckets that differ. Each side may be read in a snapshot of its own.
 */
export async function compareBuilds(
  shapes: readonly TableShape[],
  left: Side,
  right: Side,
  signal?: AbortSignal,
): Promise<Comparison> {
  const rows: Comparison['rows'] = {};
  const differences: Difference[] = [];
  let equal = true;
  for (const shape of shapes) {
    signal?.throwIfAborted();
    const [ours, theirs] = [await buckets(shape, left), await buckets(shape, right)];
    const count = (side: Map<number, Bucket>): number => [...side.values()].reduce((sum, { rows }) => sum + rows, 0);
    rows[shape.name] = { left: count(ours), right: count(theirs) };
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      if (ours.get(bucket)?.hash === theirs.get(bucket)?.hash) continue;
      equal = false;
      if (differences.length < MOST) differences.push(...(await differing(shape, bucket, left, right)));
    }
  }
  return { equal, rows, differences: differences.slice(0, MOST) };
}

const keyOf = (shape: TableShape): string => `row(${shape.keys.map(({ name }) => `t.${name}`).join(', ')})::text`;
const rowOf = (shape: TableShape): string => `row(${shape.columns.map(({ name }) => `t.${name}`).join(', ')})::text`;
const bucketOf = (shape: TableShape): string => `(hashtext(${keyOf(shape)}) & ${BUCKETS - 1})`;
const from = (shape: TableShape, { schema }: Side): string => `${quote(schema)}.${quote(shape.name)} t`;

async function buckets(shape: TableShape, side: Side): Promise<Map<number, Bucket>> {
  const { rows } = await side.database.query<Bucket>(
    `select ${bucketOf(shape)} as bucket, count(*)::int as rows,
            md5(string_agg(md5(${rowOf(shape)}), '' order by ${keyOf(shape)} collate "C")) as hash
       from ${from(shape, side)} group by 1`,
  );
  return new Map(rows.map((row) => [row.bucket, row]));
}

async function differing(shape: TableShape, bucket: number, left: Side, right: Side): Promise<Difference[]> {
  const [ours, theirs] = [await bucketRows(shape, bucket, left), await bucketRows(shape, bucket, right)];
  const found: Difference[] = [];
  for (const key of [...new Set([...ours.keys(), ...theirs.keys()])].toSorted()) {
    const [l, r] = [ours.get(key), theirs.get(key)];
    if (l?.row === r?.row || found.length >= MOST) continue;
    const columns = l && r ? shape.columns.filter((_, at) => l.values[at] !== r.values[at]) : [];
    found.push({
      table: shape.name,
      key,
      left: l?.row ?? null,
      right: r?.row ?? null,
      columns: columns.map(({ property }) => property),
    });
  }
  return found;
}

interface ComparedRow {
  key: string;
  row: string;
  values: (string | null)[];
}

async function bucketRows(shape: TableShape, bucket: number, side: Side): Promise<Map<string, ComparedRow>> {
  const values = shape.columns.map(({ name }) => `t.${name}::text`).join(', ');
  const { rows } = await side.database.query<ComparedRow>(
    `select ${keyOf(shape)} as key, ${rowOf(shape)} as row, array[${values}] as values
       from ${from(shape, side)} where ${bucketOf(shape)} = $1`,
    [bucket],
  );
  return new Map(rows.map((row) => [row.key, row]));
}

/** Events set aside in a build: what is parked in the one and folded in the other is a difference too. */
export interface ParkedIn {
  readonly database: Pool | PoolClient;
  readonly projection: string;
  readonly generation: number;
}

/** The events that are set aside in one build and not in the other. */
export async function compareParked(left: ParkedIn, right: ParkedIn): Promise<Difference[]> {
  const [ours, theirs] = [await parkedIn(left), await parkedIn(right)];
  return [...new Set([...ours.keys(), ...theirs.keys()])]
    .toSorted((a, b) => Number(a) - Number(b))
    .filter((position) => ours.get(position) !== theirs.get(position))
    .slice(0, MOST)
    .map((position) => ({
      table: 'projections.dead_letters',
      key: `(${position})`,
      left: ours.get(position) ?? null,
      right: theirs.get(position) ?? null,
      columns: [],
    }));
}

async function parkedIn({ database, projection, generation }: ParkedIn): Promise<Map<string, string>> {
  const { rows } = await database.query<{ position: string; letter: string }>(
    `select position::text, row(subject, event_id, cause)::text as letter from projections.dead_letters
      where projection = $1 and generation = $2`,
    [projection, generation],
  );
  return new Map(rows.map(({ position, letter }) => [position, letter]));
}
