import type { EventStore } from '#platform/event-store/event-store.js';
import type { StoredEvent } from '#platform/kernel/envelope.js';
import { partitionOf } from '../event-bus.js';

/** The log, and how the bus divides it. */
export interface Log {
  readonly store: Pick<EventStore, 'readAll' | 'readSubjects' | 'head' | 'identity' | 'refreshIdentity'>;
  readonly partitions: number;
}

/** Events in one read, and so many that one who is behind by them is level with the others. */
export const PAGE = 1_000;

/** One event and the bus partition that its subject falls in. */
export interface PartitionedEvent {
  readonly partition: number;
  readonly event: StoredEvent;
}

/** What is to be applied: events in order within each partition, and how far the partitions then are. */
export interface Batch {
  readonly events: readonly PartitionedEvent[];
  readonly advance: ReadonlyMap<number, bigint>;
}

/** The events above their partition's position and not above its target. */
export function select(
  page: readonly StoredEvent[],
  from: ReadonlyMap<number, bigint>,
  targets: ReadonlyMap<number, bigint>,
  partitions: number,
): PartitionedEvent[] {
  const selected: PartitionedEvent[] = [];
  for (const event of page) {
    const partition = partitionOf(event.subject, partitions);
    const target = targets.get(partition);
    if (target === undefined || event.position > target || event.position <= from.get(partition)!) continue;
    selected.push({ partition, event });
  }
  return selected;
}

export const max = (positions: Iterable<bigint>): bigint => {
  let most = 0n;
  for (const position of positions) if (position > most) most = position;
  return most;
};

/** The least of these; 0 when there are none. */
export const min = (positions: Iterable<bigint>): bigint => {
  let least: bigint | undefined;
  for (const position of positions) if (least === undefined || position < least) least = position;
  return least ?? 0n;
};
