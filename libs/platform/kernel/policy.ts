import type { Aggregate } from './aggregate.js';
import type { AddressedCommand } from './command.js';
import type { RecordedEvent } from './envelope.js';
import type { EventContract } from './event-contract.js';
import { checkedState, type PolicyStateDefinition } from './policy-state.js';

type DataOf<Contract> = Contract extends EventContract<infer Data> ? Data : never;
type Recorded<Contract> = RecordedEvent<DataOf<Contract>>;

/** What a policy may use beside its event. Never the clock. */
export interface PolicyContext<State = undefined> {
  /** What its setting says, where it has one; 0 else. */
  readonly days: number;
  /** The zone in which days are counted that have none of their own. */
  readonly zone: string;
  /** With `state`: what is folded of all events of the subject up to this one, and of no other. */
  readonly state: State;
}

/** What `send` may use: with `reads`, the aggregate of the event's stream, as it was after the event. */
export interface SendContext<State = undefined, Read = undefined> extends PolicyContext<State> {
  readonly aggregate: Read;
}

/** What takes a timer back: events of the same stream that come after the one that set it. */
export interface Withdrawal {
  readonly events: readonly EventContract<any>[];
  /** Which of them; absent: each. */
  when?(event: RecordedEvent): boolean;
}

/** What is to be done when something has happened: pure, at most one command for each event. */
export interface PolicyDefinition<State = any, Read = any> {
  /** Lower-case letters, digits and `-`. Its commands have the actor `policy:<name>`. */
  readonly name: string;
  /** From 1; raised when other commands follow from the same events, or at another time, or another state. */
  readonly version: number;
  /** What it is for, in a sentence. */
  readonly about: string;
  /** Name of the setting that switches it on, a whole number of days; absent: it is always on. */
  readonly setting?: string;
  readonly on: readonly EventContract<any>[];
  /** What it handles, with what takes timers back and what its state is of: by type the version that this code knows. */
  readonly versions: ReadonlyMap<string, number>;
  readonly withdrawal?: Withdrawal;
  readonly reads?: Aggregate<Read>;
  /** What it keeps of each subject. */
  readonly state?: PolicyStateDefinition<State>;
  /** Whether an event is of concern. */
  when(event: RecordedEvent, context: PolicyContext<State>): boolean;
  /** When its command is due; undefined: never. Absent: at once. */
  after?(event: RecordedEvent, context: PolicyContext<State>): Date | undefined;
  send(event: RecordedEvent, context: SendContext<State, Read>): AddressedCommand | undefined;
}

/** Whether an event takes back the timers that earlier ones of its stream have set. */
export const withdraws = ({ withdrawal }: PolicyDefinition, event: RecordedEvent): boolean =>
  withdrawal !== undefined &&
  withdrawal.events.some(({ type }) => type === event.type) &&
  (withdrawal.when?.(event) ?? true);

/** Whether an event is one that a policy acts on. */
export const actsOn = (policy: PolicyDefinition, event: RecordedEvent, context: PolicyContext<any>): boolean =>
  policy.on.some(({ type }) => type === event.type) && policy.when(event, context);

const NAME = /^[a-z][a-z0-9-]{0,40}$/;

/**
 * Defines a policy. `after` makes it a timer; `unless` is what takes the timer back. `when` tells whether an event is of
 * concern: what it leaves out costs nothing. `send` is asked when the command is due, by the code of then: nothing of a
 * command is stored before. With `state` the policy keeps something of each subject, folded from the events about it;
 * all three are given the state as it was after their event, whatever has happened since.
 */
export function policy<Contract extends EventContract<any>, State = undefined, Read = undefined>(definition: {
  name: string;
  version: number;
  about: string;
  setting?: string;
  on: Contract | readonly Contract[];
  state?: PolicyStateDefinition<State>;
  when?: (event: Recorded<Contract>, context: PolicyContext<State>) => boolean;
  after?: (event: Recorded<Contract>, context: PolicyContext<State>) => Date | undefined;
  unless?: Withdrawal | readonly EventContract<any>[];
  reads?: Aggregate<Read>;
  send: (event: Recorded<Contract>, context: SendContext<State, Read>) => AddressedCommand | undefined;
}): PolicyDefinition<State, Read> {
  const { name, version, about, setting, after, unless, reads, state, send } = definition;
  if (!NAME.test(name))
    throw new Error(`'${name}' is not a policy's name: lower-case letters, digits and -, at most 41`);
  if (!Number.isSafeInteger(version) || version < 1) throw new Error(`${name}: its version is a whole number from 1`);
  if (unless && !after) throw new Error(`${name}: only a timer can be taken back (unless), and it has none (after)`);
  const on = [definition.on].flat() as EventContract<any>[];
  if (on.length === 0) throw new Error(`${name} acts on no event`);
  const withdrawal = unless && ('events' in unless ? unless : { events: unless });
  const handled = [...on, ...(withdrawal?.events ?? []), ...(state?.on ?? []).map(({ contract }) => contract)];
  return {
    name,
    version,
    about,
    setting,
    on,
    versions: new Map(handled.map((contract) => [contract.type, contract.version])),
    withdrawal,
    reads,
    state: state && checkedState(name, state),
    when: definition.when ?? (() => true),
    after,
    send,
  };
}

/** Who sends the commands of a policy. */
export const policyActor = (name: string): string => `policy:${name}`;
const ACTOR = policyActor('');
export const isPolicyActor = (actor: string): boolean => actor.startsWith(ACTOR);
