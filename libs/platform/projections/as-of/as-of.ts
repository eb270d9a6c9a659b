import type { EventStore } from '#platform/event-store/event-store.js';
import { Instant } from '#platform/kernel/calendar.js';
import type { Clock } from '#platform/kernel/clock.js';
import { InvalidInput, PositionLost } from '#platform/kernel/errors.js';
import { Position } from '#platform/kernel/position.js';
import { SNAPSHOT_NAME } from '../snapshots/snapshot-name.js';
import type { Point } from './point.js';

/** What a token begins with: no position, instant or name of a snapshot does. */
export const TOKEN_PREFIX = 'at_';

/** Whether a text is meant as a token. */
export const isToken = (text: string): boolean => text.startsWith(TOKEN_PREFIX);

/** Points as texts that those keep who were answered. */
export interface PointTokens {
  seal(point: Point): Promise<string>;
  /** Undefined for a text that is no token that was given out. */
  open(token: string): Promise<Point | undefined>;
}

/** How `asOf` names a point: what is said of it in documents and refusals. */
export const AS_OF_FORMS =
  'a position, an instant (when it was recorded), the `asOf` of an answer, or the name of a snapshot';

export interface AsOfParts {
  readonly store: Pick<EventStore, 'head' | 'readAll' | 'positionAt' | 'identity'>;
  /** Absent: tokens are understood elsewhere only. */
  readonly tokens?: PointTokens;
  readonly clock: Clock;
  /** Of the bus: how subjects are divided. */
  readonly partitions: number;
  /** The point of a snapshot by its name. */
  readonly named?: (name: string) => Promise<Point | undefined>;
}

/** Points in the past, as those who ask name them. */
export class AsOf {
  constructor(private readonly parts: AsOfParts) {}

  /** The token by which an answer can be asked again. @throws Error where tokens are not understood */
  token(point: Point): Promise<string> {
    const { tokens } = this.parts;
    if (!tokens) throw new Error('no keys are here by which tokens are signed');
    return tokens.seal(point);
  }

  /** All there is in the log now. */
  async head(): Promise<Point> {
    const { position, recordedAt } = await this.parts.store.head();
    return { ...this.log, now: recordedAt ?? this.parts.clock.now(), through: position, vectors: new Map() };
  }

  /** What every point of this log has in common. */
  get log(): Pick<Point, 'log' | 'partitions'> {
    const { identity } = this.parts.store;
    return {
      log: { id: identity.id, incarnation: identity.current.number },
      partitions: this.parts.partitions,
    };
  }

  /**
   * The point that a text names.
   * @param parameter by which it was given, for the refusal
   * @throws InvalidInput naming the parameter; PositionLost where the log has lost what the point rests on
   */
  async point(text: string, parameter = 'asOf'): Promise<Point> {
    const refuse = (message: string): never => {
      throw new InvalidInput([{ pointer: `/${parameter}`, message }]);
    };
    if (/^\d+$/.test(text)) {
      const parsed = Position.safeParse(text);
      return parsed.success ? this.ofPosition(BigInt(text), refuse) : refuse(parsed.error.issues[0]!.message);
    }
    if (isToken(text)) {
      const { tokens } = this.parts;
      const point = tokens ? await tokens.open(text) : refuse('is a token, which only the API understands');
      return point ? this.ofThisLog(point, refuse) : refuse('is not a token that an answer had');
    }
    if (SNAPSHOT_NAME.test(text)) {
      const point = await this.parts.named?.(text);
      return point ? this.ofThisLog(point, refuse) : refuse('is not the name of a snapshot that is kept');
    }
    const instant = Instant.safeParse(text);
    return instant.success ? this.ofInstant(new Date(instant.data), refuse) : refuse(`is not ${AS_OF_FORMS}`);
  }

  private async ofPosition(position: bigint, refuse: (message: string) => never): Promise<Point> {
    const { store } = this.parts;
    if (store.identity.isLost(position)) throw new PositionLost(position);
    const { position: last } = await store.head();
    if (position > last) refuse(`is ahead of the log, whose last position is ${last}`);
    const [event] = position === 0n ? [] : await store.readAll({ after: position - 1n, through: position, limit: 1 });
    if (position > 0n && !event) refuse('is the position of no event');
    // Before the first event nothing was, whatever the time.
    const now = event?.recordedAt ?? new Date(0);
    return { ...this.log, now, through: position, vectors: new Map() };
  }

  private async ofInstant(instant: Date, refuse: (message: string) => never): Promise<Point> {
    const { store, clock } = this.parts;
    const head = await store.head();
    // The log's clock may be a little ahead of this one. What lies ahead of both would be answered otherwise later.
    const latest = Math.max(clock.now().getTime(), head.recordedAt?.getTime() ?? 0);
    if (instant.getTime() > latest) refuse(`is ahead of the clock: it is ${new Date(latest).toISOString()}`);
    const through = await store.positionAt(instant);
    return { ...this.log, now: instant, through, vectors: new Map() };
  }

  private ofThisLog(point: Point, refuse: (message: string) => never): Point {
    const { identity } = this.parts.store;
    if (point.log.id !== identity.id) refuse('is of another log');
    for (const position of [point.through, ...[...point.vectors.values()].flat()]) {
      // A checkpoint is that of an event, or one beyond which nothing had come: what counts is in which incarnation.
      if (identity.isLost(position, point.log.incarnation)) throw new PositionLost(position);
    }
    return point;
  }
}
