import { partitionOf } from '#platform/event-bus/event-bus.js';
import type { EventStore } from '#platform/event-store/event-store.js';
import type { StoredEvent } from '#platform/kernel/envelope.js';
import type { EventCodec } from '#platform/kernel/event-codec.js';
import type { PolicyDefinition } from '#platform/kernel/policy.js';
import { evolved, stateText } from '#platform/kernel/policy-state.js';
import { encodeArray } from '#platform/postgres/arrays.js';
import type { Pool, PoolClient } from '#platform/postgres/pool.js';

/** The state of a subject, or why nobody can tell it. */
export type Folded = { readonly state: unknown } | { readonly error: unknown };

/** How the state of a subject is from an event on. */
export interface StateChange {
  readonly policy: string;
  readonly version: number;
  readonly subject: string;
  /** Of the event that made it so. */
  readonly position: bigint;
  /** JSON; null where it cannot be told: then it is folded from the log whenever it is asked for. */
  readonly text: string | null;
}

/** States of subjects as they were just before, or at, a position of each. */
export interface StateSource {
  /** @param through by subject, inclusive */
  states(policy: PolicyDefinition, through: ReadonlyMap<string, bigint>): Promise<Map<string, Folded>>;
}

export interface FoldingOptions {
  readonly store: Pick<EventStore, 'readSubjects'>;
  readonly codec: EventCodec;
}

/** Events in one read. */
const PAGE = 1_000;
/** Subjects that are folded together. */
const TOGETHER = 200;

/** The state after an event; an error stays, as what follows from it is not known either. */
export function foldedWith({ state }: PolicyDefinition, codec: EventCodec, before: Folded, event: StoredEvent): Folded {
  if ('error' in before || !state) return before;
  try {
    return { state: evolved(state, before.state, codec.decodeErased(event)) };
  } catch (error) {
    return { error };
  }
}

/** Folds the states from the log: the truth that the kept ones are held to. */
export class LogStates implements StateSource {
  constructor(private readonly options: FoldingOptions) {}

  async states(policy: PolicyDefinition, through: ReadonlyMap<string, bigint>): Promise<Map<string, Folded>> {
    const { store, codec } = this.options;
    const folds = new Set(policy.state!.on.map(({ contract }) => contract.type));
    const found = new Map<string, Folded>();
    const subjects = [...through.keys()];
    for (let at = 0; at < subjects.length; at += TOGETHER) {
      const own = subjects.slice(at, at + TOGETHER);
      let last = 0n;
      for (const subject of own) {
        found.set(subject, { state: policy.state!.initial });
        if (through.get(subject)! > last) last = through.get(subject)!;
      }
      for (let after = 0n; after < last;) {
        const page = await store.readSubjects(own, { after, through: last, limit: PAGE });
        for (const event of page) {
          const { subject, position, type } = event;
          if (!folds.has(type) || position > through.get(subject)!) continue;
          found.set(subject, foldedWith(policy, codec, found.get(subject)!, event));
        }
        if (page.length === 0 || (page.length < PAGE && !page.cut)) break;
        after = page.at(-1)!.position;
      }
    }
    return found;
  }
}

/**
 * The states as they are kept, in the database that the checkpoints are in. A row says how a state is from its position
 * on through the checkpoint of the subject's partition, both written in one transaction. What no row tells is folded
 * from the log: of a subject that is new to the policy, of one that a raised version has not come to yet, and as of an
 * event behind which the state has changed since.
 */
export class KeptStates implements StateSource {
  private readonly log: LogStates;

  constructor(
    private readonly pool: Pick<Pool, 'query'>,
    options: FoldingOptions,
    private readonly partitions: number,
  ) {
    this.log = new LogStates(options);
  }

  async states(policy: PolicyDefinition, through: ReadonlyMap<string, bigint>): Promise<Map<string, Folded>> {
    const subjects = [...through.keys()];
    const { rows } = await this.pool.query<{ subject: string; position: string; text: string }>({
      name: 'policies-states-of',
      text: `select s.subject, s.position::text, s.state as text
          from unnest($3::text[], $4::int8[], $5::int4[]) a(subject, through, partition)
          join policies.states s on s.policy = $1 and s.subject = a.subject and s.version = $2
           and s.state is not null and s.position <= a.through
          join policies.checkpoints c on c.policy = $1 and c.partition = a.partition and c.position >= a.through`,
      values: [
        policy.name,
        policy.version,
        encodeArray('text', subjects),
        encodeArray('int8', [...through.values()]),
        encodeArray(
          'int4',
          subjects.map((subject) => partitionOf(subject, this.partitions)),
        ),
      ],
    });
    const found = new Map(rows.map(({ subject, text }): [string, Folded] => [subject, { state: JSON.parse(text) }]));
    const missing = new Map([...through].filter(([subject]) => !found.has(subject)));
    if (missing.size === 0) return found;
    return new Map([...found, ...(await this.log.states(policy, missing))]);
  }
}

/**
 * The state that an event was to be judged by: that of its subject as it was after it. Undefined for a policy without.
 * @throws StateTooLarge, and whatever a fold throws
 */
export async function stateBehind(
  source: StateSource,
  policy: PolicyDefinition,
  { subject, position }: { readonly subject: string; readonly position: bigint },
): Promise<unknown> {
  if (!policy.state) return undefined;
  const folded = (await source.states(policy, new Map([[subject, position]]))).get(subject)!;
  if ('error' in folded) throw folded.error;
  stateText(policy.name, policy.state, folded.state);
  return folded.state;
}

/** A state as it is kept; null where it cannot be, so that whoever needs it meets the error. */
export function keptText({ name, state }: PolicyDefinition, folded: Folded): string | null {
  if ('error' in folded) return null;
  try {
    return stateText(name, state!, folded.state);
  } catch {
    return null;
  }
}

/** Writes states, in the transaction that moves the checkpoints. */
export async function writeStates(client: Pick<PoolClient, 'query'>, changes: readonly StateChange[]): Promise<void> {
  if (changes.length === 0) return;
  await client.query({
    name: 'policies-states-write',
    text: `insert into policies.states (policy, subject, version, position, state)
        select * from unnest($1::text[], $2::text[], $3::int4[], $4::int8[], $5::text[])
      on conflict (policy, subject) do update
         set version = excluded.version, position = excluded.position, state = excluded.state`,
    values: [
      encodeArray(
        'text',
        changes.map((each) => each.policy),
      ),
      encodeArray(
        'text',
        changes.map((each) => each.subject),
      ),
      encodeArray(
        'int4',
        changes.map((each) => each.version),
      ),
      encodeArray(
        'int8',
        changes.map((each) => each.position),
      ),
      encodeArray(
        'text',
        changes.map((each) => each.text),
      ),
    ],
  });
}
