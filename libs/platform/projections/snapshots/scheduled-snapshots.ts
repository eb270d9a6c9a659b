import type { EventStore } from '#platform/event-store/event-store.js';
import type { Clock } from '#platform/kernel/clock.js';
import type { Pool } from '#platform/postgres/pool.js';
import type { Point } from '../as-of/point.js';
import { tryLock, withSession } from '../builds/half-built.js';
import { closingsAt, DAY, MONTH, type Closing, type SnapshotSchedule } from './schedule.js';
import { isUnderWay, type Snapshot } from './snapshot.js';

export interface ScheduledSnapshotsOptions {
  readonly store: EventStore;
  readonly builders: Pool;
  readonly books: Pool;
  readonly partitions: number;
  readonly clock: Clock;
  readonly schedule: SnapshotSchedule;
  /** How often it is looked at, in milliseconds. */
  readonly lookMs?: number;
  readonly named: (name: string) => Promise<Snapshot | undefined>;
  readonly request: (point: Point, name: string) => Promise<Snapshot>;
  readonly onError: (error: unknown) => void;
}

/** The schedule is looked at so often. */
const LOOK_MS = 10_000;
/** One that could not be made is tried again after so long. */
const AGAIN_MS = 10 * 60_000;

/** Has the snapshots made that the schedule wants, one after the other, and takes back the names of those that are old. */
export class ScheduledSnapshots {
  private lookedAt = -Infinity;
  private readonly again = new Map<string, number>();

  constructor(private readonly options: ScheduledSnapshotsOptions) {}

  /** Looks now and then; whichever process comes first does it, and the others pass. */
  async look(): Promise<void> {
    const { schedule, builders, lookMs = LOOK_MS } = this.options;
    const now = performance.now();
    if (schedule.daily + schedule.monthly === 0 || now - this.lookedAt < lookMs) return;
    this.lookedAt = now;
    await withSession(builders, async (client) => {
      if (!(await tryLock(client, 'snapshot schedule'))) return;
      const closings = closingsAt(this.options.clock.now(), schedule);
      await this.takeBack(closings);
      await this.askForNext(closings);
    });
  }

  /** The earliest that is missing: later ones are filled from it. While one is being made, no other is asked for. */
  private async askForNext(closings: readonly Closing[]): Promise<void> {
    const { store, named, request, partitions, onError } = this.options;
    for (const { name, before } of closings) {
      const there = await named(name);
      if (there && isUnderWay(there)) return;
      if (there || performance.now() < (this.again.get(name) ?? -Infinity)) continue;
      const through = await lastBefore(store, before);
      // Before the first event there is nothing to keep.
      if (through === 0n) continue;
      const { id, current } = store.identity;
      const log = { id, incarnation: current.number };
      // The last moment of the day: its name in the zone is still that day's.
      const now = new Date(before.getTime() - 1);
      // Tried again later, also where it fails once it is being made.
      this.again.set(name, performance.now() + AGAIN_MS);
      try {
        if (isUnderWay(await request({ log, partitions, now, through, vectors: new Map() }, name))) return;
        this.again.delete(name);
      } catch (error) {
        onError(error);
      }
    }
  }

  /** Of a kind that is scheduled here, the names that are not of it any more: what nobody reads then goes. */
  private async takeBack(closings: readonly Closing[]): Promise<void> {
    const { books, schedule } = this.options;
    const kinds = [...(schedule.daily > 0 ? [DAY] : []), ...(schedule.monthly > 0 ? [MONTH] : [])];
    await books.query(
      `delete from projections.snapshot_names where scheduled and name <> all ($1::text[])
         and exists (select from unnest($2::text[]) kind where starts_with(name, kind))`,
      [closings.map(({ name }) => name), kinds],
    );
    const kept = new Set(closings.map(({ name }) => name));
    for (const name of this.again.keys()) if (!kept.has(name)) this.again.delete(name);
  }
}

/** Events read at a time. */
const PAGE = 100;

/**
 * The position of the last event that was recorded before an instant; 0 where there is none. The log has microseconds:
 * what was recorded within the last millisecond is looked at one by one, and what was recorded at the instant is not meant.
 */
async function lastBefore(store: Pick<EventStore, 'positionAt' | 'readAll'>, before: Date): Promise<bigint> {
  let last = await store.positionAt(new Date(before.getTime() - 1));
  for (;;) {
    const page = await store.readAll({ after: last, limit: PAGE });
    const earlier = page.filter(({ recordedAt }) => recordedAt < before);
    if (earlier.length === 0) return last;
    last = earlier.at(-1)!.position;
  }
}
