import type { EventStore } from '#platform/event-store/event-store.js';
import { Instant } from '#platform/kernel/calendar.js';
import type { Clock } from '#platform/kernel/clock.js';
import { InvalidInput, PositionLost } from '#platform/kernel/errors.js';
import { Position } from '#platform/kernel/position.js';
import type { Point } from './point.js';

/** The point that a text stands for. @throws InvalidInput with the pointer `/asOf`; PositionLost */
export type PointOfText = (text: string) => Promise<Point>;

/** Points of a log: a position, an instant at which it is recorded; without a text, the head. */
export class LogPoints {
  constructor(
    private readonly store: EventStore,
    private readonly partitions: number,
    private readonly clock: Clock,
  ) {}

  readonly of: PointOfText = async (text) => {
    if (Position.safeParse(text).success) return this.atPosition(BigInt(text));
    if (!Instant.safeParse(text).success) return refuse('is neither a position nor an instant with its offset');
    const now = new Date(text);
    if (now > this.clock.now()) return refuse('is in the future');
    return this.point(await this.store.positionAt(now), now);
  };

  /** All there is. */
  async head(): Promise<Point> {
    const { position, recordedAt } = await this.store.head();
    return this.point(position, recordedAt ?? this.clock.now());
  }

  private async atPosition(position: bigint): Promise<Point> {
    const { store } = this;
    if (store.identity.isLost(position)) throw new PositionLost(position);
    const { position: head } = await store.head();
    if (position > head) return refuse(`is beyond the end of the log, which is at ${head}`);
    const [event] = position > 0n ? await store.readAll({ after: position - 1n, through: position, limit: 1 }) : [];
    return event ? this.point(position, event.recordedAt) : refuse('is no position of an event');
  }

  private point(through: bigint, now: Date): Point {
    const { id, current } = this.store.identity;
    return { log: { id, incarnation: current.number }, partitions: this.partitions, now, through, vectors: new Map() };
  }
}

function refuse(message: string): never {
  throw new InvalidInput([{ pointer: '/asOf', message }]);
}
