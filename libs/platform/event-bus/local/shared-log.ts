import { setMaxListeners } from 'node:events';
import type { StoredEvent } from '#platform/kernel/envelope.js';
import { charactersOf } from '#platform/kernel/sizes.js';
import type { EventStore } from '#platform/event-store/event-store.js';
import type { LogIdentity } from '#platform/event-store/log-identity.js';
import { backoff } from '#platform/kernel/backoff.js';
import type { BusLog } from '../bus-log.js';
import { pause } from '../pause.js';

export interface SharedLogOptions {
  /** Events handed out at once at most. */
  pageSize: number;
  /** Events kept so that several readers at the head read and parse them once. */
  keep: number;
  /** Characters of them, and of the pages kept for readers further back; twice as many at most, and a page. */
  keepCharacters?: number;
}

/** A page read behind the latest events; kept for readers that come after. */
interface Page {
  after: bigint;
  last: bigint;
  events: readonly StoredEvent[];
  characters: number;
}

const KEPT_PAGES = 8;
const KEPT_CHARACTERS = 16 * 1024 * 1024;
/** Of the events handed out at once, after the first. */
const PAGE_CHARACTERS = 8 * 1024 * 1024;

/**
 * The log for many readers in one process. One subscription follows the store and keeps the latest events; readers
 * further back share the pages that they read. Three projections thus cost one read, not three.
 */
export class SharedLog {
  /** The latest events without a hole, from after `recentAfter` on. */
  private recent: StoredEvent[] = [];
  private recentCharacters = 0;
  private recentAfter = -1n;
  private recentLast = -1n;
  private pages: Page[] = [];
  private readonly reads = new Map<bigint, Promise<Page>>();
  private readonly waiting = new Set<() => void>();
  private readonly stop = new AbortController();
  private readonly unwatch: () => void;
  private following: Promise<void> | undefined;

  constructor(
    private readonly store: EventStore,
    private readonly options: SharedLogOptions,
    private readonly log: BusLog,
  ) {
    this.unwatch = store.onIncarnation(this.letGo);
  }

  /** Lets go of what the log has lost; the follower goes on behind it. */
  private readonly letGo = (identity: LogIdentity): void => {
    this.recent = this.recent.filter(({ position }) => !identity.isLost(position));
    this.recentCharacters = sizeOf(this.recent);
    this.pages = [];
    this.reads.clear();
  };

  /** The events that follow a position, at least one; waits for an append. Empty only when the signal aborts. */
  async read(after: bigint, signal: AbortSignal): Promise<readonly StoredEvent[]> {
    this.following ??= this.follow();
    while (!signal.aborted) {
      if (this.recentAfter >= 0n) {
        if (after >= this.recentAfter) {
          const from = this.indexAfter(after);
          if (from < this.recent.length) return this.recentFrom(from);
          await this.nextAppend(signal);
          continue;
        }
      }
      const page = await this.past(after);
      if (page.events.length > 0)
        return page.after === after ? page.events : page.events.filter((e) => e.position > after);
      // The follower may have found the head, and notified, after this page was read and before it came.
      if (this.recentLast <= after) await this.nextAppend(signal);
    }
    return [];
  }

  /** Reads on while a delivery is under way; what it finds waits in the kept pages. */
  readAhead(after: bigint): void {
    if (this.recentAfter >= 0n && after < this.recentAfter) this.past(after).catch(() => {});
  }

  async close(): Promise<void> {
    this.stop.abort();
    this.unwatch();
    this.notify();
    await this.following;
  }

  private past(after: bigint): Promise<Page> {
    const kept = this.pages.find((page) => page.after <= after && after < page.last);
    if (kept) return Promise.resolve(kept);
    const underWay = this.reads.get(after);
    if (underWay) return underWay;
    const read = this.store.readAll({ after, limit: this.options.pageSize }).then((events): Page => {
      const page = { after, last: events.at(-1)?.position ?? after, events, characters: sizeOf(events) };
      // One that was asked for before an incarnation began may hold what is lost since.
      if (events.length > 0 && this.reads.get(after) === read) this.keepPage(page);
      return page;
    });
    this.reads.set(after, read);
    const forget = (): void => {
      if (this.reads.get(after) === read) this.reads.delete(after);
    };
    read.then(forget, forget);
    return read;
  }

  /** Follows the store from its head of now; what is before, readers fetch by themselves. */
  private async follow(): Promise<void> {
    const { signal } = this.stop;
    // Each wait on the store listens to it for a moment; that is no leak.
    setMaxListeners(0, signal);
    for (let failures = 0; !signal.aborted;) {
      try {
        if (this.recentAfter < 0n) {
          const { position } = await this.store.head();
          this.recentAfter = this.recentLast = position;
          this.notify();
        }
        for await (const page of this.store.subscribeAll(this.recentLast, { signal, limit: this.options.pageSize })) {
          failures = 0;
          this.keep(page);
          this.notify();
        }
      } catch (error) {
        this.log.warn('local bus: the store cannot be followed, trying again', error);
        await pause(backoff(++failures), signal);
      }
    }
  }

  private keep(page: readonly StoredEvent[]): void {
    if (page.length === 0) return;
    for (const event of page) this.recent.push(event);
    this.recentCharacters += sizeOf(page);
    this.recentLast = page.at(-1)!.position;
    const { keep } = this.options;
    // Trimmed by halves, so that the cost of moving the array is shared by many events.
    if (this.recent.length <= keep * 2 && this.recentCharacters <= this.keptCharacters * 2) return;
    let drop = Math.max(0, this.recent.length - keep);
    let left = this.recentCharacters - sizeOf(this.recent.slice(0, drop));
    // The last stays, however large: it is the newest.
    for (; left > this.keptCharacters && drop < this.recent.length - 1; drop++)
      left -= charactersOf(this.recent[drop]!);
    if (drop === 0) return;
    const dropped = this.recent.splice(0, drop);
    this.recentCharacters = left;
    this.recentAfter = dropped.at(-1)!.position;
  }

  private get keptCharacters(): number {
    return this.options.keepCharacters ?? KEPT_CHARACTERS;
  }

  /** Of the latest events those from an index on, as many as are handed out at once. */
  private recentFrom(from: number): StoredEvent[] {
    const end = Math.min(this.recent.length, from + this.options.pageSize);
    const most = Math.min(PAGE_CHARACTERS, this.keptCharacters);
    let to = from;
    for (let size = 0; to < end; to++) {
      size += charactersOf(this.recent[to]!);
      if (size > most && to > from) break;
    }
    return this.recent.slice(from, to);
  }

  private keepPage(page: Page): void {
    const pages = [...this.pages.slice(1 - KEPT_PAGES), page];
    let size = pages.reduce((sum, { characters }) => sum + characters, 0);
    while (size > this.keptCharacters && pages.length > 1) size -= pages.shift()!.characters;
    this.pages = pages;
  }

  private indexAfter(after: bigint): number {
    let low = 0;
    let high = this.recent.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.recent[middle]!.position <= after) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  private nextAppend(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        this.waiting.delete(done);
        signal.removeEventListener('abort', done);
        resolve();
      };
      this.waiting.add(done);
      signal.addEventListener('abort', done, { once: true });
      if (signal.aborted) done();
    });
  }

  private notify(): void {
    for (const wake of this.waiting) wake();
  }
}

function sizeOf(events: readonly StoredEvent[]): number {
  let size = 0;
  for (const event of events) size += charactersOf(event);
  return size;
}
