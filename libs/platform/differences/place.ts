import type { EventStore } from '#platform/event-store/event-store.js';
import { Instant } from '#platform/kernel/calendar.js';
import { InvalidInput, NotFound } from '#platform/kernel/errors.js';
import { Position } from '#platform/kernel/position.js';

/** What is asked about a place in the log that a request names. */
export interface AskedPlace {
  readonly text: string;
  /** JSON pointer of the parameter that names it. */
  readonly pointer: string;
  readonly now: Date;
  /** Only events up to there count; absent: all there are. */
  readonly through?: bigint | undefined;
}

/** The position that a text means: every event up to there counts. @throws InvalidInput, NotFound */
export type PlaceOf = (asked: AskedPlace) => Promise<bigint>;

/**
 * Places by position, or by when it was recorded. What lies ahead is refused: an answer now would be another one later.
 */
export const placesIn =
  (store: Pick<EventStore, 'head' | 'positionAt'>): PlaceOf =>
  async ({ text, pointer, now, through }) => {
    const head = await store.head();
    const last = through === undefined || through > head.position ? head.position : through;
    if (Position.safeParse(text).success) {
      const position = BigInt(text);
      if (position > last) throw new NotFound(`there is no position ${position}: the last is ${last}`);
      return position;
    }
    const instant = Instant.safeParse(text);
    if (!instant.success) throw new InvalidInput([{ pointer, message: 'is neither a position nor an instant' }]);
    // The log's clock may be a little ahead of this one, and its times are asked for.
    const latest = Math.max(now.getTime(), head.recordedAt?.getTime() ?? 0);
    if (Date.parse(instant.data) > latest) {
      throw new InvalidInput([{ pointer, message: `is ahead of the clock: it is ${new Date(latest).toISOString()}` }]);
    }
    const position = await store.positionAt(new Date(instant.data));
    return position < last ? position : last;
  };
