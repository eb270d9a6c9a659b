import { PositionLost } from '#platform/kernel/errors.js';
import type { EventStore } from '#platform/event-store/event-store.js';
import { RecordingTimes, type Freshness } from '#platform/projections/queries/freshness.js';

/**
 * Freshness of queries that read no projection, which is the log's own head; of the others, what the projections'
 * runtime says.
 */
export class StoreFreshness implements Freshness {
  private readonly times: Pick<Freshness, 'recordedAt'>;

  constructor(
    private readonly store: Pick<EventStore, 'head' | 'readAll' | 'identity'>,
    private readonly projections?: Freshness,
  ) {
    this.times = projections ?? new RecordingTimes(store);
  }

  async current(projections: readonly string[]): Promise<bigint> {
    if (this.projections && projections.length > 0) return this.projections.current(projections);
    return (await this.store.head()).position;
  }

  async waitFor(position: bigint, projections: readonly string[], timeoutMs: number): Promise<bigint | undefined> {
    if (this.projections && projections.length > 0) return this.projections.waitFor(position, projections, timeoutMs);
    if (this.store.identity.isLost(position)) throw new PositionLost(position);
    // What was answered with a position is in the log: a later one than the head is nobody's write yet.
    const head = (await this.store.head()).position;
    return head >= position ? head : undefined;
  }

  async measure(): ReturnType<Freshness['measure']> {
    if (!this.projections) throw new Error('there are no projections here to be measured');
    return this.projections.measure();
  }

  recordedAt(position: bigint): Promise<Date | null> {
    return this.times.recordedAt(position);
  }
}
