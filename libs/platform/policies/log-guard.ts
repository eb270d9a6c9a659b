import type { EventStore } from '#platform/event-store/event-store.js';
import { MAX_POSITION } from '#platform/kernel/position.js';
import { inTransaction, type Pool, type PoolClient } from '#platform/postgres/pool.js';

/** The log that policies act on. */
export type ActedOnLog = Pick<EventStore, 'head' | 'identity' | 'refreshIdentity'>;

/**
 * Holds what policies have noted against the log, once for each of its incarnations. What follows from events that the
 * log has lost is forgotten; a command that was lost, of an event that was not, is to be sent again.
 * @throws Error where this is another log, or the bus is divided in another way
 */
export async function guardPolicies(pool: Pool, store: ActedOnLog, partitions: number): Promise<void> {
  await inTransaction(pool, async (client) => {
    const { rows } = await client.query<{ logId: string | null; incarnation: number; partitions: number | null }>(
      `select log_id as "logId", incarnation, partitions from policies.settings for update`,
    );
    const known = rows[0]!;
    // The checkpoints before the head: none can rightly be beyond it.
    const checkpoints = await client.query<{ most: string }>(
      `select coalesce(max(position), 0)::text as most from policies.checkpoints`,
    );
    const { position: head } = await store.head();
    if (known.incarnation > store.identity.current.number) await store.refreshIdentity();
    const { identity } = store;
    const { number } = identity.current;
    if (known.logId !== null && known.logId !== identity.id) {
      throw new Error(
        `the policies acted on the log ${known.logId}, and this is the log ${identity.id}: give each log a database of its ` +
          `own, or drop the schema policies to have them begin anew`,
      );
    }
    if (known.partitions !== null && known.partitions !== partitions) {
      throw new Error(`the policies' checkpoints are of ${known.partitions} partitions, and the bus has ${partitions}`);
    }
    if (known.incarnation > number) {
      throw new Error(
        `the policies know incarnation ${known.incarnation} of the log, and this process knows ${number}`,
      );
    }
    if (known.incarnation > 0) {
      const held = identity.heldThrough(MAX_POSITION, known.incarnation);
      // A restored log may end before what was read of it, in whatever incarnation.
      const last = held < MAX_POSITION ? held : BigInt(checkpoints.rows[0]!.most) > head ? head : undefined;
      if (last !== undefined) await forgetAfter(client, last);
    }
    await client.query(`update policies.settings set log_id = $1, incarnation = $2, partitions = $3`, [
      identity.id,
      number,
      partitions,
    ]);
  });
}

/** All that rests on what came after a position is undone; whoever reads for a policy loses the fence. */
async function forgetAfter(client: PoolClient, last: bigint): Promise<void> {
  await client.query(
    `update policies.checkpoints set position = least(position, $1), epoch = epoch + 1, waits_for = null`,
    [last],
  );
  await client.query(`update policies.policies set from_position = least(from_position, $1)`, [last]);
  await client.query(`delete from policies.pending where position > $1`, [last]);
  await client.query(`delete from policies.states where position > $1`, [last]);
  await client.query(`delete from policies.outcomes where position > $1`, [last]);
  await client.query(
    `with lost as (delete from policies.outcomes where result_position > $1 returning *)
     insert into policies.pending
       (command_id, policy, position, event_id, aggregate, aggregate_id, revision, subject, due, depth, run_at)
     select command_id, policy, position, event_id, aggregate, aggregate_id, revision, subject, due, depth, due from lost
     on conflict do nothing`,
    [last],
  );
}

/** Whether what is noted was held against the incarnation that this process knows. */
export async function isGuarded(pool: Pool, store: ActedOnLog): Promise<boolean> {
  const { rows } = await pool.query<{ logId: string | null; incarnation: number }>(
    `select log_id as "logId", incarnation from policies.settings`,
  );
  const { id, current } = store.identity;
  return rows[0]?.logId === id && rows[0].incarnation === current.number;
}

/** What the policies of a copy of a log have noted is that copy's, which has another id from now on. */
export async function adoptPolicies(client: Pick<PoolClient, 'query'>, from: string, to: string): Promise<void> {
  const { rows } = await client.query(`select from pg_class where oid = to_regclass('policies.settings')`);
  if (rows.length === 0) return;
  await client.query(`update policies.settings set log_id = $2 where log_id = $1`, [from, to]);
}
