import type { RecordedEvent, StoredEvent } from '#platform/kernel/envelope.js';
import type { EventCatalogue } from '#platform/kernel/event-catalogue.js';

/**
 * Decodes each event once for all projections of a process. The decoded event is kept on the stored one: a WeakMap
 * of as many entries cost the garbage collector more than the decoding.
 */
export class DecodedEvents {
  private readonly slot = Symbol('decoded');

  constructor(private readonly catalogue: EventCatalogue) {}

  /** @throws UnknownEventError, SyntaxError and whatever an upcast throws */
  of(stored: StoredEvent): RecordedEvent {
    const holder = stored as StoredEvent & Record<symbol, RecordedEvent | undefined>;
    return (holder[this.slot] ??= this.catalogue.decode(stored));
  }

  /** Lets decoded events go at once, where nobody else will ask: they then die young, which costs nothing. */
  forget(events: readonly StoredEvent[]): void {
    for (const event of events) (event as StoredEvent & Record<symbol, unknown>)[this.slot] = undefined;
  }
}
