import type { StoredEvent } from '#platform/kernel/envelope.js';
import type { Batch } from './log-reading.js';

/** What handles events: a projection, a policy. `versions`: by type the newest version that its code knows. */
export interface Versioned {
  readonly name: string;
  readonly versions: ReadonlyMap<string, number>;
}

/** Whether it handles this event, in a newer version than its code knows. */
export function isNewer({ versions }: Versioned, { type, schemaVersion }: StoredEvent): boolean {
  const known = versions.get(type);
  return known !== undefined && schemaVersion > known;
}

/** It handles this event and knows its type only in an older version. */
export class NewerEvent extends Error {
  constructor({ name, versions }: Versioned, { type, schemaVersion, position }: StoredEvent) {
    super(
      `${name} waits at ${position} for newer code: ${type} is of version ${schemaVersion} there, ` +
        `and this code knows version ${versions.get(type)}`,
    );
    this.name = 'NewerEvent';
  }
}

/**
 * Where partitions wait for code that knows the next event. What comes behind in such a partition is
 * neither folded nor counted as seen.
 */
export class Pauses {
  private readonly byPartition = new Map<number, StoredEvent>();
  private untold = new Map<number, StoredEvent>();

  constructor(private readonly handler: Versioned) {}

  /** The position at which a partition waits; undefined where it does not. */
  at(partition: number): bigint | undefined {
    return this.byPartition.get(partition)?.position;
  }

  /** Of the partitions that wait, what the first one waits for. */
  get first(): NewerEvent | undefined {
    let least: StoredEvent | undefined;
    for (const event of this.byPartition.values()) if (!least || event.position < least.position) least = event;
    return least && new NewerEvent(this.handler, least);
  }

  /** Those that have come since the last call. */
  takeNew(): ReadonlyMap<number, StoredEvent> {
    const { untold } = this;
    if (untold.size > 0) this.untold = new Map();
    return untold;
  }

  clear(): void {
    this.byPartition.clear();
    this.untold.clear();
  }

  /** What of a batch comes before the events that wait. */
  admit(batch: Batch): Batch {
    for (const { partition, event } of batch.events) {
      if (!isNewer(this.handler, event) || this.byPartition.has(partition)) continue;
      this.byPartition.set(partition, event);
      this.untold.set(partition, event);
    }
    if (this.byPartition.size === 0) return batch;
    const before = (partition: number, position: bigint): boolean => position < (this.at(partition) ?? position + 1n);
    const advance = new Map<number, bigint>();
    for (const [partition, to] of batch.advance) {
      advance.set(partition, before(partition, to) ? to : this.at(partition)! - 1n);
    }
    return { events: batch.events.filter(({ partition, event }) => before(partition, event.position)), advance };
  }
}
