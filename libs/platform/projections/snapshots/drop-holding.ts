import { quote } from '../tables/ddl.js';
import type { Pool } from '#platform/postgres/pool.js';
import type { Snapshot } from './snapshot.js';
import { snapshotsWhere, type Database } from './snapshot-rows.js';

/**
 * Gives up the snapshots that hold rows about any of these customers, and has them dropped. One that is being made is
 * given up whatever it holds so far: events that were read before are folded after.
 * @param drop false where another session is at it
 * @returns their ids
 */
export async function dropHolding(
  books: Pool,
  subjects: readonly string[],
  drop: (snapshot: Snapshot) => Promise<boolean>,
): Promise<string[]> {
  const holding: Snapshot[] = [];
  // Waiting ones hold nothing, and are folded from what the log gives after the erasure.
  for (const each of await snapshotsWhere(books, `where s.status in ('building', 'ready') order by s.made_at`)) {
    if (each.status === 'building' || (await holds(books, each, subjects))) holding.push(each);
  }
  const ids = holding.map(({ id }) => id);
  await books.query(
    `update projections.snapshots set status = case status when 'building' then 'cancelled' else 'dropping' end,
        reason = 'what it held was erased', ended_at = coalesce(ended_at, now()) where id = any($1::uuid[]) and status in ('building', 'ready')`,
    [ids],
  );
  // Also what was given up before and still stands.
  const left = await snapshotsWhere(
    books,
    `where s.status in ('failed', 'cancelled', 'dropping') and to_regnamespace(s.schema) is not null`,
  );
  for (const each of left) await untilDropped(books, each, drop);
  return ids;
}

const PAUSE_MS = 100;
const MOST_MS = 60_000;

/** @throws Error where it is still there after a minute */
async function untilDropped(
  books: Pool,
  snapshot: Snapshot,
  drop: (snapshot: Snapshot) => Promise<boolean>,
): Promise<void> {
  for (const until = Date.now() + MOST_MS; ;) {
    if (await drop(snapshot)) return;
    // Whoever builds it notices, and drops it.
    const { rows } = await books.query<{ there: boolean }>(`select to_regnamespace($1) is not null as there`, [
      snapshot.schema,
    ]);
    if (!rows[0]!.there) return;
    if (Date.now() > until) throw new Error(`the snapshot ${snapshot.id} is still there after ${MOST_MS / 1000} s`);
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
}

/** Whether any table of a snapshot has a row about one of these. */
async function holds(books: Database, { schema }: Snapshot, subjects: readonly string[]): Promise<boolean> {
  const { rows } = await books.query<{ name: string; type: string }>(
    `select c.relname as name, format_type(a.atttypid, a.atttypmod) as type from pg_class c
       join pg_attribute a on a.attrelid = c.oid and a.attname = 'subject'
      where c.relnamespace = to_regnamespace($1) and c.relkind = 'r'`,
    [schema],
  );
  for (const { name, type } of rows) {
    const found = await books.query<{ there: boolean }>(
      `select exists (select from ${quote(schema)}.${quote(name)} where subject = any($1::text[]::${type}[])) as there`,
      [subjects],
    );
    if (found.rows[0]!.there) return true;
  }
  return false;
}
