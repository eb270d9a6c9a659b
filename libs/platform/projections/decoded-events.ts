import type { RecordedEvent, StoredEvent } from '#platform/kernel/envelope.js';
import type { EventCatalogue } from '#platform/kernel/event-catalogue.js';

/** Decodes each event once for all projections of a process. */
export class DecodedEvents {
  private readonly decoded = new WeakMap<StoredEvent, RecordedEvent>();

  constructor(private readonly catalogue: EventCatalogue) {}

  /** @throws UnknownEventError, SyntaxError and whatever an upcast throws */
  of(stored: StoredEvent): RecordedEvent {
    let event = this.decoded.get(stored);
    if (!event) {
      event = this.catalogue.decode(stored);
      this.decoded.set(stored, event);
    }
    return event;
  }
}
