import { hostname, userInfo } from 'node:os';
import type { Pool, PoolClient } from '#platform/postgres/pool.js';
import type { Build } from './builds.js';
import type { Comparison } from './compare.js';

/** Why a build may be made live. */
export type SwapKind =
  /** There was none. */
  | 'first'
  /** It equals the live one. */
  | 'equal'
  /** It is of a newer version, whose tables differ by intent; the two are not compared. */
  | 'new-version'
  /** It differs, and a person said why that is right. */
  | 'accepted'
  /** The one before is wanted back. */
  | 'swap-back';

export interface SwapGrounds {
  readonly kind: SwapKind;
  /** The person or process. */
  readonly by: string;
  readonly reason?: string;
  /** Left: the live build; right: the new one. Null when they were not compared. */
  readonly comparison?: Comparison | null;
}

/** What is kept of a comparison: which rows differ and in which columns, but no values, as those may be personal. */
export interface RecordedDifferences {
  readonly rows: Comparison['rows'];
  readonly found: readonly { table: string; key: string | null; kind: string; columns: readonly string[] }[];
  readonly beyond?: { readonly checkpoint: string; readonly head: string };
}

export interface SwapRecord {
  readonly projection: string;
  readonly generation: number;
  readonly version: number;
  /** The generation that was live before; null when there was none. */
  readonly replaced: number | null;
  readonly replacedVersion: number | null;
  readonly kind: SwapKind;
  readonly by: string;
  readonly databaseUser: string;
  readonly reason: string | null;
  /** Null where nothing was compared. */
  readonly differences: RecordedDifferences | null;
  readonly swappedAt: Date;
}

/** Who runs this process, for the record. */
export function thisOperator(): string {
  let name: string | undefined;
  try {
    name = userInfo().username;
  } catch {
    // A container's user may have no name.
    name = process.env['USER'] ?? `uid ${process.getuid?.() ?? '?'}`;
  }
  return `${name}@${hostname()}`;
}

/** Keeps, in the swap's own transaction, that a build was made live. */
export async function recordSwap(
  client: PoolClient,
  build: Build,
  live: Build | undefined,
  { kind, by, reason, comparison }: SwapGrounds,
): Promise<void> {
  await client.query(
    `insert into projections.swaps
       (projection, generation, version, replaced, replaced_version, kind, by, reason, differences)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
    [
      build.projection,
      build.generation,
      build.version,
      live?.generation ?? null,
      live?.version ?? null,
      kind,
      by,
      reason ?? null,
      comparison ? JSON.stringify(recorded(comparison)) : null,
    ],
  );
}

function recorded({ rows, differences, beyond }: Comparison): RecordedDifferences {
  return {
    rows,
    found: differences.map(({ table, key, left, right, columns }) => ({
      table,
      key,
      kind: left === null ? 'only rebuilt' : right === null ? 'only live' : 'changed',
      columns,
    })),
    beyond: beyond && { checkpoint: String(beyond.checkpoint), head: String(beyond.head) },
  };
}

/** When builds were made live, the latest first. */
export async function listSwaps(pool: Pool, projection?: string, limit = 100): Promise<SwapRecord[]> {
  const { rows } = await pool.query<SwapRecord>(
    `select projection, generation, version, replaced, replaced_version as "replacedVersion", kind, by,
            database_user as "databaseUser", reason, differences, swapped_at as "swappedAt"
       from projections.swaps where $1::text is null or projection = $1 order by id desc limit $2`,
    [projection ?? null, limit],
  );
  return rows;
}
