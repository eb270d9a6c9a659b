import type { Pool } from '#platform/postgres/pool.js';

/** How a policy is doing, over all processes. */
export interface PolicyFigures {
  readonly policy: string;
  /** Positions of the log that it has not read yet. */
  readonly lagEvents: bigint;
  /** Commands that are due and not sent. */
  readonly due: number;
  /** Since when the first of them is due, in seconds; 0 without any. */
  readonly overdueSeconds: number;
  /** Commands that failed for good, until somebody takes them up again. */
  readonly parked: number;
}

/** Due commands are counted up to here: whoever looks wants to know whether it is many. */
const COUNTED = 10_000;

/** What is due and parked, by the indexes of both: timers that wait cost nothing. A policy that is paused has nothing due. */
const FIGURES = `select p.policy, c.position::text, d.due, d.overdue, k.parked
  from policies.policies p
  cross join lateral (select min(position) as position from policies.checkpoints where policy = p.policy) c
  cross join lateral (
    select count(*)::int as due, coalesce(extract(epoch from $1::timestamptz - min(run_at)), 0)::float8 as overdue
      from (select run_at from policies.pending
             where policy = p.policy and run_at <= $1 and p.paused_at is null order by run_at limit ${COUNTED}) q) d
  cross join lateral (
    select count(*)::int as parked from policies.outcomes where policy = p.policy and status = 'parked') k`;

/**
 * How these policies are doing.
 * @param head of the log
 */
export async function policyFigures(
  pool: Pool,
  policies: readonly string[],
  { head, now }: { readonly head: bigint; readonly now: Date },
): Promise<PolicyFigures[]> {
  const { rows } = await pool.query<{
    policy: string;
    position: string;
    due: number;
    overdue: number;
    parked: number;
  }>({ name: 'policies-figures', text: FIGURES, values: [now] });
  return rows
    .filter(({ policy }) => policies.includes(policy))
    .map(({ policy, position, due, overdue, parked }) => {
      const behind = head - BigInt(position);
      return { policy, lagEvents: behind > 0n ? behind : 0n, due, overdueSeconds: Math.max(0, overdue), parked };
    });
}
