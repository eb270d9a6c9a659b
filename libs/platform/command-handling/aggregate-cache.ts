import type { Aggregate } from '#platform/kernel/aggregate.js';
import { Chronology } from '#platform/kernel/chronology.js';
import type { EventCatalogue } from '#platform/kernel/event-catalogue.js';
import { charactersOf } from '#platform/kernel/sizes.js';
import type { AppendRequest, EventStore } from '#platform/event-store/event-store.js';

/** What is held of a stream between commands: its folded state, so that a hot stream costs what a fresh one costs. */
export interface CachedAggregate {
  readonly stream: string;
  state: any;
  /** What its events' dates forbid those to come. */
  readonly dates: Chronology;
  /** Revision that the state has reached; -1 without events. Runs ahead of the store while appends are under way. */
  revision: number;
  subject: string | undefined;
  /** Appends under way that the state counts on. */
  pending: number;
  /** The last of them, which depends on the others. */
  last: AppendRequest | undefined;
  /** Settles with the last of them. */
  settled: Promise<unknown> | undefined;
  /** It counts on an append that was refused: no decision may rest on it. */
  dropped: boolean;
  /** Characters of the largest of its events: about what the state takes. */
  weight: number;
}

const settled = { pending: 0, last: undefined, settled: undefined, dropped: false };

/** Characters of stored JSON that the states held may stand for: some 150 MB of memory, however large each is. */
const MOST_CHARACTERS = 32 * 1024 * 1024;

/**
 * A bounded cache of folded streams. Safe to be stale: the append names the revision it follows, those it looked at,
 * and those under way that it depends on, so a stale state costs a reload, never a wrong event.
 */
export class AggregateCache {
  // Two generations instead of a list of uses: a hit moves an entry to the young one, and the old one is dropped whole.
  private young = new Map<string, CachedAggregate>();
  private old = new Map<string, CachedAggregate>();
  private youngWeight = 0;
  private readonly loading = new Map<string, Promise<CachedAggregate>>();
  /** How often all were forgotten. */
  private cleared = 0;

  constructor(
    private readonly store: Pick<EventStore, 'readStream'>,
    private readonly catalogue: EventCatalogue,
    private readonly capacity = 100_000,
    private readonly characters = MOST_CHARACTERS,
  ) {}

  /** The state of a stream if it is held. */
  peek(stream: string): CachedAggregate | undefined {
    const found = this.young.get(stream);
    if (found) return found;
    const aged = this.old.get(stream);
    if (aged) this.hold(aged);
    return aged;
  }

  /** The state of a stream, read from the store when it is not held. */
  load(on: Aggregate, stream: string): Promise<CachedAggregate> {
    let loading = this.loading.get(stream);
    if (!loading) {
      loading = this.read(on, stream).finally(() => this.loading.delete(stream));
      this.loading.set(stream, loading);
    }
    return loading;
  }

  /** The state of a stream that is taken to be new, without a look: the append finds out if it is not. */
  fresh(on: Aggregate, stream: string): CachedAggregate {
    const begun = { dates: new Chronology(), revision: -1, subject: undefined, weight: 0 };
    const entry: CachedAggregate = { stream, state: on.initial, ...begun, ...settled };
    this.hold(entry);
    return entry;
  }

  /** Takes note that a state has grown by an event. */
  weigh(entry: CachedAggregate, event: { data: string; sealed: string | null }): void {
    const more = charactersOf(event) - entry.weight;
    if (more <= 0) return;
    entry.weight += more;
    if (this.young.get(entry.stream) === entry) this.youngWeight += more;
  }

  /** Forgets a state that did not come to be. */
  drop(entry: CachedAggregate): void {
    entry.dropped = true;
    if (this.young.get(entry.stream) === entry) {
      this.young.delete(entry.stream);
      this.youngWeight -= entry.weight;
    }
    if (this.old.get(entry.stream) === entry) this.old.delete(entry.stream);
  }

  /** Forgets all states: the log has lost events that they may count on. */
  clear(): void {
    this.cleared++;
    for (const entries of [this.young, this.old]) {
      for (const entry of entries.values()) entry.dropped = true;
      entries.clear();
    }
    this.youngWeight = 0;
  }

  private hold(entry: CachedAggregate): void {
    if (this.young.size >= this.capacity / 2 || this.youngWeight >= this.characters / 2) {
      this.old = this.young;
      this.young = new Map();
      this.youngWeight = 0;
    }
    this.youngWeight += entry.weight - (this.young.get(entry.stream)?.weight ?? 0);
    this.young.set(entry.stream, entry);
  }

  private async read(on: Aggregate, stream: string): Promise<CachedAggregate> {
    const { cleared } = this;
    let state = on.initial;
    const dates = new Chronology();
    let revision = -1;
    let subject: string | undefined;
    let weight = 0;
    for (;;) {
      const page = await this.store.readStream(stream, { fromRevision: revision + 1, limit: 1000 });
      for (const stored of page) {
        const event = this.catalogue.decode(stored);
        dates.note(on.dating(state, event), stored.occurredAt.getTime());
        state = on.evolve(state, event);
        ({ revision, subject } = stored);
        weight = Math.max(weight, charactersOf(stored));
      }
      if (page.length < 1000 && !page.cut) break;
    }
    // Some of what was read may be lost by now.
    if (this.cleared !== cleared) return this.read(on, stream);
    // Somebody may have put the stream there meanwhile, and decided on it: theirs is the one to go on with.
    const held = this.peek(stream);
    if (held && held.revision >= revision) return held;
    const entry: CachedAggregate = { stream, state, dates, revision, subject, weight, ...settled };
    this.hold(entry);
    return entry;
  }
}
