import { setTimeout as sleep } from 'node:timers/promises';
import { PositionLost } from '#platform/kernel/errors.js';
import type { EventStore } from '#platform/event-store/event-store.js';
import type { Pool } from '#platform/postgres/pool.js';
import type { Delivery, Published } from '#platform/event-bus/event-bus.js';
import { max, min } from '../builds/catch-up.js';
import { RecordingTimes, type Freshness } from '../queries/freshness.js';

/** Where all live builds stand, seen in one snapshot. */
export interface ProjectionStatus {
  readonly checkpoints: ReadonlyMap<string, ReadonlyMap<number, bigint>>;
  /** Undefined with a bus that has no relay. */
  readonly published: Published | undefined;
}

const FRESH_MS = 3;
const POLL_MS = 10;

const CHECKPOINTS = `select projection, partition, position::text from projections.checkpoints
  join projections.builds b using (projection, generation) where b.status = 'live'`;

interface Waiter {
  readonly position: bigint;
  readonly projections: readonly string[];
  readonly resolve: (reached: bigint | undefined) => void;
}

export interface ProgressOptions {
  readonly pool: Pool;
  readonly store: Pick<EventStore, 'readAll' | 'head' | 'identity'>;
  /** What is on the bus; absent where consumers read the store itself. */
  readonly published?: () => Promise<Published>;
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
  private last: { at: number; projectionStatus: Promise<ProjectionStatus> } | undefined;
  private readonly waiters = new Set<Waiter>();
  private polling = false;
  private latestPublished: Published | undefined;
  private readonly times: RecordingTimes;

  constructor(private readonly options: ProgressOptions) {
    this.times = new RecordingTimes(options.store);
  }

  /** Where live builds stand now, at most a few milliseconds old. */
  projectionStatus(): Promise<ProjectionStatus> {
    const now = performance.now();
    if (this.last && now - this.last.at < FRESH_MS) return this.last.projectionStatus;
    const projectionStatus = this.read();
    const last = { at: now, projectionStatus };
    this.last = last;
    projectionStatus.catch(() => {
      if (this.last === last) this.last = undefined;
    });
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
    for (const waiter of this.waiters) {
      const at = this.writtenHere(waiter.projections);
      if (at >= waiter.position) waiter.resolve(at);
    }
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
  private writtenHere(projections: readonly string[]): bigint {
    const written = [...(this.options.written?.() ?? [])];
    const checkpoints = new Map(written.map((each) => [each.name, each.checkpoints]));
    const known = projections.every((name) => (checkpoints.get(name)?.size ?? 0) > 0);
    return known ? reached({ checkpoints, published: this.latestPublished }, projections) : 0n;
  }

  private alone(projections: readonly string[]): boolean {
    const written = [...(this.options.written?.() ?? [])];
    return projections.every((name) => written.some((each) => each.name === name && each.alone));
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

  private async read(): Promise<ProjectionStatus> {
    const { pool, published } = this.options;
    // Before the checkpoints: those that hold what was on the bus then hold all through its position.
    const onBus = await published?.();
    const { rows } = await pool.query<[string, number, string]>({
      name: 'projection-status',
      text: CHECKPOINTS,
      rowMode: 'array',
    } as any);
    const checkpoints = new Map<string, Map<number, bigint>>();
    for (const [projection, partition, text] of rows as unknown as [string, number, string][]) {
      // What a build holds of events that the log has lost counts for nothing.
      const position = this.options.store.identity.heldThrough(BigInt(text));
      const own = checkpoints.get(projection);
      if (own) own.set(partition, position);
      else checkpoints.set(projection, new Map([[partition, position]]));
    }
    return { checkpoints, published: onBus && this.held(onBus) };
  }

  /** What was published of events that the log has lost counts for nothing. */
  private held({ position, heads }: Published): Published {
    const { identity } = this.options.store;
    return {
      position: identity.heldThrough(position),
      heads: new Map([...heads].map(([partition, at]) => [partition, identity.heldThrough(at)])),
    };
  }
}

/**
 * The position through which all of these projections have applied everything.
 * @throws Error for a projection without a live build
 */
export function reached({ checkpoints, published }: ProjectionStatus, projections: readonly string[]): bigint {
  return min(
    projections.map((name) => {
      const own = checkpoints.get(name);
      if (!own) throw new Error(`the projection ${name} has no live build`);
      const least = min(own.values());
      if (!published) return least;
      // A partition that holds its last published event has nothing more through the relay's position.
      const behind = [...own].filter(([partition, at]) => at < (published.heads.get(partition) ?? 0n));
      const through =
        behind.length === 0 ? published.position : min([published.position, ...behind.map(([, at]) => at)]);
      return max([least, through]);
    }),
  );
}
