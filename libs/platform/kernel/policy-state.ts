import { isDeepStrictEqual } from 'node:util';
import type { RecordedEvent } from './envelope.js';
import type { Erased } from './erased.js';
import type { EventContract } from './event-contract.js';

/** What an event says in its open fields: a state is kept in the clear and for good, so that no fold sees a person's. */
export type OpenData<Data> = { readonly [Name in keyof Data as Erased extends Data[Name] ? never : Name]: Data[Name] };

/** An event as the folds of policies see it. */
export type OpenEvent<Contract> = Readonly<Omit<RecordedEvent, 'data' | 'meta'>> & {
  readonly data: Contract extends EventContract<infer Data> ? OpenData<Data> : never;
};

/** What one kind of event does to the state of a policy. */
export interface Fold<State> {
  readonly contract: EventContract<any>;
  /** Pure: returns another state, or the same one where nothing changes. */
  evolve(state: State, event: OpenEvent<EventContract<any>>): State;
}

/** What one kind of event does to the state of a policy: `fold(orderCompleted, (state: Bought, { data }) => …)`. */
export const fold = <Contract extends EventContract<any>, State>(
  contract: Contract,
  evolve: (state: State, event: OpenEvent<Contract>) => State,
): Fold<State> => ({ contract, evolve: evolve as Fold<State>['evolve'] });

/** A state that a policy has of each subject. JSON: what `JSON.parse` gives of what `JSON.stringify` made is the same. */
export interface PolicyStateDefinition<State> {
  readonly initial: State;
  readonly on: readonly Fold<State>[];
  /** How large it may be as JSON, in bytes; 8 KiB unless it says otherwise. */
  readonly mostBytes?: number;
}

/** What a state may be large, unless its policy says otherwise, and at most. */
export const USUAL_STATE_BYTES = 8_192;
export const MOST_STATE_BYTES = 65_536;

/** The state of a policy about one subject is larger than may be: nothing is sent on it before the policy keeps less. */
export class StateTooLarge extends Error {
  constructor(policy: string, bytes: number, most: number) {
    super(`${policy}: its state has ${bytes} bytes, and may have ${most}: it must keep less of each subject`);
    this.name = 'StateTooLarge';
  }
}

/** A definition whose initial state nobody can change. @throws Error naming what is wrong with it */
export function checkedState<State>(name: string, state: PolicyStateDefinition<State>): PolicyStateDefinition<State> {
  const { initial, on, mostBytes = USUAL_STATE_BYTES } = state;
  if (on.length === 0) throw new Error(`${name} folds no event into its state`);
  const types = on.map(({ contract }) => contract.type);
  const twice = types.find((type, at) => types.indexOf(type) !== at);
  if (twice !== undefined) throw new Error(`${name} has two folds of ${twice}`);
  if (!Number.isSafeInteger(mostBytes) || mostBytes < 1 || mostBytes > MOST_STATE_BYTES)
    throw new Error(`${name}: a state has at most ${MOST_STATE_BYTES} bytes`);
  const checked = { initial: frozen(initial), on, mostBytes };
  stateText(name, checked, initial);
  return checked;
}

/** The state after an event, which may be any; personal fields are left out, whether they can be read or not. */
export function evolved<State>({ on }: PolicyStateDefinition<State>, state: State, event: RecordedEvent): State {
  const own = on.find(({ contract }) => contract.type === event.type);
  if (!own) return state;
  const { data, meta: _meta, ...place } = event;
  const open: Record<string, unknown> = { ...data };
  for (const name of own.contract.personalFields) delete open[name];
  return own.evolve(state, { ...place, data: open } as OpenEvent<EventContract<any>>);
}

/**
 * A state as it is kept.
 * @throws StateTooLarge; Error where it is not what JSON gives back, so that it would be another after a restart
 */
export function stateText<State>(name: string, { mostBytes }: PolicyStateDefinition<State>, state: State): string {
  const text = JSON.stringify(state) as string | undefined;
  if (text === undefined || !isDeepStrictEqual(JSON.parse(text), state))
    throw new Error(`${name}: its state is not plain JSON (no undefined, no Date, no Map)`);
  const bytes = Buffer.byteLength(text);
  const most = mostBytes ?? USUAL_STATE_BYTES;
  if (bytes > most) throw new StateTooLarge(name, bytes, most);
  return text;
}

/** A value that a fold which changes it in place throws at. */
export function frozen<Value>(value: Value): Value {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  Object.values(value).forEach(frozen);
  return Object.freeze(value);
}
