import type { EventStore } from '#platform/event-store/event-store.js';
import type { EventCodec } from '#platform/kernel/event-codec.js';
import type { PolicyDefinition } from '#platform/kernel/policy.js';
import { stateAt, streamFrom } from './survivor.js';
import { bringUpToDate } from '#platform/postgres/migrations.js';
import { createPool, inTransaction, type Pool } from '#platform/postgres/pool.js';
import { Derived, deriveFrom } from './derive.js';
import { guardPolicies } from './log-guard.js';
import { PolicyReader, type ActivePolicy, type PendingCommand } from './pending.js';
import { policySchema } from './policies.migrations.js';
import { raiseEpoch } from './policy-books.js';
import { KeptStates, LogStates, stateBehind } from './policy-states.js';
import { commandIds } from './policy-host.js';
import { SendQueue, type OutcomeStatus } from './send-queue.js';
import { verifyPolicy, type PolicyVerification } from './verify.js';

/** A policy as an operator looks at it. */
export interface PolicyStatus {
  readonly name: string;
  readonly about: string;
  readonly version: number;
  /** The setting that switches it on, where there is one. */
  readonly setting?: string;
  /** Switched on, as far as the settings here say. */
  readonly isOn: boolean;
  /** Undefined before it has run anywhere. */
  readonly started?: {
    readonly version: number;
    /** Through which it has read everything. */
    readonly position: bigint;
    readonly pausedBy?: string;
    readonly waitsFor?: string;
    readonly pending: number;
    readonly nextDue?: Date;
    readonly parked: number;
  };
}

export interface OutcomeFilter {
  readonly policy?: string;
  readonly status?: OutcomeStatus;
  readonly subject?: string;
  /** Those before this position; the latest without it. */
  readonly before?: bigint;
  readonly limit: number;
}

export interface ListedOutcome {
  readonly policy: string;
  readonly position: bigint;
  readonly stream: string;
  readonly subject: string;
  readonly status: OutcomeStatus;
  readonly rule: string | null;
  readonly error: string | null;
  readonly attempts: number;
  readonly commandId: string;
  readonly decidedAt: Date;
}

/** What a policy would send about an event, or has sent. */
export interface WouldSend {
  readonly position: bigint;
  readonly due: Date;
  /** Name and id; absent where it would send nothing. */
  readonly command?: string;
  /** What became of it already. */
  readonly outcome?: OutcomeStatus;
}

export interface PolicyAdminOptions {
  readonly store: EventStore;
  readonly codec: EventCodec;
  readonly definitions: readonly PolicyDefinition[];
  readonly active: readonly ActivePolicy[];
  readonly databaseUrl: string;
  readonly partitions: number;
  readonly zone: string;
}

/** What an operator does with policies; safe beside processes that run them. */
export class PolicyAdmin {
  private readonly reader: PolicyReader;
  private readonly queue: SendQueue;
  private readonly states: KeptStates;

  private constructor(
    private readonly options: PolicyAdminOptions,
    private readonly pool: Pool,
  ) {
    const { codec, store, zone } = options;
    this.reader = new PolicyReader({ codec, ids: commandIds(store), zone });
    this.queue = new SendQueue(pool, '');
    this.states = new KeptStates(pool, { store, codec }, options.partitions);
  }

  static async open(options: PolicyAdminOptions): Promise<PolicyAdmin> {
    const { databaseUrl, store, partitions } = options;
    await bringUpToDate(databaseUrl, policySchema);
    const pool = createPool(databaseUrl, { role: 'admin', max: 2, applicationName: 'yad policies admin' });
    try {
      await guardPolicies(pool, store, partitions);
      return new PolicyAdmin(options, pool);
    } catch (error) {
      await pool.end();
      throw error;
    }
  }

  close(): Promise<void> {
    return this.pool.end();
  }

  async list(): Promise<PolicyStatus[]> {
    const { rows } = await this.pool.query<any>(
      `select p.policy, p.version, p.paused_by as "pausedBy",
              (select min(position)::text from policies.checkpoints c where c.policy = p.policy) as position,
              (select string_agg(distinct waits_for, ', ') from policies.checkpoints c where c.policy = p.policy) as "waitsFor",
              (select count(*)::int from policies.pending q where q.policy = p.policy) as pending,
              (select nullif(min(run_at), 'infinity') from policies.pending q where q.policy = p.policy) as "nextDue",
              (select count(*)::int from policies.outcomes o where o.policy = p.policy and o.status = 'parked') as parked
         from policies.policies p`,
    );
    const started = new Map<string, any>(rows.map((row: any) => [row.policy, row]));
    const { definitions, active } = this.options;
    return definitions.map((definition): PolicyStatus => {
      const { name, about, version, setting } = definition;
      const row = started.get(name);
      const isOn = active.some((each) => each.definition === definition);
      if (!row) return { name, about, version, setting, isOn };
      const { pausedBy, waitsFor, nextDue, pending, parked } = row;
      const at = { version: row.version, position: BigInt(row.position), pending, parked };
      return {
        name,
        about,
        version,
        setting,
        isOn,
        started: {
          ...at,
          pausedBy: pausedBy ?? undefined,
          waitsFor: waitsFor ?? undefined,
          nextDue: nextDue ?? undefined,
        },
      };
    });
  }

  /** The latest first. */
  async outcomes({ policy, status, subject, before, limit }: OutcomeFilter): Promise<ListedOutcome[]> {
    if (policy !== undefined) this.definition(policy);
    const { rows } = await this.pool.query<any>(
      `select policy, position::text, aggregate || '-' || aggregate_id as stream, subject, status, rule, error, attempts,
              command_id as "commandId", decided_at as "decidedAt"
         from policies.outcomes
        where ($1::text is null or policy = $1) and ($2::text is null or status = $2) and ($3::text is null or subject = $3)
          and ($4::bigint is null or position < $4)
        order by position desc limit $5`,
      [policy ?? null, status ?? null, subject ?? null, before ?? null, limit],
    );
    return rows.map((row: any) => ({ ...row, position: BigInt(row.position) }));
  }

  /** Takes up again what is parked, of one customer or of all, with all that waits behind it. @returns how many */
  retry(policy: string, subject?: string): Promise<number> {
    this.definition(policy);
    return this.queue.retry(policy, subject);
  }

  /** Lets go for good of the first command of a customer that is parked, and takes up the others. */
  discard(policy: string, subject: string): Promise<boolean> {
    this.definition(policy);
    return this.queue.discard(policy, subject);
  }

  /** Has nothing sent from now on; what happens meanwhile is kept. @returns false where it is so already */
  async pause(policy: string, by: string): Promise<boolean> {
    return this.change(
      policy,
      `update policies.policies set paused_at = now(), paused_by = $2 where policy = $1 and paused_at is null`,
      [by],
    );
  }

  /** Sends what has become due meanwhile, and goes on. @returns false where it is not paused */
  async resume(policy: string): Promise<boolean> {
    return this.change(
      policy,
      `update policies.policies set paused_at = null, paused_by = null where policy = $1 and paused_at is not null`,
    );
  }

  /**
   * Has a policy act on all events from a position on that it has not acted on: what has an outcome stays as it is.
   * @throws Error where the policy has not read as far
   */
  async replay(policy: string, from: bigint): Promise<void> {
    this.definition(policy);
    await inTransaction(this.pool, async (client) => {
      const { rowCount } = await client.query(
        `update policies.policies set from_position = least(from_position, $2) where policy = $1`,
        [policy, from - 1n],
      );
      if (rowCount === 0) throw new Error(`${policy} has not run yet: it begins when it first does`);
      await raiseEpoch(client, policy);
      await client.query(`update policies.checkpoints set position = least(position, $2) where policy = $1`, [
        policy,
        from - 1n,
      ]);
      // What it keeps was folded of what comes now again: the log tells how it was before.
      await client.query(`delete from policies.states where policy = $1 and position >= $2`, [policy, from]);
    });
  }

  /**
   * What a policy would send of all events from a position on, in the order of due time; timers that were taken back
   * are left out. Sends nothing.
   */
  async wouldSend(policy: string, from: bigint): Promise<WouldSend[]> {
    const { store, partitions, active } = this.options;
    const definition = this.definition(policy);
    const own = active.find((each) => each.definition === definition);
    if (!own) throw new Error(`${policy} is off: ${definition.setting} says after how many days`);
    const { position: head } = await store.head();
    const derived = new Derived(own, this.reader, new LogStates(this.options));
    const through = new Map(Array.from({ length: partitions }, (_, partition) => [partition, head]));
    await deriveFrom(derived, { store, partitions }, from - 1n, through);
    const rows = [...derived.rows()].toSorted((a, b) => a.due.getTime() - b.due.getTime());
    const outcomes = await this.outcomesOf(rows);
    const found: WouldSend[] = [];
    for (const row of rows) {
      const { position, due, commandId } = row;
      found.push({ position, due, command: await this.commandOf(own, row), outcome: outcomes.get(commandId) });
    }
    return found;
  }

  /** Whether what is pending is what follows from the log and the outcomes, and what is kept of subjects is what the log says. */
  async verify(policy?: string): Promise<PolicyVerification[]> {
    const { active, store, codec, partitions } = this.options;
    const chosen = policy === undefined ? active : active.filter(({ definition: { name } }) => name === policy);
    if (policy !== undefined && chosen.length === 0) {
      this.definition(policy);
      throw new Error(`${policy} is off`);
    }
    const found: PolicyVerification[] = [];
    for (const each of chosen)
      found.push(await verifyPolicy({ pool: this.pool, log: { store, partitions }, reader: this.reader, codec }, each));
    return found;
  }

  private async commandOf(policy: ActivePolicy, row: PendingCommand): Promise<string | undefined> {
    const { codec, store } = this.options;
    const source = { store, codec };
    const [stored] = await streamFrom(source, row, row.revision, row.revision);
    if (!stored) return undefined;
    await codec.prepare([row.subject]);
    const { reads, send } = policy.definition;
    const aggregate = reads && (await stateAt(source, reads, row.aggregateId, row.revision));
    const state = await stateBehind(this.states, policy.definition, row);
    const command = send(codec.decode(stored), { ...this.reader.contextOf(policy, state), aggregate });
    return command && `${command.definition.name} ${command.definition.on.name}-${command.id ?? 'new'}`;
  }

  private async outcomesOf(rows: readonly PendingCommand[]): Promise<ReadonlyMap<string, OutcomeStatus>> {
    const found = new Map<string, OutcomeStatus>();
    for (let at = 0; at < rows.length; at += 10_000) {
      const ids = rows.slice(at, at + 10_000).map(({ commandId }) => commandId);
      const { rows: outcomes } = await this.pool.query<{ id: string; status: OutcomeStatus }>(
        `select command_id as id, status from policies.outcomes where command_id = any($1::uuid[])`,
        [ids],
      );
      for (const { id, status } of outcomes) found.set(id, status);
    }
    return found;
  }

  private async change(policy: string, sql: string, more: unknown[] = []): Promise<boolean> {
    this.definition(policy);
    const { rowCount } = await this.pool.query(sql, [policy, ...more]);
    if (rowCount === 1) return true;
    const { rows } = await this.pool.query(`select from policies.policies where policy = $1`, [policy]);
    if (rows.length === 0) throw new Error(`${policy} has not run yet`);
    return false;
  }

  private definition(name: string): PolicyDefinition {
    const found = this.options.definitions.find((each) => each.name === name);
    if (found) return found;
    throw new Error(
      `there is no policy '${name}'; there are ${this.options.definitions.map((each) => each.name).join(', ')}`,
    );
  }
}
