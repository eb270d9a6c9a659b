import type { EventStore } from '#platform/event-store/event-store.js';
import type { Freshness, Reached } from '#platform/projections/freshness.js';

/**
 * Freshness of queries that read no projection, which is the log's own head; of the others, what the projections'
 * runtime says.
 */
export class StoreFreshness implements Freshness {
  constructor(
    private readonly store: Pick<EventStore, 'head'>,
    private readonly projections?: Freshness,
  ) {}

  current(projections: readonly string[]): Promise<Reached> {
    return this.projections && projections.length > 0 ? this.projections.current(projections) : this.store.head();
  }

  async waitFor(position: bigint, projections: readonly string[], timeoutMs: number): Promise<boolean> {
    if (this.projections && projections.length > 0) return this.projections.waitFor(position, projections, timeoutMs);
    // What was answered with a position is in the log: a later one than the head is nobody's write yet.
    return (await this.store.head()).position >= position;
  }
}
