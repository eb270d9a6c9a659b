import type { RecordedEvent, StoredEvent } from '#platform/kernel/envelope.js';
import type { EventCodec } from '#platform/kernel/event-codec.js';
import { UnknownEventError } from '#platform/kernel/event-catalogue.js';

/**
 * Decodes each event once for all projections of a process. The decoded event is kept on the stored one: a WeakMap
 * of as many entries cost the garbage collector more than the decoding.
 */
export class DecodedEvents {
  private readonly slot = Symbol('decoded');

  constructor(private readonly codec: EventCodec) {}

  /**
   * Fetches what decoding these events takes, for all of them at once.
   * @returns undefined where all of it is at hand
   */
  prepare(events: readonly StoredEvent[]): Promise<void> | undefined {
    return this.codec.prepare(subjectsOf(events));
  }

  /** Of prepared events. @throws UnknownEventError, SyntaxError and whatever an upcast throws */
  of(stored: StoredEvent): RecordedEvent {
    const holder = stored as StoredEvent & Record<symbol, RecordedEvent | undefined>;
    return (holder[this.slot] ??= this.codec.decode(stored));
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
    return this.codec.knows(type, version);
  }

  /** Lets decoded events go at once, where nobody else will ask: they then die young, which costs nothing. */
  forget(events: readonly StoredEvent[]): void {
    for (const event of events) (event as StoredEvent & Record<symbol, unknown>)[this.slot] = undefined;
  }
}

function* subjectsOf(events: readonly StoredEvent[]): Iterable<string> {
  let last: string | undefined;
  for (const { subject } of events) if (subject !== last) yield (last = subject);
}

/** What can be told of an event whose data this code cannot read. */
export function envelopeOf(stored: StoredEvent): RecordedEvent<Record<string, never>> {
  const { id, aggregate, aggregateId, revision, position, type, schemaVersion } = stored;
  const { occurredAt, recordedAt, subject, commandId, meta } = stored;
  return {
    id,
    aggregate,
    aggregateId,
    revision,
    position,
    type,
    schemaVersion,
    occurredAt,
    recordedAt,
    subject,
    commandId,
    meta,
    data: {},
  };
}
