import { setTimeout as sleep } from 'node:timers/promises';
import type { Consumer, Delivery, Published } from '#platform/event-bus/event-bus.js';
import { isUnavailable, type Pool } from '#platform/postgres/pool.js';
import { liveBuild } from '../builds/builds.js';
import { catchUp, type Log } from '../builds/catch-up.js';
import type { DecodedEvents } from '../folding/decoded-events.js';
import { ParkingFull } from '../folding/event-batch-folder.js';
import { guardLog, isGuarded } from '../builds/log-guard.js';
import type { Written } from './progress.js';
import { BuildWriter, isStale, type Model, type PartitionedEvent } from './build-writer.js';

const MAX_MESSAGES = 5_000;
const MAX_BACKOFF_MS = 5_000;
const IDLE_MS = 1_000;
/** So long a projection that has set aside too much is left alone, before it looks whether somebody has made room. */
const FULL_MS = 5_000;

interface Job {
  readonly delivery: Delivery;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

interface Plan {
  readonly events: PartitionedEvent[];
  readonly advance: Map<number, bigint>;
  /** Partitions in which something is missing, and how far the store must be read for them. */
  readonly gaps: Map<number, bigint>;
}

export interface ProjectionWorkerOptions {
  readonly pool: Pool;
  readonly model: Model;
  readonly log: Log;
  readonly decoded: DecodedEvents;
  /** Rows held in memory. */
  readonly capacity?: number;
  /** Called when rows and checkpoints have become durable. */
  readonly onCommit?: () => void;
  /** Told of what goes wrong and is tried again. */
  readonly onError?: (error: unknown) => void;
}

/**
 * The writer of one projection in one process. Deliveries that come while a write is under way go into the next
 * one. Whatever the bus drops, doubles or reorders, and whoever else writes, each event is applied once: what is
 * at or below the checkpoint is dropped, what does not follow it is read from the store, and the checkpoint's
 * compare-and-set in the write itself decides.
 */
export class ProjectionWorker implements Consumer {
  private readonly writer: BuildWriter;
  private queue: Job[] = [];
  private working: Promise<void> | undefined;
  private loaded = false;
  private readonly closing = new AbortController();
  /** Why it takes nothing, and until when. */
  private stopped: { readonly why: ParkingFull; readonly until: number } | undefined;
  /** Up to where the bus has handed over everything, by partition; only a bus that knows `through` says so. */
  private readonly handed = new Map<number, bigint>();
  /** Partitions that the bus has assigned to this process at some time. */
  readonly assigned = new Set<number>();

  constructor(private readonly options: ProjectionWorkerOptions) {
    const { pool, model, decoded, capacity } = options;
    this.writer = new BuildWriter(pool, model, decoded, { capacity });
  }

  get name(): string {
    return this.options.model.projection.name;
  }

  /** For those who wait for a position. */
  get written(): Written {
    // Of what is to be read anew nothing is known for sure.
    const checkpoints: ReadonlyMap<number, bigint> = this.loaded ? this.writer.checkpoints : new Map();
    const alone = checkpoints.size > 0 && [...checkpoints.keys()].every((partition) => this.assigned.has(partition));
    return { name: this.name, checkpoints, alone };
  }

  async checkpoints(partitions: readonly number[]): Promise<ReadonlyMap<number, bigint>> {
    for (const partition of partitions) this.assigned.add(partition);
    return this.enqueue(async () => {
      const held = new Map<number, bigint>();
      // Another member may have moved them since this one last looked.
      this.loaded = false;
      await this.persist(async () => {});
      for (const partition of partitions) {
        const position = this.position(partition);
        held.set(partition, position);
        this.handed.set(partition, position);
      }
      return held;
    });
  }

  /** The bus starts here, which may be beyond this worker's own checkpoints. */
  startedAt(positions: ReadonlyMap<number, bigint>): void {
    for (const [partition, position] of positions) this.handed.set(partition, position);
  }

  deliver(delivery: Delivery): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.closing.signal.aborted) return reject(this.closing.signal.reason);
      this.queue.push({ delivery, resolve, reject });
      this.drain();
    });
  }

  /**
   * Reads the store up to these positions and applies what is missing, in turn with deliveries.
   * @param published what the relay has put on the bus: a partition that holds its last event there need not be
   *   read again up to the relay's position
   */
  async reconcile(targets: ReadonlyMap<number, bigint>, published?: Published): Promise<void> {
    const { log, onCommit } = this.options;
    const work = async (): Promise<void> => {
      const skip = new Map<number, bigint>();
      for (const partition of published ? targets.keys() : []) {
        const held = (published!.heads.get(partition) ?? 0n) <= this.position(partition);
        if (held) skip.set(partition, published!.position);
      }
      if (skip.size > 0) await this.writer.apply([], skip);
      await catchUp(this.writer, log, targets, onCommit);
    };
    await this.enqueue(() => this.persist(work));
  }

  /** What is held in memory may be of an incarnation of the log that is over: it is read anew before the next write. */
  forget(): void {
    this.loaded = false;
  }

  /** Waits for the write under way; deliveries that still wait are refused. */
  async close(): Promise<void> {
    this.closing.abort(new Error(`the worker of ${this.name} is closed`));
    await this.working;
  }

  private side: (() => Promise<void>)[] = [];

  private enqueue<T>(work: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.closing.signal.aborted) return reject(this.closing.signal.reason);
      this.side.push(() => work().then(resolve, reject));
      this.drain();
    });
  }

  private drain(): void {
    this.working ??= this.work().finally(() => {
      this.working = undefined;
      if (this.queue.length + this.side.length > 0) this.drain();
    });
  }

  private async work(): Promise<void> {
    while (this.queue.length + this.side.length > 0) {
      if (this.side.length > 0) {
        await this.side.shift()!();
        continue;
      }
      const jobs = this.next();
      try {
        await this.persist(() => this.apply(jobs));
        for (const job of jobs) job.resolve();
      } catch (error) {
        for (const job of jobs) job.reject(error);
      }
      // Also when it failed: the bus may go on, and what was handed over and not applied is then a gap.
      for (const { delivery } of jobs) {
        if (delivery.through === undefined) continue;
        for (const partition of delivery.partitions) this.handed.set(partition, delivery.through);
      }
    }
  }

  private next(): Job[] {
    let messages = 0;
    const jobs: Job[] = [];
    while (this.queue.length > 0 && messages < MAX_MESSAGES) {
      const job = this.queue.shift()!;
      messages += job.delivery.messages.length;
      jobs.push(job);
    }
    return jobs;
  }

  /** Tries for ever where trying helps: a lost fence (state read anew), a database that is away. */
  private async persist(attempt: () => Promise<void>): Promise<void> {
    if (this.stopped && Date.now() < this.stopped.until) throw this.stopped.why;
    for (let failures = 0; ; failures++) {
      try {
        if (!this.loaded) await this.reload();
        return await attempt();
      } catch (error) {
        if (this.closing.signal.aborted) throw error;
        this.loaded = false;
        if (error instanceof ParkingFull) this.stopped = { why: error, until: Date.now() + FULL_MS };
        const away = isUnavailable(error);
        if (!away && !isStale(error)) throw error;
        this.options.onError?.(error);
        const wait = Math.min(MAX_BACKOFF_MS, 10 * 2 ** Math.min(failures, 10));
        if (away || failures > 2) await sleep(wait, undefined, { signal: this.closing.signal });
      }
    }
  }

  /** Reads which build is live and where it stands; waits while the live one is of another version than this code. */
  private async reload(): Promise<void> {
    const { pool, model } = this.options;
    this.loaded = false;
    for (;;) {
      this.closing.signal.throwIfAborted();
      // What this process still holds of an incarnation that is over must not be written over what others know.
      if (!(await isGuarded(pool, this.options.log.store))) await guardLog(pool, this.options.log.store);
      const live = await liveBuild(pool, model.projection.name);
      if (live?.version === model.projection.version) {
        await this.writer.load(live.generation);
        this.loaded = true;
        return;
      }
      await sleep(IDLE_MS, undefined, { signal: this.closing.signal });
    }
  }

  private async apply(jobs: readonly Job[]): Promise<void> {
    for (;;) {
      const { events, advance, gaps } = this.plan(jobs);
      if (advance.size > 0) {
        await this.writer.apply(events, advance);
        this.options.onCommit?.();
      }
      if (gaps.size === 0) break;
      await catchUp(this.writer, this.options.log, gaps, this.options.onCommit);
    }
  }

  /** What of these deliveries follows the checkpoints, and what is missing. */
  private plan(jobs: readonly Job[]): Plan {
    const { log } = this.options;
    const events: PartitionedEvent[] = [];
    const advance = new Map<number, bigint>();
    const gaps = new Map<number, bigint>();
    const handed = new Map<number, bigint>();
    const projectionStatus = (partition: number): bigint => advance.get(partition) ?? this.position(partition);
    for (const { delivery } of jobs) {
      const seen = new Set<number>();
      for (const { partition, event, previous } of delivery.messages) {
        const { position } = event;
        const gap = gaps.get(partition);
        if (gap !== undefined) {
          if (position > gap) gaps.set(partition, position);
          continue;
        }
        const at = projectionStatus(partition);
        if (log.store.identity.isLost(position)) continue;
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
        const at = projectionStatus(partition);
        // A partition without a message may follow only if all that came before this delivery is held: after a
        // swap to a build that is behind, it is not.
        const before = handed.get(partition) ?? this.handed.get(partition);
        handed.set(partition, through);
        if (at >= through) continue;
        if (gaps.has(partition) || !(seen.has(partition) || (before !== undefined && at >= before))) {
          const gap = gaps.get(partition) ?? 0n;
          gaps.set(partition, through > gap ? through : gap);
        } else advance.set(partition, through);
      }
    }
    return { events, advance, gaps };
  }

  private position(partition: number): bigint {
    const position = this.writer.checkpoints.get(partition);
    if (position === undefined) throw new Error(`${this.name} has no partition ${partition}`);
    return position;
  }
}
