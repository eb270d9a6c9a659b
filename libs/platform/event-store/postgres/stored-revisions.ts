import { StreamMap } from '#platform/kernel/stream-map.js';
import type { AppendRequest, StreamRevision } from '../event-store.js';

/**
 * The last revision of each stream that one connection is known to have stored or found. As long as the connection lives the
 * server has lost nothing that it confirmed there, so a revision up to that one needs no look-up: a fifth of what an
 * append costs the server. With the connection goes the knowledge, as what comes after may be an older backup.
 */
export class StoredRevisions {
  private readonly revisions = new StreamMap<number>();

  constructor(private readonly capacity = 100_000) {}

  has(aggregate: string, aggregateId: string, revision: number): boolean {
    return (this.revisions.get(aggregate, aggregateId) ?? -1) >= revision;
  }

  /** Takes note of what the server has confirmed. */
  add(requests: readonly AppendRequest[]): void {
    // Forgetting costs look-ups, nothing else.
    if (this.revisions.size > this.capacity) this.revisions.clear();
    for (const { events, readSet } of requests) {
      for (const event of events) this.note(event);
      if (readSet) for (const look of readSet) this.note(look);
    }
  }

  private note({ aggregate, aggregateId, revision }: StreamRevision): void {
    if (!this.has(aggregate, aggregateId, revision)) this.revisions.set(aggregate, aggregateId, revision);
  }
}
