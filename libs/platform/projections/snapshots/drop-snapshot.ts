import { inTransaction, type Pool } from '#platform/postgres/pool.js';
import { tryLock, withSession } from '../builds/half-built.js';
import { inShortTries, lockTimeout, TRY_MS } from '../builds/lock-waits.js';
import { quote } from '../tables/ddl.js';
import type { Snapshot } from './snapshot.js';

/** Held by the session that builds a snapshot or drops its tables: the server lets go when the session is gone. */
export const lockOf = (id: string): string => `snapshot ${id}`;

/**
 * Drops the tables of a snapshot that is not to be read any more, and what the books say of them; of one that is being
 * dropped also its own line. Whoever still reads it is waited for in short tries.
 * @returns false where another session builds it or is at this already, which then sees to it
 * @throws Error when somebody goes on reading for longer than `timeoutMs`
 */
export async function dropSnapshot(
  pool: Pool,
  { id, schema }: Pick<Snapshot, 'id' | 'schema'>,
  timeoutMs = 2_000,
): Promise<boolean> {
  return withSession(pool, async (client) => {
    if (!(await tryLock(client, lockOf(id)))) return false;
    await dropTables(pool, { id, schema }, timeoutMs);
    return true;
  });
}

/** The same for who has the lock. */
export async function dropTables(
  pool: Pool,
  { id, schema }: Pick<Snapshot, 'id' | 'schema'>,
  timeoutMs = 2_000,
): Promise<void> {
  const drop = (): Promise<void> =>
    inTransaction(pool, async (client) => {
      await lockTimeout(client, TRY_MS);
      const { rows } = await client.query<{ status: string }>(
        `select status from projections.snapshots where id = $1 for update`,
        [id],
      );
      if (!rows[0] || !['failed', 'cancelled', 'dropping'].includes(rows[0].status)) return;
      await client.query(`drop schema if exists ${quote(schema)} cascade`);
      for (const table of ['checkpoints', 'dead_letters', 'unknown_events', 'paused_partitions', 'builds']) {
        await client.query(
          `delete from projections.${table} t using projections.snapshot_parts p
            where p.snapshot = $1 and t.projection = p.projection and t.generation = -p.number`,
          [id],
        );
      }
      if (rows[0].status === 'dropping') await client.query(`delete from projections.snapshots where id = $1`, [id]);
      else await client.query(`update projections.snapshots set bytes = 0, step = '' where id = $1`, [id]);
    });
  await inShortTries(`dropping the snapshot ${id}`, drop, { timeoutMs });
}
