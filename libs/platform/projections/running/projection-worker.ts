import { PAGE, min, type Log } from '#platform/event-bus/consuming/log-reading.js';
import { setTimeout as sleep } from 'node:timers/promises';
import { backoff } from '#platform/kernel/backoff.js';
import type { Pool } from '#platform/postgres/pool.js';
import { catchUp } from '../builds/catch-up.js';
import { messageOf, ParkingFull } from '../folding/parking.js';
import type { AdoptedPartitions } from './adopted-partitions.js';
import type { BuildWriter } from './build-writer.js';
import { recordPauses } from './paused-partitions.js';
import { holdToLog, liveGeneration, OtherVersionLive } from './live-state.js';

const IDLE_MS = 1_000;
/** So long a projection that has set aside too much is left alone, before it looks whether somebody has made room. */
const FULL_MS = 5_000;

export interface ProjectionWorkerOptions {
  readonly pool: Pool;
  readonly log: Log;
  readonly writer: BuildWriter;
  /** The partitions of this process; all when there are none yet. */
  readonly assigned: ReadonlySet<number>;
  /** Those of others that it writes too. */
  readonly adopted: AdoptedPartitions;
  /** Called when rows and checkpoints have become durable. */
  readonly onCommit: () => void;
  /** Told of what goes wrong and is tried again. */
  readonly onError: (error: unknown) => void;
}

/**
 * Brings one projection to the log's head by itself, over connections of its own: one that is behind, whose live build
 * is of another version, or that failed. Tries for ever; each failure is told, and waited after.
 */
export class ProjectionWorker {
  /** What it waits for, in words. */
  reason: string;
  /** Its live build is of another version than this code. */
  isOtherVersion: boolean;

  constructor(
    private readonly options: ProjectionWorkerOptions,
    why: unknown,
  ) {
    this.reason = messageOf(why);
    this.isOtherVersion = why instanceof OtherVersionLive;
  }

  /** Resolves when the projection is level with the log. @throws the signal's reason */
  async run(signal: AbortSignal): Promise<void> {
    for (let failures = 0; ; failures++) {
      signal.throwIfAborted();
      try {
        return await this.toHead(signal);
      } catch (error) {
        signal.throwIfAborted();
        const message = messageOf(error);
        // One that lasts for hours is told once.
        if (message !== this.reason) this.options.onError(error);
        this.reason = message;
        this.isOtherVersion = error instanceof OtherVersionLive;
        // It may be about a partition that another process has, and that the own ones should not wait for.
        if ((error instanceof ParkingFull || failures > 0) && this.options.adopted.fail()) continue;
        const wait =
          error instanceof OtherVersionLive
            ? IDLE_MS
            : error instanceof ParkingFull
              ? FULL_MS
              : backoff(failures + 1, { firstMs: 20 });
        await sleep(wait, undefined, { signal });
      }
    }
  }

  private async toHead(signal: AbortSignal): Promise<void> {
    const { pool, log, writer, onCommit } = this.options;
    await holdToLog(pool, log);
    await writer.load(await liveGeneration(pool, writer.model.projection), { live: true });
    for (;;) {
      const { position: head } = await log.store.head();
      const targets = new Map(this.partitions().map((partition) => [partition, head]));
      await catchUp(writer, log, targets, () => {
        onCommit();
        signal.throwIfAborted();
      });
      await recordPauses(pool, writer);
      const { position: now } = await log.store.head();
      const least = min(this.partitions().map((partition) => writer.checkpoints.get(partition)!));
      if (targets.size === 0 || now - least <= BigInt(PAGE)) return;
    }
  }

  /** Those that it is to bring to the head and that do not wait for newer code. */
  private partitions(): number[] {
    const { writer, assigned, adopted } = this.options;
    const all = assigned.size > 0 ? new Set([...assigned, ...adopted]) : writer.checkpoints.keys();
    return [...all].filter((partition) => writer.pauses.at(partition) === undefined);
  }
}
