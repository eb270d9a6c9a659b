import { encodeArray } from '#platform/postgres/arrays.js';
import { inTransaction, type Pool, type PoolClient } from '#platform/postgres/pool.js';
import type { PolicyDefinition } from '#platform/kernel/policy.js';
import type { PolicyChanges } from './pending.js';
import { writeStates } from './policy-states.js';

/** Where a policy stands in the database. */
export interface PolicyState {
  /** Of the code that has it. */
  readonly version: number;
  readonly epoch: number;
  /** By partition. */
  readonly checkpoints: Map<number, bigint>;
}

/** What a policy has read, and what follows from it. */
export interface PolicyWrite {
  readonly policy: string;
  readonly epoch: number;
  /** By partition: from where it was to where it is. */
  readonly moved: ReadonlyMap<number, { readonly from: bigint; readonly to: bigint }>;
  /** By partition: why it goes no further. */
  readonly waits: ReadonlyMap<number, string>;
  readonly changes: PolicyChanges;
}

/** Somebody else has moved a checkpoint, or another version has taken over: what was read is read anew. */
export class CheckpointMoved extends Error {
  constructor() {
    super('the checkpoint of a policy was moved by somebody else');
  }
}

/** The checkpoints of policies and what they have to send. All in one database with the log, where there can be one. */
export class PolicyBooks {
  constructor(private readonly pool: Pool) {}

  /**
   * Where a policy stands. One that is new starts behind `head`; one that older code has is taken over: from then on
   * nothing that the older code has read is written, and each of its timers is looked at anew: the new code says when it
   * is due.
   */
  async claim(
    { name, version }: PolicyDefinition,
    { partitions, head, now }: { partitions: number; head: bigint; now: Date },
  ): Promise<PolicyState> {
    return inTransaction(this.pool, async (client) => {
      await client.query(
        `insert into policies.policies (policy, version, from_position) values ($1, $2, $3) on conflict do nothing`,
        [name, version, head],
      );
      const { rows } = await client.query<{ version: number; from: string }>(
        `select version, from_position::text as from from policies.policies where policy = $1 for update`,
        [name],
      );
      const known = rows[0]!;
      await client.query(
        `insert into policies.checkpoints (policy, partition, position)
           select $1, p, $3 from generate_series(0, $2::int - 1) p on conflict do nothing`,
        [name, partitions, known.from],
      );
      if (known.version < version) {
        await client.query(`update policies.policies set version = $2, sender_until = '-infinity' where policy = $1`, [
          name,
          version,
        ]);
        await raiseEpoch(client, name);
        await client.query(
          `update policies.pending set due = least(due, $2), run_at = least(run_at, $2)
            where policy = $1 and run_at <> 'infinity'`,
          [name, now],
        );
      }
      return readState(client, name);
    });
  }

  /**
   * Writes what several policies have read, in one transaction: checkpoints by compare-and-set, the states of subjects,
   * what is to be sent and what is taken back.
   * @throws CheckpointMoved after which nothing was written
   */
  async write(writes: readonly PolicyWrite[]): Promise<void> {
    const moves = writes.flatMap(({ policy, epoch, moved, waits }) => {
      const partitions = new Set([...moved.keys(), ...waits.keys()]);
      return [...partitions].map((partition) => {
        const step = moved.get(partition);
        return {
          policy,
          epoch,
          partition,
          from: step?.from ?? null,
          to: step?.to ?? null,
          waits: waits.get(partition),
        };
      });
    });
    if (moves.length === 0) return;
    const takenBack = writes.flatMap(({ changes }) => changes.takenBack);
    const added = writes.flatMap(({ changes }) => changes.added);
    const states = writes.flatMap(({ changes }) => changes.states);
    if (takenBack.length + added.length + states.length === 0) return move(this.pool, moves);
    await inTransaction(this.pool, async (client) => {
      await move(client, moves);
      await writeStates(client, states);
      if (takenBack.length > 0) {
        await client.query({
          name: 'policies-take-back',
          text: `delete from policies.pending p
              using unnest($1::text[], $2::text[], $3::uuid[], $4::int8[], $5::uuid[]) t(policy, aggregate, id, before, by)
             where p.aggregate_id = t.id and p.policy = t.policy and p.aggregate = t.aggregate
               and p.position < t.before and p.command_id <> t.by`,
          values: [
            encodeArray(
              'text',
              takenBack.map((each) => each.policy),
            ),
            encodeArray(
              'text',
              takenBack.map((each) => each.aggregate),
            ),
            encodeArray(
              'uuid',
              takenBack.map((each) => each.aggregateId),
            ),
            encodeArray(
              'int8',
              takenBack.map((each) => each.before),
            ),
            encodeArray(
              'uuid',
              takenBack.map((each) => each.by),
            ),
          ],
        });
      }
      // What has an outcome is done with; what is parked stays so. The depth of a command's event is one more than its own.
      if (added.length > 0) {
        await client.query({
          name: 'policies-add',
          text: `insert into policies.pending
              (command_id, policy, position, event_id, aggregate, aggregate_id, revision, subject, due, depth, run_at, attempts)
            select a.command_id, a.policy, a.position, a.event_id, a.aggregate, a.aggregate_id, a.revision, a.subject, a.due,
                   1 + coalesce((select depth from policies.pending c where c.command_id = a.cause),
                                (select depth from policies.outcomes c where c.command_id = a.cause), 0),
                   case when o.status = 'parked' then 'infinity' else a.due end, coalesce(o.attempts, 0)
              from unnest($1::uuid[], $2::text[], $3::int8[], $4::uuid[], $5::text[], $6::uuid[], $7::int4[], $8::text[],
                          $9::timestamptz[], $10::uuid[])
                a(command_id, policy, position, event_id, aggregate, aggregate_id, revision, subject, due, cause)
              left join policies.outcomes o using (command_id)
             where o.command_id is null or o.status = 'parked'
            on conflict (command_id) do nothing`,
          values: [
            encodeArray(
              'uuid',
              added.map((each) => each.commandId),
            ),
            encodeArray(
              'text',
              added.map((each) => each.policy),
            ),
            encodeArray(
              'int8',
              added.map((each) => each.position),
            ),
            encodeArray(
              'uuid',
              added.map((each) => each.eventId),
            ),
            encodeArray(
              'text',
              added.map((each) => each.aggregate),
            ),
            encodeArray(
              'uuid',
              added.map((each) => each.aggregateId),
            ),
            encodeArray(
              'int4',
              added.map((each) => each.revision),
            ),
            encodeArray(
              'text',
              added.map((each) => each.subject),
            ),
            encodeArray(
              'timestamptz',
              added.map((each) => each.due),
            ),
            encodeArray(
              'uuid',
              added.map((each) => each.cause),
            ),
          ],
        });
      }
    });
  }

  /** Where all policies stand, by name; also those of other versions and of other processes. */
  async states(): Promise<ReadonlyMap<string, PolicyState>> {
    const { rows } = await this.pool.query<StateRow & { policy: string }>({
      name: 'policies-states',
      text: `select policy, version, epoch, partition, position::text from policies.policies join policies.checkpoints using (policy)`,
    });
    const byPolicy = new Map<string, StateRow[]>();
    for (const row of rows) byPolicy.set(row.policy, [...(byPolicy.get(row.policy) ?? []), row]);
    return new Map([...byPolicy].map(([policy, own]) => [policy, stateOf(own)]));
  }
}

interface StateRow {
  version: number;
  epoch: number;
  partition: number;
  position: string;
}

const stateOf = (rows: readonly StateRow[]): PolicyState => ({
  version: rows[0]!.version,
  epoch: rows[0]!.epoch,
  checkpoints: new Map(rows.map(({ partition, position }) => [partition, BigInt(position)])),
});

async function readState(client: PoolClient, name: string): Promise<PolicyState> {
  const { rows } = await client.query<StateRow>(
    `select version, epoch, partition, position::text
       from policies.policies join policies.checkpoints using (policy) where policy = $1`,
    [name],
  );
  return stateOf(rows);
}

interface Move {
  readonly policy: string;
  readonly epoch: number;
  readonly partition: number;
  readonly from: bigint | null;
  readonly to: bigint | null;
  readonly waits: string | undefined;
}

async function move(database: Pick<Pool, 'query'>, moves: readonly Move[]): Promise<void> {
  const { rowCount } = await database.query({
    name: 'policies-move',
    text: `update policies.checkpoints c set position = coalesce(m.next, c.position), waits_for = m.waits
        from unnest($1::text[], $2::int4[], $3::int4[], $4::int8[], $5::int8[], $6::text[]) m(policy, epoch, partition, prior, next, waits)
       where c.policy = m.policy and c.partition = m.partition and c.epoch = m.epoch
         and c.position = coalesce(m.prior, c.position)`,
    values: [
      encodeArray(
        'text',
        moves.map((each) => each.policy),
      ),
      encodeArray(
        'int4',
        moves.map((each) => each.epoch),
      ),
      encodeArray(
        'int4',
        moves.map((each) => each.partition),
      ),
      encodeArray(
        'int8',
        moves.map((each) => each.from),
      ),
      encodeArray(
        'int8',
        moves.map((each) => each.to),
      ),
      encodeArray(
        'text',
        moves.map((each) => each.waits ?? null),
      ),
    ],
  });
  if (rowCount !== moves.length) throw new CheckpointMoved();
}

/** Whoever has read the checkpoints of a policy before cannot move them any more. */
export const raiseEpoch = (client: Pick<PoolClient, 'query'>, policy: string): Promise<unknown> =>
  client.query(`update policies.checkpoints set epoch = epoch + 1, waits_for = null where policy = $1`, [policy]);
