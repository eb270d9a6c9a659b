import { partitionOf } from '#platform/event-bus/event-bus.js';
import type { StoredEvent } from '#platform/kernel/envelope.js';
import { throughOf, type Point } from '#platform/projections/as-of/point.js';

/** Whether every event that counts at one point counts at the other, too. */
export function isWithin(earlier: Point, later: Point, projections: readonly string[]): boolean {
  return (
    earlier.through <= later.through &&
    everyPartition(later, (partition) =>
      projections.every((name) => throughOf(earlier, name, partition) <= throughOf(later, name, partition)),
    )
  );
}

/**
 * The point between two others at which, of the events that count at the later and not at the earlier one, those up to an
 * event count. *Now* is when it was recorded.
 */
export function pointBetween(
  from: Point,
  to: Point,
  projections: readonly string[],
  { position, recordedAt }: Pick<StoredEvent, 'position' | 'recordedAt'>,
): Point {
  const within = (least: bigint, most: bigint): bigint =>
    position < least ? least : position > most ? most : position;
  const vectors = new Map(
    projections.map((name) => [
      name,
      partitions(to).map((partition) => within(throughOf(from, name, partition), throughOf(to, name, partition))),
    ]),
  );
  const now = recordedAt > from.now ? recordedAt : from.now;
  return { ...to, now: now < to.now ? now : to.now, through: within(from.through, to.through), vectors };
}

/** Whether an event counts in one of these projections at the later point, and not at the earlier one. */
export function isBetween(
  from: Point,
  to: Point,
  projections: readonly string[],
  { subject, position }: Pick<StoredEvent, 'subject' | 'position'>,
): boolean {
  const partition = partitionOf(subject, to.partitions);
  return projections.some(
    (name) => position > throughOf(from, name, partition) && position <= throughOf(to, name, partition),
  );
}

/** The position after which the first event between two points may stand. */
export function leastOf(point: Point, projections: readonly string[]): bigint {
  let least = point.through;
  for (const partition of partitions(point)) {
    for (const name of projections) {
      const position = throughOf(point, name, partition);
      if (position < least) least = position;
    }
  }
  return least;
}

const partitions = (point: Point): number[] => Array.from({ length: point.partitions }, (_, at) => at);

const everyPartition = (point: Point, holds: (partition: number) => boolean): boolean => partitions(point).every(holds);
