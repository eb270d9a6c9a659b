import type { z } from 'zod';
import type { Aggregate } from './aggregate.js';
import { assertBegun, type Chronology } from './chronology.js';
import { DayPaths } from './day-paths.js';
import { streamName, type StreamId } from './envelope.js';
import type { DomainEvent } from './event-contract.js';

/** What a sender may be, in the order in which tables of them are read. */
export const ROLES = ['service', 'analyst', 'auditor', 'privacy', 'admin'] as const;
export type Role = (typeof ROLES)[number];

/** Another aggregate that a decision looks at, and where its id is: in the input, or in the state decided on. */
export interface Reference<State = any, Input = any, Own = any> {
  readonly aggregate: Aggregate<State>;
  /** Undefined: neither names one, and the decision sees no such reference. */
  readonly id: (input: Input, own: Own) => string | undefined;
}

/** A looked-at aggregate; `revision` is -1 when it has no events. */
export interface Referenced<State> {
  readonly id: string;
  readonly state: State;
  readonly revision: number;
}

/** An event for the stream of a reference, stored in the same transaction as the command's own. */
export interface EventAt {
  readonly at: string;
  readonly event: DomainEvent<any>;
}
/** Addresses an event to the stream of the reference of that name. */
export const at = (reference: string, event: DomainEvent<any>): EventAt => ({ at: reference, event });

export type Decision = DomainEvent<any> | EventAt | readonly (DomainEvent<any> | EventAt)[] | undefined | void;

/** The events that a decision came to, in order; none when it came to nothing. */
export const eventsOf = (decision: Decision): (DomainEvent<any> | EventAt)[] =>
  decision === undefined ? [] : Array.isArray(decision) ? [...decision] : [decision as DomainEvent<any>];

type StatesOf<Refs> = {
  [K in keyof Refs]: Refs[K] extends Reference<infer State, any, any> ? Referenced<State> | undefined : never;
};

/** What a decision may use beside the state and the input. */
export interface DecideContext<Refs = Record<never, never>> {
  /** Id of the aggregate decided on. */
  readonly id: string;
  /** Business time of the command: the sender's `occurredAt`, else the injected clock. */
  readonly now: Date;
  readonly actor: string;
  readonly refs: StatesOf<Refs>;
}

/** A command that is to be sent, by whoever makes messages of it: a policy says no more than this. */
export interface AddressedCommand {
  readonly definition: CommandDefinition;
  /** Of the aggregate; undefined for one that creates, whose input may name it. */
  readonly id: string | undefined;
  /** Not yet parsed. */
  readonly input: unknown;
}

/** One command: its schema, its pure decision, its route. `Given` is the input as a sender writes it. */
export interface CommandDefinition<State = any, Input = any, Given = any> {
  readonly name: string;
  readonly summary: string;
  readonly on: Aggregate<State>;
  readonly method: 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Path with `:id` for the aggregate's id; without it the command creates, and the id is the body's `id` or a new one. */
  readonly path: string;
  readonly creates: boolean;
  /** It may be the first of an aggregate that its path names; others answer that there is no such thing. */
  readonly mayBegin: boolean;
  /** Roles of which a sender must have one. */
  readonly allowed: readonly Role[];
  readonly input: z.ZodObject<any>;
  /** The input's days that must have come. */
  readonly pastDays: DayPaths;
  readonly refs: Readonly<Record<string, Reference>>;
  decide(state: State, input: Input, context: DecideContext<any>): Decision;
  /** The command to this aggregate: `resumeCase.for(id, { note })`. */
  for(id: string | undefined, input: Given): AddressedCommand;
}

/** Who may send a command that does not say it otherwise. */
const SENDERS: readonly Role[] = ['service', 'admin'];

/**
 * Defines a command. `route` is `POST /v1/orders/:id/confirm`; a route without `:id` creates an aggregate:
 * its input may carry an `id` (uuid), else one is made. With `mayBegin` a route with `:id` may be an aggregate's first.
 */
export function command<
  State,
  Shape extends z.ZodObject<any>,
  Refs extends Record<string, Reference<any, any, any>> = Record<never, never>,
>(definition: {
  name: string;
  summary: string;
  on: Aggregate<State>;
  route: string;
  /** Absent: services, and administrators. */
  allowed?: readonly Role[];
  input: Shape;
  refs?: Refs;
  mayBegin?: boolean;
  decide: (state: State, input: z.infer<Shape>, context: DecideContext<Refs>) => Decision;
}): CommandDefinition<State, z.infer<Shape>, z.input<Shape>> {
  const [method, path] = definition.route.split(' ') as [CommandDefinition['method'], string];
  if (!path?.startsWith('/')) throw new Error(`${definition.name}: the route is not of the form 'POST /path'`);
  const made: CommandDefinition<State, z.infer<Shape>, z.input<Shape>> = {
    name: definition.name,
    summary: definition.summary,
    on: definition.on,
    method,
    path,
    creates: !path.includes(':id'),
    mayBegin: definition.mayBegin ?? !path.includes(':id'),
    allowed: definition.allowed ?? SENDERS,
    input: definition.input,
    pastDays: new DayPaths(definition.input),
    refs: definition.refs ?? {},
    decide: definition.decide,
    for: (id, input) => ({ definition: made, id, input }),
  };
  return made;
}

/**
 * A reference for `refs`: the aggregate, and where its id is. The second argument is the state decided on,
 * for what its stream fixed for good (a return's order).
 */
export const reference = <State, Input = any, Own = any>(
  aggregate: Aggregate<State>,
  id: (input: Input, own: Own) => string | undefined,
): Reference<State, Input, Own> => ({ aggregate, id });

/** A stream that a decision is about or looks at. */
export interface DatedStream extends StreamId {
  readonly state: any;
  readonly dates: Chronology;
}

/**
 * Refuses by `date-in-order` a decision that is dated before a step that it follows, in its own stream or in those of
 * its references, or before the beginning of a document that it looks at.
 */
export function assertInOrder(
  { on, refs: references }: Pick<CommandDefinition, 'on' | 'refs'>,
  own: DatedStream,
  refs: Readonly<Record<string, { readonly entry: DatedStream } | undefined>>,
  decided: readonly (DomainEvent<any> | EventAt)[],
  at: number,
): void {
  for (const name in refs) {
    const { entry } = refs[name]!;
    if (at < entry.dates.latest && !references[name]!.aggregate.existedBefore)
      assertBegun(entry.dates, at, streamName(entry));
  }
  for (const item of decided) {
    const addressed = 'at' in item;
    const target = addressed ? refs[item.at]?.entry : own;
    // The usual command comes after all that its documents have seen.
    if (!target || at >= target.dates.latest) continue;
    const { contract, data } = addressed ? item.event : item;
    const aggregate = addressed ? references[item.at]!.aggregate : on;
    target.dates.check(aggregate.dating(target.state, { type: contract.type, data }), at, streamName(target));
  }
}
