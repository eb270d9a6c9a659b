import type { EventStore, StreamEvents } from '#platform/event-store/event-store.js';
import type { Aggregate } from '#platform/kernel/aggregate.js';
import { Chronology } from '#platform/kernel/chronology.js';
import type { EventCodec } from '#platform/kernel/event-codec.js';
import { StreamMap } from '#platform/kernel/stream-map.js';
import { charactersOf } from '#platform/kernel/sizes.js';
import type { AggregateCache, CachedAggregate, LoadedAggregate } from './aggregate-cache.js';
import { GatheredCalls } from './gathered-calls.js';

/** Streams of one call, and events of each: most streams are short, and their states come with the first call. */
const MANY = { streams: 256, events: 16 };
/** What is longer goes on by itself, so that the short ones do not wait for it. */
const LONG = { streams: 4, events: 1000 };

interface Loading {
  readonly on: Aggregate;
  readonly id: string;
  /** Folded so far; nobody else sees it yet. */
  folded: LoadedAggregate;
  /** How often the cache had been cleared when its first event was read. */
  generation: number;
  readonly resolve: (entry: CachedAggregate) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Loads the states of streams that the cache does not hold: those of all commands of a turn together, one call for many
 * streams. A long stream is read on page by page. Each call is bounded in streams, in events of each, and in bytes.
 */
export class StateLoader {
  private readonly underWay = new StreamMap<Promise<CachedAggregate>>();
  private readonly first = new GatheredCalls<Loading>((batch) => this.read(batch, MANY.events), {
    size: MANY.streams,
    atOnce: 2,
  });
  private readonly rest = new GatheredCalls<Loading>((batch) => this.read(batch, LONG.events), { size: LONG.streams });

  constructor(
    private readonly store: Pick<EventStore, 'readStreams'>,
    private readonly codec: EventCodec,
    private readonly cache: AggregateCache,
  ) {}

  /** The state of a stream as the store has it, put into the cache. Who asks for the same stream meanwhile shares it. */
  load(on: Aggregate, id: string): Promise<CachedAggregate> {
    let loading = this.underWay.get(on.name, id);
    if (!loading) {
      const { generation } = this.cache;
      loading = new Promise((resolve, reject) => {
        this.first.add({ on, id, folded: nothing(on), generation, resolve, reject });
      });
      this.underWay.set(on.name, id, loading);
    }
    return loading;
  }

  private async read(batch: Loading[], limit: number): Promise<void> {
    let found: StreamEvents[];
    try {
      const spans = batch.map(({ on, id, folded }) => ({
        aggregate: on.name,
        aggregateId: id,
        fromRevision: folded.revision + 1,
      }));
      found = await this.store.readStreams(spans, { limit });
      // Of a stream all events are about one subject.
      await this.codec.prepare(found.flatMap(({ events: [first] }) => (first ? [first.subject] : [])));
    } catch (error) {
      for (const loading of batch) this.fail(loading, error);
      return;
    }
    batch.forEach((loading, at) => {
      const { events, more } = found[at]!;
      // An event that this build does not know stops its own stream, and no other of the batch.
      try {
        this.fold(loading, events);
      } catch (error) {
        this.fail(loading, error);
        return;
      }
      if (more) this.rest.add(loading);
      else this.finish(loading);
    });
  }

  private fold({ on, folded }: Loading, events: StreamEvents['events']): void {
    for (const stored of events) {
      const event = this.codec.decode(stored);
      folded.dates.note(on.dating(folded.state, event), stored.occurredAt.getTime());
      folded.state = on.evolve(folded.state, event);
      folded.revision = stored.revision;
      folded.subject = stored.subject;
      folded.weight = Math.max(folded.weight, charactersOf(stored));
    }
  }

  private finish(loading: Loading): void {
    const { id, on, folded, generation, resolve } = loading;
    // Some of what was read may be lost by now: all of it is read anew.
    if (this.cache.generation !== generation) {
      loading.generation = this.cache.generation;
      loading.folded = nothing(on);
      this.first.add(loading);
      return;
    }
    this.underWay.delete(on.name, id);
    resolve(this.cache.adopt({ aggregate: on.name, aggregateId: id }, folded));
  }

  private fail({ on, id, reject }: Loading, error: unknown): void {
    this.underWay.delete(on.name, id);
    reject(error);
  }
}

const nothing = (on: Aggregate): LoadedAggregate => ({
  state: on.initial,
  dates: new Chronology(),
  revision: -1,
  subject: undefined,
  weight: 0,
});
