import type { PoolClient } from '#platform/postgres/pool.js';

/** One stretch of the log's history, as it is on record. */
export interface IncarnationRecord {
  readonly number: number;
  readonly forkedAt: bigint;
  readonly follows: bigint;
  readonly beginsAt: bigint;
  readonly reason: string;
  readonly beganAt: Date;
}

export interface LogRecord {
  readonly id: string;
  readonly head: bigint;
  readonly incarnations: readonly IncarnationRecord[];
  /** The database that it was written in, and the one that it lies in now; the same, unless it was moved. */
  readonly writtenIn: string;
  readonly liesIn: string;
}

/**
 * What is known of the log, whether it was moved or not.
 * @throws Error where the database holds no log
 */
export async function describeLog(client: Pick<PoolClient, 'query'>): Promise<LogRecord> {
  const there = await client.query(`select from pg_class where oid = to_regclass('store.incarnations')`);
  if (there.rows.length === 0) throw new Error('there is no log in this database');
  const { rows } = await client.query<any>(
    `select number, forked_at::text, follows::text, begins_at::text, reason, began_at, system
       from store.incarnations order by number`,
  );
  const log = await client.query<any>(
    `select l.id, (select system from store.server()) as system,
            coalesce((select position from store.events order by position desc limit 1), 0)::text as head from store.log l`,
  );
  return {
    id: log.rows[0].id,
    head: BigInt(log.rows[0].head),
    incarnations: rows.map((row: any) => ({
      number: row.number,
      forkedAt: BigInt(row.forked_at),
      follows: BigInt(row.follows),
      beginsAt: BigInt(row.begins_at),
      reason: row.reason,
      beganAt: row.began_at,
    })),
    writtenIn: rows.at(-1).system,
    liesIn: log.rows[0].system,
  };
}

/**
 * Begins an incarnation, by a person's word that the log goes on here: after a move or a restore.
 * @param restored it was restored in a way that the server cannot tell (a copy of its folder)
 * @throws Error where nothing tells of a move
 */
export async function continueLog(client: Pick<PoolClient, 'query'>, restored: boolean): Promise<void> {
  const { writtenIn, liesIn } = await describeLog(client);
  if (writtenIn === liesIn && !restored) {
    throw new Error(
      'the log lies where it was written and goes on by itself; say --restored where its folder was put back from a copy',
    );
  }
  await client.query(`select store.begin_incarnation($1, null)`, [restored ? 'restored from a copy' : 'continued']);
}

/**
 * Makes a copy a log of its own: another id, under which nothing of the first is taken for its own, and the other way
 * round.
 * @returns the ids before and from now on
 */
export async function forkLog(client: Pick<PoolClient, 'query'>): Promise<{ from: string; to: string }> {
  const { id: from } = await describeLog(client);
  const { rows } = await client.query<{ id: string }>(`update store.log set id = gen_random_uuid() returning id`);
  await client.query(`select store.begin_incarnation('a copy that goes its own way', null)`);
  return { from, to: rows[0]!.id };
}
