import type { AppendRequest, StreamRevision } from '#platform/event-store/event-store.js';
import type { Aggregate } from '#platform/kernel/aggregate.js';
import type { AggregateCache, CachedAggregate } from './aggregate-cache.js';
import type { CommandMessage } from './command-message.js';
import type { StateLoader } from './state-loader.js';

/** The states that a command is decided on: its aggregate's, and those that it refers to. */
export interface Participants {
  own: CachedAggregate;
  refs: Record<string, Participant | undefined>;
}

export interface Participant {
  entry: CachedAggregate;
  aggregate: Aggregate;
  id: string;
}

/** Finds the participants of commands, in the cache or in the store. */
export class ParticipantSource {
  constructor(
    private readonly states: AggregateCache,
    private readonly loader: StateLoader,
  ) {}

  /**
   * All of a command's participants where the cache holds them. A state may change while others are loaded: so all are
   * taken at once.
   * @param mayBeNew take a stream that a command creates for new, without a look: the append tells if it is not
   */
  peek({ definition, id: ownId, input }: CommandMessage, mayBeNew: boolean): Participants | undefined {
    let own = this.states.peek(definition.on.name, ownId);
    if (!own && definition.creates && mayBeNew) own = this.states.fresh(definition.on, ownId);
    if (!own) return undefined;
    const refs: Participants['refs'] = {};
    for (const name in definition.refs) {
      const { aggregate, id: idOf } = definition.refs[name]!;
      const id = idOf(input, own.state);
      if (id === undefined) continue;
      const entry = this.states.peek(aggregate.name, id);
      if (!entry) return undefined;
      refs[name] = { entry, aggregate, id };
    }
    return { own, refs };
  }

  /** All of a command's participants, read from the store where the cache does not hold them. */
  async load(message: CommandMessage, mayBeNew: boolean): Promise<Participants> {
    const { definition, id: ownId, input } = message;
    for (;;) {
      const own =
        this.states.peek(definition.on.name, ownId) ??
        (definition.creates && mayBeNew ? undefined : await this.loader.load(definition.on, ownId));
      const missing: Promise<CachedAggregate>[] = [];
      for (const { aggregate, id: idOf } of Object.values(definition.refs)) {
        const id = idOf(input, own?.state ?? definition.on.initial);
        if (id && !this.states.peek(aggregate.name, id)) missing.push(this.loader.load(aggregate, id));
      }
      if (missing.length > 0) await Promise.all(missing);
      const participants = this.peek(message, mayBeNew);
      if (participants) return participants;
    }
  }
}

export function entriesOf({ own, refs }: Participants): CachedAggregate[] {
  const entries = [own];
  for (const name in refs) entries.push(refs[name]!.entry);
  return entries;
}

/** The states that a decision looked at and did not move; nothing where there are none, as for most commands. */
export function readSetOf(
  entries: readonly CachedAggregate[],
  touched: readonly CachedAggregate[],
): StreamRevision[] | undefined {
  const left = entries.filter((entry) => !touched.includes(entry));
  return left.length > 0
    ? left.map(({ aggregate, aggregateId, revision }) => ({ aggregate, aggregateId, revision }))
    : undefined;
}

/** The appends that the states count on, if there are any. */
export function pendingAppends(entries: readonly CachedAggregate[]): AppendRequest[] | undefined {
  let found: AppendRequest[] | undefined;
  for (const { last } of entries) if (last && !found?.includes(last)) (found ??= []).push(last);
  return found;
}
