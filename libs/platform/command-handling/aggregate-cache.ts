import type { Aggregate } from '#platform/kernel/aggregate.js';
import { Chronology } from '#platform/kernel/chronology.js';
import type { StreamId } from '#platform/kernel/envelope.js';
import { charactersOf } from '#platform/kernel/sizes.js';
import { StreamMap } from '#platform/kernel/stream-map.js';
import type { AppendRequest } from '#platform/event-store/event-store.js';

/** A stream folded to a state. */
export interface LoadedAggregate {
  state: any;
  /** What its events' dates forbid those to come. */
  readonly dates: Chronology;
  /** Revision that the state has reached; -1 without events. */
  revision: number;
  subject: string | undefined;
  /** Characters of the largest of its events: about what the state takes. */
  weight: number;
}

/**
 * What is held of a stream between commands, so that a hot stream costs what a fresh one costs. Its revision runs ahead
 * of the store while appends are under way.
 */
export interface CachedAggregate extends LoadedAggregate, StreamId {
  /** Appends under way that the state counts on. */
  pending: number;
  /** The last of them, which depends on the others. */
  last: AppendRequest | undefined;
  /** Settles with the last of them. */
  settled: Promise<unknown> | undefined;
  /** It counts on an append that was refused: no decision may rest on it. */
  dropped: boolean;
}

/** Characters of stored JSON that the states held may stand for: some 150 MB of memory, however large each is. */
const MOST_CHARACTERS = 32 * 1024 * 1024;

/**
 * A bounded cache of folded streams. Safe to be stale: the append names the revision it follows, those it looked at,
 * and those under way that it depends on, so a stale state costs a reload, never a wrong event.
 */
export class AggregateCache {
  // Two generations instead of a list of uses: a hit moves an entry to the young one, and the old one is dropped whole.
  private young = new StreamMap<CachedAggregate>();
  private old = new StreamMap<CachedAggregate>();
  private youngWeight = 0;
  /** How often all were forgotten: what was read before belongs to another generation. */
  generation = 0;

  constructor(
    private readonly capacity = 100_000,
    private readonly characters = MOST_CHARACTERS,
  ) {}

  /** The state of a stream if it is held. */
  peek(aggregate: string, aggregateId: string): CachedAggregate | undefined {
    const found = this.young.get(aggregate, aggregateId);
    if (found) return found;
    const aged = this.old.get(aggregate, aggregateId);
    if (aged) this.hold(aged);
    return aged;
  }

  /** Takes in a state that was read from the store; gives the entry to go on with. */
  adopt({ aggregate, aggregateId }: StreamId, loaded: LoadedAggregate): CachedAggregate {
    // Somebody may have put the stream there meanwhile, and decided on it: theirs is the one to go on with.
    const held = this.peek(aggregate, aggregateId);
    if (held && held.revision >= loaded.revision) return held;
    const entry = entryOf(aggregate, aggregateId, loaded);
    this.hold(entry);
    return entry;
  }

  /** The state of a stream that is taken to be new, without a look: the append finds out if it is not. */
  fresh(on: Aggregate, aggregateId: string): CachedAggregate {
    const { name, initial: state } = on;
    const begun = { state, dates: new Chronology(), revision: -1, subject: undefined, weight: 0 };
    const entry = entryOf(name, aggregateId, begun);
    this.hold(entry);
    return entry;
  }

  /** Takes note that a state has grown by an event. */
  weigh(entry: CachedAggregate, event: { data: string; personalData: string | null }): void {
    const more = charactersOf(event) - entry.weight;
    if (more <= 0) return;
    entry.weight += more;
    if (isIn(this.young, entry)) this.youngWeight += more;
  }

  /** Forgets a state that did not come to be. */
  drop(entry: CachedAggregate): void {
    entry.dropped = true;
    const { aggregate, aggregateId } = entry;
    if (isIn(this.young, entry)) {
      this.young.delete(aggregate, aggregateId);
      this.youngWeight -= entry.weight;
    }
    if (isIn(this.old, entry)) this.old.delete(aggregate, aggregateId);
  }

  /** Forgets all states: the log has lost events that they may count on. */
  clear(): void {
    this.generation++;
    for (const entries of [this.young, this.old]) {
      for (const entry of entries.values()) entry.dropped = true;
      entries.clear();
    }
    this.youngWeight = 0;
  }

  private hold(entry: CachedAggregate): void {
    if (this.young.size >= this.capacity / 2 || this.youngWeight >= this.characters / 2) {
      this.old = this.young;
      this.young = new StreamMap();
      this.youngWeight = 0;
    }
    const { aggregate, aggregateId } = entry;
    this.youngWeight += entry.weight - (this.young.get(aggregate, aggregateId)?.weight ?? 0);
    this.young.set(aggregate, aggregateId, entry);
  }
}

/** All fields by name: V8 gives an object that is spread from two a shape of its own, and each look at it costs more. */
const entryOf = (aggregate: string, aggregateId: string, loaded: LoadedAggregate): CachedAggregate => ({
  aggregate,
  aggregateId,
  state: loaded.state,
  dates: loaded.dates,
  revision: loaded.revision,
  subject: loaded.subject,
  weight: loaded.weight,
  pending: 0,
  last: undefined,
  settled: undefined,
  dropped: false,
});

const isIn = (entries: StreamMap<CachedAggregate>, entry: CachedAggregate): boolean =>
  entries.get(entry.aggregate, entry.aggregateId) === entry;
