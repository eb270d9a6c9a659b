import { encodeArray } from '#platform/postgres/arrays.js';
import { inTransaction, type Pool } from '#platform/postgres/pool.js';
import type { PendingCommand } from './pending.js';

/** What became of a command. `parked` is not the end: it is tried again when somebody says so. */
export const OUTCOME_STATUSES = [
  'accepted',
  'no-change',
  'refused',
  'nothing',
  'withdrawn',
  'parked',
  'discarded',
] as const;
export type OutcomeStatus = (typeof OUTCOME_STATUSES)[number];

export interface Outcome {
  readonly status: OutcomeStatus;
  /** That refused it. */
  readonly rule?: string;
  /** Class of the error that it is parked for; no words, which may hold a person's. */
  readonly error?: string;
  /** Of the last event that it stored. */
  readonly resultPosition?: bigint;
}

/** A command whose turn may have come. */
export interface DueCommand extends PendingCommand {
  readonly depth: number;
  readonly attempts: number;
  /** When it is to be tried; undefined while it is parked. */
  readonly runAt: Date | undefined;
  /** It has an outcome already: the checkpoint was put back while it was sent. */
  readonly isSettled: boolean;
}

export interface Leased {
  readonly policy: string;
  readonly version: number;
}

/** Rows of one customer that one look takes, in order. */
const OF_A_SUBJECT = 20;

/** What is to be sent and when, over all processes. */
export class SendQueue {
  constructor(
    private readonly pool: Pool,
    /** This process. */
    private readonly holder: string,
  ) {}

  /**
   * Which of these policies this process may send for now: those that no other does, and
   * that are of this version. Whoever sends beside it, or after it, changes nothing: the log knows each command.
   */
  async lease(policies: readonly Leased[], ttlMs: number): Promise<string[]> {
    const { rows } = await this.pool.query<{ policy: string }>({
      name: 'policies-lease',
      text: `update policies.policies p set sender = $1, sender_until = clock_timestamp() + $2 * interval '1 ms'
          from unnest($3::text[], $4::int4[]) o(policy, version)
         where p.policy = o.policy and p.version = o.version
           and (p.sender = $1 or p.sender_until < clock_timestamp())
        returning p.policy`,
      values: [
        this.holder,
        ttlMs,
        encodeArray(
          'text',
          policies.map(({ policy }) => policy),
        ),
        encodeArray(
          'int4',
          policies.map(({ version }) => version),
        ),
      ],
    });
    return rows.map(({ policy }) => policy);
  }

  async release(): Promise<void> {
    await this.pool.query(`update policies.policies set sender = '', sender_until = '-infinity' where sender = $1`, [
      this.holder,
    ]);
  }

  /** What is due: of each policy the customers that have waited longest, and of each customer the first, in order. */
  async due(policies: readonly Leased[], now: Date, limit: number): Promise<DueCommand[]> {
    const { rows } = await this.pool.query<any>({
      name: 'policies-due',
      ...dueQuery(this.holder, policies, now, limit),
    });
    return rows.map((row: any) => ({ ...row, position: BigInt(row.position), runAt: row.runAt ?? undefined }));
  }

  /** Records what became of a command; unless it is parked, it is done with. */
  async settle(row: DueCommand, version: number, outcome: Outcome, at: Date): Promise<void> {
    const { status, rule = null, error = null, resultPosition = null } = outcome;
    const isParked = status === 'parked';
    await this.pool.query({
      name: 'policies-settle',
      text: `with done as (
          delete from policies.pending where command_id = $1 and not $13),
        parked as (
          update policies.pending set run_at = 'infinity', attempts = $12 where command_id = $1 and $13)
        insert into policies.outcomes (command_id, policy, version, position, event_id, aggregate, aggregate_id, revision, subject, due,
                                       depth, status, rule, error, attempts, result_position, decided_at)
        select $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $14, $15, $16, $12, $17, $18
         where not $13 or exists (select from policies.pending where command_id = $1)
        on conflict (command_id) do update
           set version = excluded.version, status = excluded.status, rule = excluded.rule, error = excluded.error,
               attempts = excluded.attempts, result_position = excluded.result_position, decided_at = excluded.decided_at`,
      values: [
        row.commandId,
        row.policy,
        version,
        row.position,
        row.eventId,
        row.aggregate,
        row.aggregateId,
        row.revision,
        row.subject,
        row.due,
        row.depth,
        row.attempts + 1,
        isParked,
        status,
        rule,
        error,
        resultPosition,
        at,
      ],
    });
    if (isParked) await this.holdBehind(row, undefined, at);
  }

  /** It is gone without a word: its event is no longer in the log, or it has an outcome already. */
  async drop({ commandId }: DueCommand): Promise<void> {
    await this.pool.query(`delete from policies.pending where command_id = $1`, [commandId]);
  }

  /** It failed, and is tried again; what is behind it waits for it. @param counts as one of the tries that it has */
  async again(row: DueCommand, at: Date, now: Date, counts: boolean): Promise<void> {
    await this.pool.query({
      name: 'policies-again',
      text: `update policies.pending set run_at = $2, attempts = attempts + $3 where command_id = $1`,
      values: [row.commandId, at, counts ? 1 : 0],
    });
    await this.holdBehind(row, at, now);
  }

  /** It is due at another time than was thought. */
  async postpone({ commandId }: DueCommand, due: Date): Promise<void> {
    await this.pool.query(`update policies.pending set due = $2, run_at = $2 where command_id = $1`, [commandId, due]);
  }

  /** What is due behind a command of the same policy and customer is not looked at before that is. @param until undefined: parked */
  async holdBehind(row: DueCommand, until: Date | undefined, now: Date): Promise<void> {
    await this.pool.query({
      name: 'policies-hold-behind',
      text: `update policies.pending set run_at = coalesce($5::timestamptz, 'infinity')
         where policy = $1 and subject = $2 and (due, position) > ($3, $4) and due <= $6
           and run_at < coalesce($5::timestamptz, 'infinity')`,
      values: [row.policy, row.subject, row.due, row.position, until ?? null, now],
    });
  }

  /** Takes up again what is parked, with all that waits behind it. @returns how many were parked or waited */
  async retry(policy: string, subject?: string): Promise<number> {
    const { rowCount } = await this.pool.query(
      `update policies.pending set run_at = due, attempts = 0
        where policy = $1 and run_at = 'infinity' and ($2::text is null or subject = $2)`,
      [policy, subject ?? null],
    );
    return rowCount ?? 0;
  }

  /** Lets go of the first parked command of a customer for good, and takes up the others. */
  async discard(policy: string, subject: string): Promise<boolean> {
    return inTransaction(this.pool, async (client) => {
      const { rowCount } = await client.query(
        `with first as (
           select o.command_id from policies.outcomes o join policies.pending p using (command_id)
            where o.policy = $1 and o.subject = $2 and o.status = 'parked' order by p.due, p.position limit 1),
         gone as (delete from policies.pending where command_id in (select command_id from first))
         update policies.outcomes set status = 'discarded', decided_at = now() where command_id in (select command_id from first)`,
        [policy, subject],
      );
      if (rowCount === 0) return false;
      await client.query(
        `update policies.pending set run_at = due, attempts = 0 where policy = $1 and subject = $2 and run_at = 'infinity'`,
        [policy, subject],
      );
      return true;
    });
  }
}

/** The question of what is due; a spec looks at its plan. */
export function dueQuery(
  holder: string,
  policies: readonly Leased[],
  now: Date,
  limit: number,
): { text: string; values: unknown[] } {
  return {
    text: `with candidates as (
        select distinct p.policy, d.subject
          from unnest($1::text[], $2::int4[]) o(policy, version)
          join policies.policies p on p.policy = o.policy and p.version = o.version and p.paused_at is null and p.sender = $3
         cross join lateral (select subject from policies.pending where policy = p.policy and run_at <= $4
                              order by run_at, position limit $5) d)
      select r.command_id as "commandId", r.policy, r.position::text, r.event_id as "eventId", r.aggregate, r.aggregate_id as "aggregateId",
             r.revision, r.subject, r.due, r.depth, r.attempts, nullif(r.run_at, 'infinity') as "runAt",
             o.command_id is not null as "isSettled"
        from candidates c
       cross join lateral (select * from policies.pending where policy = c.policy and subject = c.subject
                              and due <= $4 order by due, position limit ${OF_A_SUBJECT}) r
        left join policies.outcomes o on o.command_id = r.command_id and o.status <> 'parked'
       order by r.due, r.position`,
    values: [
      encodeArray(
        'text',
        policies.map(({ policy }) => policy),
      ),
      encodeArray(
        'int4',
        policies.map(({ version }) => version),
      ),
      holder,
      now,
      limit,
    ],
  };
}

/** Two transactions stood in each other's way: the same again succeeds. */
export const isSerialization = (error: unknown): boolean =>
  ['40001', '40P01'].includes(String((error as { code?: unknown } | null)?.code));
