import type { Delivery } from '../event-bus.js';
import type { Batch, PartitionedEvent } from './log-reading.js';

/** What of some deliveries follows a consumer's checkpoints, and what is missing before the rest. */
export interface Plan {
  readonly batch: Batch;
  /** Partitions in which something is missing, and how far the store must be read for them. */
  readonly gaps: ReadonlyMap<number, bigint>;
}

export interface PlanOptions {
  readonly checkpoints: ReadonlyMap<number, bigint>;
  /** Where partitions wait for newer code. */
  readonly pauses: { at(partition: number): bigint | undefined };
  /** Up to where the bus has handed over everything before these deliveries, by partition. */
  readonly handed: ReadonlyMap<number, bigint>;
  /** Whether the log has lost the event of a position. */
  readonly isLost: (position: bigint) => boolean;
}

/** What of these deliveries follows the checkpoints, and what is missing. Partitions that are paused are left out. */
export function planOf(deliveries: readonly Delivery[], options: PlanOptions): Plan {
  const { checkpoints, pauses, isLost } = options;
  const events: PartitionedEvent[] = [];
  const advance = new Map<number, bigint>();
  const gaps = new Map<number, bigint>();
  const handed = new Map<number, bigint>();
  const reached = (partition: number): bigint => {
    const position = advance.get(partition) ?? checkpoints.get(partition);
    if (position === undefined) throw new Error(`there is no partition ${partition}`);
    return position;
  };
  for (const delivery of deliveries) {
    const seen = new Set<number>();
    for (const { partition, event, previous } of delivery.messages) {
      if (pauses.at(partition) !== undefined) continue;
      const { position } = event;
      const gap = gaps.get(partition);
      if (gap !== undefined) {
        if (position > gap) gaps.set(partition, position);
        continue;
      }
      const at = reached(partition);
      if (isLost(position)) continue;
      if (position <= at) seen.add(partition);
      else if (previous <= at) {
        seen.add(partition);
        events.push({ partition, event });
        advance.set(partition, position);
      } else gaps.set(partition, position);
    }
    const { through } = delivery;
    if (through === undefined) continue;
    for (const partition of delivery.partitions) {
      // A partition without a message may follow only if all that came before this delivery is held: after a
      // swap to a build that is behind, it is not.
      const before = handed.get(partition) ?? options.handed.get(partition);
      handed.set(partition, through);
      if (pauses.at(partition) !== undefined) continue;
      const at = reached(partition);
      if (at >= through) continue;
      if (gaps.has(partition) || !(seen.has(partition) || (before !== undefined && at >= before))) {
        const gap = gaps.get(partition) ?? 0n;
        gaps.set(partition, through > gap ? through : gap);
      } else advance.set(partition, through);
    }
  }
  return { batch: { events, advance }, gaps };
}
