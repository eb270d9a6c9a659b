import type { EventStore } from '#platform/event-store/event-store.js';
import type { StoredEvent } from '#platform/kernel/envelope.js';
import { charactersOf } from '#platform/kernel/sizes.js';
import { pause } from '../pause.js';

const PAGE = 1000;
/**
 * The shortest time between two readings at the log's end. What comes alone is sent at once; what comes thick and fast
 * goes in fewer sends, each of which costs Kafka and every reader a turn.
 */
const SPACING_MS = 4;

/** Reads the store while a send is under way, up to a bound. */
export class ReadAheadBuffer {
  private events: StoredEvent[] = [];
  private characters = 0;
  private wakeTaker = (): void => {};
  private wakeReader = (): void => {};
  private done = false;
  readonly ended: Promise<void>;

  constructor(
    store: EventStore,
    after: bigint,
    private readonly bound: { readonly events: number; readonly characters: number },
    private readonly signal: AbortSignal,
  ) {
    const wake = (): void => {
      this.wakeReader();
      this.wakeTaker();
    };
    this.signal.addEventListener('abort', wake, { once: true });
    this.ended = this.read(store, after).finally(() => {
      this.done = true;
      this.wakeTaker();
    });
    this.ended.catch(() => {});
  }

  private async read(store: EventStore, after: bigint): Promise<void> {
    for await (const page of store.subscribeAll(after, { signal: this.signal, limit: PAGE })) {
      for (const event of page) {
        this.events.push(event);
        this.characters += charactersOf(event);
      }
      this.wakeTaker();
      if (page.length < PAGE) await pause(SPACING_MS, this.signal);
      if (this.isFull && !this.signal.aborted) {
        await new Promise<void>((resolve) => (this.wakeReader = resolve));
      }
    }
  }

  private get isFull(): boolean {
    return this.events.length >= this.bound.events || this.characters >= this.bound.characters;
  }

  /**
   * At most so many events, and characters of theirs after the first, in order, waiting for the first; none when the
   * reading has ended.
   */
  async take(limit: number, characters: number): Promise<StoredEvent[]> {
    while (this.events.length === 0 && !this.done && !this.signal.aborted) {
      await new Promise<void>((resolve) => (this.wakeTaker = resolve));
    }
    if (this.signal.aborted) return [];
    let count = 0;
    let size = 0;
    for (const event of this.events) {
      const more = charactersOf(event);
      if (count > 0 && (count === limit || size + more > characters)) break;
      size += more;
      count++;
    }
    const taken = count === this.events.length ? this.events : this.events.slice(0, count);
    this.events = count === this.events.length ? [] : this.events.slice(count);
    this.characters -= size;
    if (!this.isFull) this.wakeReader();
    return taken;
  }
}
