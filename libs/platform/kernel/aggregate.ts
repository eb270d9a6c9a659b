import { STEP_DATING, type Dating } from './chronology.js';
import type { RecordedEvent } from './envelope.js';
import type { DomainEvent, EventContract } from './event-contract.js';

/** The part of a recorded event that a fold may use beside its data. Never the clock. */
export type Moment = Pick<RecordedEvent, 'occurredAt'>;

type Evolvers<State, Events extends Record<string, EventContract<any>>> = {
  [K in keyof Events]: (
    state: State,
    data: Events[K] extends EventContract<infer Data> ? Data : never,
    moment: Moment,
  ) => State;
};

type Datings<State, Events extends Record<string, EventContract<any>>> = {
  [K in keyof Events]?:
    Dating | ((data: Events[K] extends EventContract<infer Data> ? Data : never, state: State) => Dating);
};

/** A consistency boundary: its state is the fold of its stream. */
export interface Aggregate<State = any> {
  readonly name: string;
  readonly initial: State;
  readonly events: Readonly<Record<string, EventContract<any>>>;
  /** Folds one event into the state; events of no concern leave it as it is. */
  evolve(state: State, event: { type: string; data: any } & Moment): State;
  /** Where an event may stand in time, given the state before it. */
  dating(state: State, event: { type: string; data: any }): Dating;
  /**
   * Its first event tells when we came to know of it, not when it came to be: what only looks at it may be dated
   * before. (An order from before its customer was registered.)
   */
  readonly existedBefore: boolean;
  /**
   * The customer whom a stream is about, from the state after its first event.
   * It stays the same for the life of the stream, so that one partition sees all of the stream in order.
   */
  subject(state: State, id: string): string;
  /**
   * The aggregate that took this one's place, where another was merged with it for as long as it is. Whoever is not
   * answered, as a policy, sends its commands there. Absent: none is ever merged.
   */
  readonly survivor?: (state: State) => string | undefined;
}

/**
 * Defines an aggregate: `aggregate<OrderState>()({ name, initial, events, evolve, subject })`.
 * `subject` defaults to the aggregate's own id. `dates` names the events that may be dated otherwise than `step` says.
 */
export const aggregate =
  <State>() =>
  <Events extends Record<string, EventContract<any>>>(definition: {
    name: string;
    initial: State;
    events: Events;
    evolve: Evolvers<State, Events>;
    dates?: Datings<State, Events>;
    existedBefore?: boolean;
    subject?: (state: State, id: string) => string;
    survivor?: (state: State) => string | undefined;
  }): Aggregate<State> => {
    const folds = new Map<string, (state: State, data: any, moment: Moment) => State>();
    const datings = new Map<string, Dating | ((data: any, state: State) => Dating)>();
    for (const [key, contract] of Object.entries(definition.events)) {
      folds.set(contract.type, definition.evolve[key as keyof Events] as any);
      const dating = definition.dates?.[key];
      if (dating) datings.set(contract.type, dating);
    }
    return {
      name: definition.name,
      initial: definition.initial,
      events: definition.events,
      evolve: (state, event) => folds.get(event.type)?.(state, event.data, event) ?? state,
      dating: (state, { type, data }) => {
        const dating = datings.get(type) ?? STEP_DATING;
        return typeof dating === 'function' ? dating(data, state) : dating;
      },
      existedBefore: definition.existedBefore ?? false,
      subject: definition.subject ?? ((_state, id) => id),
      survivor: definition.survivor,
    };
  };

/** The state after events that are decided but not stored. */
export const evolveAll = <State>(
  on: Aggregate<State>,
  state: State,
  events: readonly DomainEvent<any>[],
  occurredAt: Date,
): State => events.reduce((s, e) => on.evolve(s, { type: e.contract.type, data: e.data, occurredAt }), state);
