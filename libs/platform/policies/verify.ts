import { isDeepStrictEqual } from 'node:util';
import { partitionOf } from '#platform/event-bus/event-bus.js';
import type { Log } from '#platform/event-bus/consuming/log-reading.js';
import type { EventCodec } from '#platform/kernel/event-codec.js';
import { encodeArray } from '#platform/postgres/arrays.js';
import type { Pool, PoolClient } from '#platform/postgres/pool.js';
import { Derived, deriveFrom } from './derive.js';
import type { ActivePolicy, PendingCommand, PolicyReader } from './pending.js';
import { keptText, LogStates } from './policy-states.js';

/** What is pending, beside what the log and the outcomes say should be. */
export interface PolicyVerification {
  readonly policy: string;
  readonly isEqual: boolean;
  readonly pending: number;
  /** Positions of events whose command is not pending, and was not sent; the first few of each kind. */
  readonly missing: readonly bigint[];
  /** Of what is pending and follows from nothing. */
  readonly extra: readonly bigint[];
  /** Of what is due at another time than the code says now. */
  readonly otherDue: readonly bigint[];
  /** States of subjects that were held against the log. */
  readonly states: number;
  /** Positions of events since which a state is kept that is not what the log says. */
  readonly otherState: readonly bigint[];
}

/** What a verification looks at. */
export interface Verified {
  readonly pool: Pool;
  readonly log: Log;
  readonly reader: PolicyReader;
  readonly codec: EventCodec;
}

const PAGE = 10_000;
/** Rows held before it is looked which of them have an outcome. */
const HELD = 50_000;
/** States that are compared together. */
const STATES = 200;
const SHOWN = 10;

/** Derives what should be pending, and what is kept of subjects, from the log anew, up to where the policy has read. */
export async function verifyPolicy(
  { pool, log, reader, codec }: Verified,
  policy: ActivePolicy,
): Promise<PolicyVerification> {
  const { name } = policy.definition;
  const logStates = new LogStates({ store: log.store, codec });
  const client = await pool.connect();
  try {
    await client.query('begin isolation level repeatable read read only');
    const { rows } = await client.query<{
      partition: number;
      position: string;
      from: string;
      outcomesFrom: Date | null;
    }>(
      `select partition, position::text, from_position::text as from,
              nullif(outcomes_from, '-infinity') as "outcomesFrom"
         from policies.checkpoints join policies.policies using (policy) where policy = $1`,
      [name],
    );
    const derived = new Derived(policy, reader, logStates);
    const through = new Map(rows.map(({ partition, position }) => [partition, BigInt(position)]));
    let next = HELD;
    if (rows.length > 0) {
      await deriveFrom(derived, log, BigInt(rows[0]!.from), through, async () => {
        if (derived.size < next) return;
        await leaveOutSettled(client, derived);
        next = derived.size + HELD;
      });
    }
    await leaveOutSettled(client, derived);
    const kept = await compareStates(client, policy, logStates, (subject) =>
      through.get(partitionOf(subject, log.partitions)),
    );
    const pending = await compare(client, name, derived, rows[0]?.outcomesFrom ?? undefined);
    return { ...pending, ...kept, isEqual: pending.isEqual && kept.otherState.length === 0 };
  } finally {
    await client.query('rollback').catch(() => {});
    client.release();
  }
}

async function leaveOutSettled(client: PoolClient, derived: Derived): Promise<void> {
  const ids = [...derived.rows()].map(({ commandId }) => commandId);
  for (let at = 0; at < ids.length; at += PAGE) {
    const { rows } = await client.query<{ id: string }>(
      `select o.command_id as id from unnest($1::uuid[]) d(id)
         join policies.outcomes o on o.command_id = d.id and o.status <> 'parked'`,
      [encodeArray('uuid', ids.slice(at, at + PAGE))],
    );
    derived.without(new Set(rows.map(({ id }) => id)));
  }
}

/** Those of other versions are folded anew when their subject comes up: nothing rests on them. */
async function compareStates(
  client: PoolClient,
  { definition }: ActivePolicy,
  log: LogStates,
  through: (subject: string) => bigint | undefined,
): Promise<Pick<PolicyVerification, 'states' | 'otherState'>> {
  const otherState: bigint[] = [];
  let states = 0;
  if (!definition.state) return { states, otherState };
  for (let after = ''; ;) {
    const { rows } = await client.query<{ subject: string; position: string; state: string | null }>(
      `select subject, position::text, state from policies.states
        where policy = $1 and version = $2 and subject > $3 order by subject limit ${STATES}`,
      [definition.name, definition.version, after],
    );
    const folded = await log.states(definition, new Map(rows.map(({ subject }) => [subject, through(subject) ?? 0n])));
    for (const { subject, position, state } of rows) {
      states++;
      const expected = keptText(definition, folded.get(subject)!);
      // Of equal states the text may differ in the order of what they hold.
      const isSame = expected === state || (expected !== null && state !== null && isSameJson(expected, state));
      if (!isSame && otherState.length < SHOWN) otherState.push(BigInt(position));
    }
    if (rows.length < STATES) return { states, otherState };
    after = rows.at(-1)!.subject;
  }
}

const isSameJson = (one: string, other: string): boolean => isDeepStrictEqual(JSON.parse(one), JSON.parse(other));

type ComparedPending = Omit<PolicyVerification, 'states' | 'otherState'>;

async function compare(
  client: PoolClient,
  policy: string,
  derived: Derived,
  outcomesFrom: Date | undefined,
): Promise<ComparedPending> {
  const expected = new Map([...derived.rows()].map((row): [string, PendingCommand] => [row.commandId, row]));
  const found = { extra: [] as bigint[], otherDue: [] as bigint[] };
  let pending = 0;
  for (let after = '00000000-0000-0000-0000-000000000000'; ;) {
    const { rows } = await client.query<{ id: string; position: string; due: Date }>(
      `select command_id as id, position::text, due from policies.pending
        where policy = $1 and command_id > $2 order by command_id limit ${PAGE}`,
      [policy, after],
    );
    for (const { id, position, due } of rows) {
      pending++;
      const row = expected.get(id);
      if (!row) found.extra.push(BigInt(position));
      else if (row.due.getTime() !== due.getTime()) found.otherDue.push(BigInt(position));
      expected.delete(id);
    }
    if (rows.length < PAGE) break;
    after = rows.at(-1)!.id;
  }
  // What was due before may have been sent, and its outcome deleted.
  const left = [...expected.values()].filter(({ due }) => outcomesFrom === undefined || due >= outcomesFrom);
  const missing = left.map(({ position }) => position);
  const { extra, otherDue } = found;
  const isEqual = missing.length + extra.length + otherDue.length === 0;
  const shown = (positions: bigint[]): bigint[] => positions.toSorted((a, b) => Number(a - b)).slice(0, SHOWN);
  return { policy, isEqual, pending, missing: shown(missing), extra: shown(extra), otherDue: shown(otherDue) };
}
