import type { EventStore } from '#platform/event-store/event-store.js';
import type { StoredEvent } from '#platform/kernel/envelope.js';
import { FeedEvent } from './feed-event.js';

export interface FeedTailOptions {
  /** Events that are kept for those who are a little behind. */
  readonly mostEvents?: number;
  /** Characters of those. */
  readonly mostCharacters?: number;
  /** How long it goes on reading when nobody waits. */
  readonly idleMs?: number;
}

/** The newest events, without a gap: those after `from`, up to `to`. */
export interface TailSpan {
  readonly events: readonly FeedEvent[];
  readonly to: bigint;
}

interface Waiting {
  readonly isWanted: (event: FeedEvent) => boolean;
  /** @param through up to here nothing came that is wanted */
  readonly wake: (through?: bigint) => void;
}

/**
 * The end of the log, read once for all who wait there: it reads on while somebody waits, wakes them when events have
 * come, and keeps the last ones for them. A thousand waiters cost the database what one does.
 */
export class FeedTail {
  private readonly waiting = new Set<Waiting>();
  private events: FeedEvent[] = [];
  private characters = 0;
  private from = 0n;
  private to = 0n;
  private users = 0;
  private running: Promise<void> | undefined;
  private stop: AbortController | undefined;
  private idle: NodeJS.Timeout | undefined;
  private failure: unknown;
  private closed = false;
  private readonly options: Required<FeedTailOptions>;

  constructor(
    private readonly store: Pick<EventStore, 'identity' | 'onIncarnation' | 'head' | 'subscribeAll'>,
    options: FeedTailOptions = {},
  ) {
    this.options = { mostEvents: 2_000, mostCharacters: 4 * 1024 * 1024, idleMs: 10_000, ...options };
  }

  /** Reads from now on, at least until what is returned is called; resolves when it does. */
  async use(): Promise<() => void> {
    this.users++;
    clearTimeout(this.idle);
    let used = true;
    const release = (): void => {
      if (!used) return;
      used = false;
      if (--this.users === 0) this.idle = setTimeout(() => this.halt(), this.options.idleMs).unref();
    };
    try {
      await this.started();
    } catch (error) {
      release();
      throw error;
    }
    return release;
  }

  /** What has come after a position; undefined where it is not known here. */
  since(position: bigint): TailSpan | undefined {
    if (!this.running || position < this.from || position > this.to) return undefined;
    let [low, high] = [0, this.events.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.events[middle]!.position <= position) low = middle + 1;
      else high = middle;
    }
    return { events: low === 0 ? this.events : this.events.slice(low), to: this.to };
  }

  /**
   * Resolves when there is something that is wanted after a position, when what was read is forgotten, after a while,
   * or when the signal aborts. Rejects when the log cannot be read on.
   * @returns the position through which nothing came that is wanted
   */
  async next(
    position: bigint,
    isWanted: (event: FeedEvent) => boolean,
    ms: number,
    signal: AbortSignal,
  ): Promise<bigint> {
    await this.started();
    if (this.to > position || signal.aborted || this.closed) return position;
    const passed = await new Promise<bigint>((resolve) => {
      const wake = (through = position): void => {
        clearTimeout(timer);
        this.waiting.delete(waiting);
        signal.removeEventListener('abort', aborted);
        // The log may have been looked at a moment before the tail came so far.
        resolve(through > position ? through : position);
      };
      const aborted = (): void => wake();
      const timer = setTimeout(() => wake(this.to), ms);
      const waiting = { isWanted, wake };
      this.waiting.add(waiting);
      signal.addEventListener('abort', aborted, { once: true });
    });
    if (this.failure !== undefined) throw this.failure;
    return passed;
  }

  /** Stops for good. */
  close(): void {
    this.closed = true;
    this.halt();
  }

  /** Stops reading, and wakes who waits. */
  halt(): void {
    clearTimeout(this.idle);
    this.stop?.abort();
    this.stop = undefined;
    this.running = undefined;
    this.events = [];
    this.characters = 0;
    this.wakeAll();
  }

  private async started(): Promise<void> {
    if (this.closed) return;
    await (this.running ??= this.start());
  }

  private async start(): Promise<void> {
    const stop = (this.stop = new AbortController());
    this.failure = undefined;
    // What was read may be lost: all begins anew, and those who wait find out where they are.
    const forget = this.store.onIncarnation(() => this.halt());
    stop.signal.addEventListener('abort', forget, { once: true });
    try {
      const { position } = await this.store.head();
      if (stop.signal.aborted) return;
      this.from = this.to = position;
    } catch (error) {
      if (this.stop === stop) this.halt();
      throw error;
    }
    void this.read(stop.signal);
  }

  private async read(signal: AbortSignal): Promise<void> {
    try {
      for await (const page of this.store.subscribeAll(this.to, { signal, limit: 500 })) {
        if (signal.aborted) return;
        this.add(page);
      }
    } catch (error) {
      if (signal.aborted) return;
      this.failure = error;
      this.halt();
    }
  }

  private add(page: readonly StoredEvent[]): void {
    const { identity } = this.store;
    const before = this.to;
    const come = page.map((stored) => new FeedEvent(stored, identity));
    for (const event of come) {
      this.events.push(event);
      this.characters += event.characters;
      this.to = event.position;
    }
    const { mostEvents, mostCharacters } = this.options;
    let gone = 0;
    while (gone < this.events.length && (this.events.length - gone > mostEvents || this.characters > mostCharacters)) {
      const event = this.events[gone++]!;
      this.characters -= event.characters;
      this.from = event.position;
    }
    // A list of its own, as others may be going through the one of before.
    if (gone > 0) this.events = this.events.slice(gone);
    // Who wants nothing of it sleeps on: a thousand who wait for something rare are not woken by each commit.
    for (const { isWanted, wake } of [...this.waiting]) if (come.some(isWanted)) wake(before);
  }

  private wakeAll(): void {
    for (const { wake } of [...this.waiting]) wake();
  }
}
