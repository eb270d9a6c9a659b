import { setTimeout as sleep } from 'node:timers/promises';
import { PositionLost } from '#platform/kernel/errors.js';
import type { Delivery, Published } from '#platform/event-bus/event-bus.js';
import type { Checkpoints } from '../definition/query.js';
import { RecordingTimes, type Freshness } from '../queries/freshness.js';
import { reached, readProjectionStatus, type ProjectionStatus, type StatusSource } from './projection-status.js';

const FRESH_MS = 3;
const POLL_MS = 10;

interface Waiter {
  readonly position: bigint;
  readonly projections: readonly string[];
  readonly resolve: (reached: bigint | undefined) => void;
}

/** One look at the checkpoints. */
interface Look {
  readonly projectionStatus: Promise<ProjectionStatus>;
  /** When it was answered; undefined while it is under way. */
  readAt: number | undefined;
}

export interface ProgressOptions extends StatusSource {
  /** What this process itself has written. */
  readonly written?: () => Iterable<Written>;
}

/** A live build as its writer in this process knows it. */
export interface Written {
  readonly name: string;
  /** By partition, those of other processes too: at or below where they are. */
  readonly checkpoints: ReadonlyMap<number, bigint>;
  /** It reads all partitions itself. */
  readonly alone: boolean;
}

/**
 * How far the read models are, over all processes. Who waits is told by the writers of this process and by what the
 * bus's messages say of each other; the database is asked, by one poller for all, where those cannot know.
 */
export class Progress implements Freshness {
  private last: Look | undefined;
  private readonly waiters = new Set<Waiter>();
  private polling = false;
  private latestPublished: Published | undefined;
  private readonly times: RecordingTimes;

  constructor(private readonly options: ProgressOptions) {
    this.times = new RecordingTimes(options.store);
  }

  /**
   * Where live builds stand now, at most a few milliseconds old when it is asked for. One look at a time: a database that
   * says nothing would else have all connections taken up by looks.
   */
  projectionStatus(): Promise<ProjectionStatus> {
    const { last } = this;
    if (last && (last.readAt === undefined || performance.now() - last.readAt < FRESH_MS)) return last.projectionStatus;
    const projectionStatus = readProjectionStatus(this.options);
    const look: Look = { projectionStatus, readAt: undefined };
    this.last = look;
    projectionStatus.then(
      () => (look.readAt = performance.now()),
      () => {
        if (this.last === look) this.last = undefined;
      },
    );
    return projectionStatus;
  }

  async current(projections: readonly string[]): Promise<bigint> {
    if (projections.length === 0) return (await this.options.store.head()).position;
    return reached(await this.projectionStatus(), projections);
  }

  async waitFor(position: bigint, projections: readonly string[], timeoutMs: number): Promise<bigint | undefined> {
    if (this.options.store.identity.isLost(position)) throw new PositionLost(position);
    if (projections.length === 0) {
      const head = (await this.options.store.head()).position;
      return head >= position ? head : undefined;
    }
    let at = this.writtenHere(projections);
    if (at >= position) return at;
    if (!this.alone(projections) || timeoutMs <= 0) {
      at = reached(await this.projectionStatus(), projections);
      if (at >= position) return at;
    }
    if (timeoutMs <= 0) return undefined;
    return new Promise((resolve) => {
      const waiter: Waiter = {
        position,
        projections,
        resolve: (outcome) => {
          clearTimeout(timer);
          this.waiters.delete(waiter);
          resolve(outcome);
        },
      };
      const timer = setTimeout(() => waiter.resolve(undefined), timeoutMs);
      this.waiters.add(waiter);
      void this.poll();
    });
  }

  /** The log has lost events: what was read before is not to be answered with. */
  forget(): void {
    this.last = undefined;
    this.latestPublished = undefined;
  }

  /** A writer of this process has committed. */
  committed(): void {
    this.last = undefined;
    if (this.waiters.size === 0) return;
    const written = this.written();
    for (const waiter of this.waiters) {
      const at = this.writtenHere(waiter.projections, written);
      if (at >= waiter.position) waiter.resolve(at);
    }
  }

  async measure(): Promise<(checkpoints: Checkpoints, projections: readonly string[]) => bigint> {
    const { identity } = this.options.store;
    const published = this.options.published && (await this.projectionStatus()).published;
    return (checkpoints, projections) =>
      // What is held of events that the log has lost counts for nothing.
      identity.heldThrough(reached({ checkpoints, published }, projections));
  }

  recordedAt(position: bigint): Promise<Date | null> {
    return this.times.recordedAt(position);
  }

  /** Takes note of what a delivery says of its events' times, and of what the relay had put on the bus when it was sent. */
  delivered({ messages }: Pick<Delivery, 'messages'>): void {
    for (const { event, published } of messages) {
      this.times.remember(event);
      if (published && (!this.latestPublished || published.position > this.latestPublished.position))
        this.latestPublished = published;
    }
  }

  close(): void {
    for (const waiter of this.waiters) waiter.resolve(undefined);
  }

  /** What these projections have reached for sure, by what this process knows; 0 when it knows nothing. */
  private writtenHere(projections: readonly string[], written = this.written()): bigint {
    const checkpoints = new Map(projections.map((name) => [name, written.get(name)?.checkpoints ?? new Map()]));
    for (const positions of checkpoints.values()) if (positions.size === 0) return 0n;
    // What was read anew since the log lost events may be of before.
    return this.options.store.identity.heldThrough(
      reached({ checkpoints, published: this.latestPublished }, projections),
    );
  }

  private alone(projections: readonly string[]): boolean {
    const written = this.written();
    return projections.every((name) => written.get(name)?.alone === true);
  }

  private written(): Map<string, Written> {
    return new Map([...(this.options.written?.() ?? [])].map((each) => [each.name, each]));
  }

  private async poll(): Promise<void> {
    if (this.polling) return;
    this.polling = true;
    try {
      while (this.waiters.size > 0) {
        await sleep(POLL_MS);
        if (this.waiters.size === 0) break;
        // A database that is away is not an answer: those who wait do so until their time is up.
        const projectionStatus = await this.projectionStatus().catch(() => undefined);
        for (const waiter of projectionStatus ? this.waiters : []) {
          const at = reached(projectionStatus!, waiter.projections);
          if (at >= waiter.position) waiter.resolve(at);
        }
      }
    } finally {
      this.polling = false;
    }
  }
}
