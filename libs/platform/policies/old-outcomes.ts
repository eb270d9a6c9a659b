import { encodeArray } from '#platform/postgres/arrays.js';
import { inTransaction, type Pool } from '#platform/postgres/pool.js';

/** Outcomes that one step deletes at most. */
export const OUTCOMES_IN_A_STEP = 1_000;

/**
 * Deletes outcomes that were decided before an instant: of these policies, done with, and behind what all of them have
 * read. The log knows by its receipts what was accepted, whatever is deleted here. What is parked stays, and so does an
 * outcome that a policy may come to yet: one whose event lies before its checkpoint only as far as it has read, and one
 * that tells how deep the chain of causes is which its command's event continues.
 * @returns how many, by policy
 */
export async function deleteOldOutcomes(
  pool: Pool,
  policies: readonly string[],
  before: Date,
): Promise<ReadonlyMap<string, number>> {
  if (policies.length === 0) return new Map();
  return inTransaction(pool, async (client) => {
    const { rows } = await client.query<{ policy: string; deleted: number }>({
      name: 'policies-old-outcomes',
      text: `with read_through as (
          select min(position) as position from policies.checkpoints where policy = any($1::text[])),
        old as (
          select o.command_id from policies.outcomes o, read_through r
           where o.decided_at < $2 and o.status <> 'parked' and o.policy = any($1::text[])
             and greatest(o.position, o.result_position) <= r.position
             and not exists (select from policies.pending p where p.command_id = o.command_id)
           order by o.decided_at limit ${OUTCOMES_IN_A_STEP} for update of o skip locked),
        gone as (delete from policies.outcomes o using old where o.command_id = old.command_id returning o.policy)
        select policy, count(*)::int as deleted from gone group by policy`,
      values: [encodeArray('text', policies), before],
    });
    if (rows.length > 0) {
      // From here on a verification does not miss what is due before and has no outcome.
      await client.query(
        `update policies.policies set outcomes_from = greatest(outcomes_from, $2) where policy = any($1::text[])`,
        [
          encodeArray(
            'text',
            rows.map(({ policy }) => policy),
          ),
          before,
        ],
      );
    }
    return new Map(rows.map(({ policy, deleted }) => [policy, deleted]));
  });
}
