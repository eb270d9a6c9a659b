import type { RecordedEvent, StoredEvent } from '#platform/kernel/envelope.js';
import { UnknownEventError, type EventCatalogue } from '#platform/kernel/event-catalogue.js';

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

  /** The same; undefined for an event of a type or version that this code does not know. */
  known(stored: StoredEvent): RecordedEvent | undefined {
    try {
      return this.of(stored);
    } catch (error) {
      if (error instanceof UnknownEventError) return undefined;
      throw error;
    }
  }

  /** Whether this code knows a type of event in a version. */
  knows(type: string, version: number): boolean {
    return version <= (this.catalogue.get(type)?.version ?? 0);
  }

  /** Lets decoded events go at once, where nobody else will ask: they then die young, which costs nothing. */
  forget(events: readonly StoredEvent[]): void {
    for (const event of events) (event as StoredEvent & Record<symbol, unknown>)[this.slot] = undefined;
  }
}

/** What can be told of an event whose data this code cannot read. */
export function envelopeOf(stored: StoredEvent): RecordedEvent<Record<string, never>> {
  const { id, stream, revision, position, type, schemaVersion } = stored;
  const { occurredAt, recordedAt, subject, commandId, meta } = stored;
  return {
    ...{ id, stream, revision, position, type, schemaVersion },
    ...{ occurredAt, recordedAt, subject, commandId, meta, data: {} },
  };
}
