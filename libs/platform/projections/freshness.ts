import type { EventStore } from '#platform/event-store/event-store.js';

/** What the HTTP shell asks of the projection runtime, so that a reader can see its own writes. */
export interface Freshness {
  /** The least that all of these projections have reached: every event up to there is in them. */
  current(projections: readonly string[]): Promise<bigint>;
  /** What they have reached as soon as it is at least `position`; undefined when it is not after `timeoutMs`. */
  waitFor(position: bigint, projections: readonly string[], timeoutMs: number): Promise<bigint | undefined>;
  /** When the event at a position was recorded; null at 0, before the first. */
  recordedAt(position: bigint): Promise<Date | null>;
}

/** Tells when an event was recorded; many ask for the same one. */
export function recordingTimes(store: Pick<EventStore, 'readAll'>): Freshness['recordedAt'] {
  let last = { position: 0n, recordedAt: null as Date | null };
  return async (position) => {
    if (last.position === position) return last.recordedAt;
    const [event] = await store.readAll({ after: position - 1n, through: position, limit: 1 });
    last = { position, recordedAt: event?.recordedAt ?? null };
    return event?.recordedAt ?? null;
  };
}
