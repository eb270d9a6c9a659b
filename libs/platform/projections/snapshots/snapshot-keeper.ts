import type { Clock } from '#platform/kernel/clock.js';
import type { Pool } from '#platform/postgres/pool.js';
import { dropSnapshot } from './drop-snapshot.js';
import type { ScheduledSnapshots } from './scheduled-snapshots.js';
import { giveUpExpired, type SnapshotBounds } from './snapshot-bounds.js';
import { snapshotsWhere } from './snapshot-rows.js';

export interface SnapshotKeeperOptions {
  readonly books: Pool;
  readonly builders: Pool;
  readonly bounds: SnapshotBounds;
  readonly clock: Clock;
  readonly onError: (error: unknown) => void;
  readonly scheduled: ScheduledSnapshots;
  /** Called at each look. */
  readonly onLook: () => void;
}

/** How often it is looked whether something is to be built or dropped. */
const LOOK_MS = 2_000;
/** Those that failed or were cancelled are shown for so long. */
const RECORD_MS = 24 * 3_600_000;

/** Drops what is not to be read any more, whoever decided that. Every process does it: they take turns by a lock. */
export class SnapshotKeeper {
  private timer: NodeJS.Timeout | undefined;
  private looking: Promise<void> | undefined;
  private again = false;
  private stopped = false;
  /** Only a process that keeps running follows the schedule. */
  private isStarted = false;

  constructor(private readonly options: SnapshotKeeperOptions) {}

  start(): void {
    this.isStarted = true;
    this.timer ??= setInterval(() => this.kick(), LOOK_MS).unref();
    this.kick();
  }

  /** Looks now. */
  kick(): void {
    if (this.stopped) return;
    this.again = true;
    this.looking ??= this.run().finally(() => (this.looking = undefined));
  }

  async stop(): Promise<void> {
    this.stopped = true;
    clearInterval(this.timer);
    await this.looking;
  }

  private async run(): Promise<void> {
    while (this.again && !this.stopped) {
      this.again = false;
      if (this.isStarted) await this.options.scheduled.look().catch(this.options.onError);
      this.options.onLook();
      await this.sweep().catch(this.options.onError);
    }
  }

  private async sweep(): Promise<void> {
    const { books, builders, bounds, clock, onError } = this.options;
    const now = clock.now();
    await giveUpExpired(books, bounds, now);
    await books.query(
      `delete from projections.snapshots where status in ('failed', 'cancelled') and ended_at < $1 and to_regnamespace(schema) is null`,
      [new Date(now.getTime() - RECORD_MS)],
    );
    const due = await snapshotsWhere(
      books,
      `where s.status = 'dropping' or (s.status in ('failed', 'cancelled') and to_regnamespace(s.schema) is not null)`,
    );
    for (const each of due) {
      if (this.stopped) return;
      // One that is still read must not keep the others.
      await dropSnapshot(builders, each).catch(onError);
    }
  }
}
