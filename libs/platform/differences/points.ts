import type { EventStore } from '#platform/event-store/event-store.js';
import { Instant } from '#platform/kernel/calendar.js';
import { InvalidInput, NotFound } from '#platform/kernel/errors.js';
import { Position } from '#platform/kernel/position.js';
import type { Point } from '#platform/projections/as-of/point.js';

/** The point that a parameter names. @throws InvalidInput naming it, NotFound */
export type PointOf = (text: string, parameter: string) => Promise<Point>;

export interface PointsSource {
  readonly store: Pick<EventStore, 'head' | 'positionAt' | 'readAll' | 'identity'>;
  /** Of the bus: how subjects are divided. */
  readonly partitions: number;
  readonly now: Date;
  /** Only events up to there count; absent: all there are. */
  readonly through?: bigint | undefined;
}

/** Points by position, or by when it was recorded. What lies ahead is refused: an answer now would be another one later. */
export const pointsIn =
  ({ store, partitions, now, through: most }: PointsSource): PointOf =>
  async (text, parameter) => {
    const head = await store.head();
    const last = most === undefined || most > head.position ? head.position : most;
    if (Position.safeParse(text).success) {
      const position = BigInt(text);
      if (position > last) throw new NotFound(`there is no position ${position}: the last is ${last}`);
      return pointAt(store, partitions, position);
    }
    const pointer = `/${parameter}`;
    const instant = Instant.safeParse(text);
    if (!instant.success) throw new InvalidInput([{ pointer, message: 'is neither a position nor an instant' }]);
    // The log's clock may be a little ahead of this one, and its times are asked for.
    const latest = Math.max(now.getTime(), head.recordedAt?.getTime() ?? 0);
    if (Date.parse(instant.data) > latest) {
      throw new InvalidInput([{ pointer, message: `is ahead of the clock: it is ${new Date(latest).toISOString()}` }]);
    }
    const position = await store.positionAt(new Date(instant.data));
    return { ...(await pointAt(store, partitions, position < last ? position : last)), now: new Date(instant.data) };
  };

/** The point at which every event up to a position counts, and no later one. */
export async function pointAt(store: PointsSource['store'], partitions: number, position: bigint): Promise<Point> {
  const [event] = position > 0n ? await store.readAll({ after: position - 1n, through: position, limit: 1 }) : [];
  const { id, current } = store.identity;
  return {
    log: { id, incarnation: current.number },
    partitions,
    // Before the first event nothing was, whatever the time.
    now: event?.recordedAt ?? new Date(0),
    through: position,
    vectors: new Map(),
  };
}
