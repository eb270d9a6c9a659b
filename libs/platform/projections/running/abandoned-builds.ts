import type { EventStore } from '#platform/event-store/event-store.js';
import type { Pool } from '#platform/postgres/pool.js';
import type { Model } from './build-writer.js';
import { pausedPartitions } from './paused-partitions.js';
import type { Progress } from './progress.js';
import type { ProjectionStatus } from './projection-status.js';

/** Longer than a process takes to be started anew, and than any retry after a lost connection. */
const ABANDONED_MS = 20_000;
const MOST_MS = 3_600_000;

export interface AbandonedBuildsOptions {
  readonly pool: Pool;
  readonly models: readonly Model[];
  readonly progress: Pick<Progress, 'projectionStatus'>;
  readonly store: Pick<EventStore, 'head'>;
  readonly abandonedMs?: number;
  readonly now?: () => number;
}

interface Seen {
  readonly state: string;
  since: number;
  patience: number;
}

/**
 * Finds live builds of another version than this code's which no process writes any more: they are behind the log,
 * nothing in them moves, and it is not that they wait for newer events to be known. As long as one process runs that
 * makes the live version, it moves whatever stands still, so that nothing is abandoned in the midst of an upgrade.
 */
export class AbandonedBuilds {
  private readonly seen = new Map<string, Seen>();

  constructor(private readonly options: AbandonedBuildsOptions) {}

  /** Those that have been so for long enough; named again after twice that time, for another try. */
  async look(): Promise<Model[]> {
    const { pool, models, progress, store, abandonedMs = ABANDONED_MS } = this.options;
    const now = (this.options.now ?? performance.now.bind(performance))();
    const { rows } = await pool.query<{ projection: string; generation: number; version: number }>(
      `select projection, generation, version from projections.builds where status = 'live'`,
    );
    const live = new Map(rows.map((row) => [row.projection, row]));
    const others = models.filter(
      ({ projection: { name, version } }) => (live.get(name)?.version ?? version) !== version,
    );
    for (const name of this.seen.keys()) {
      if (!others.some(({ projection }) => projection.name === name)) this.seen.delete(name);
    }
    if (others.length === 0) return [];
    const { position: head } = await store.head();
    const status = await progress.projectionStatus();
    const paused = new Set(
      (await pausedPartitions(pool)).map(({ projection, partition }) => `${projection} ${partition}`),
    );
    return others.filter(({ projection: { name } }) => {
      const behind = behindOf(name, status, head).filter((partition) => !paused.has(`${name} ${partition}`));
      const state = `${live.get(name)!.generation} ${[...(status.checkpoints.get(name)?.entries() ?? [])].join(' ')}`;
      const known = this.seen.get(name);
      if (behind.length === 0) this.seen.delete(name);
      else if (known?.state !== state) this.seen.set(name, { state, since: now, patience: abandonedMs });
      else if (now - known.since > known.patience) {
        Object.assign(known, { since: now, patience: Math.min(MOST_MS, known.patience * 2) });
        return true;
      }
      return false;
    });
  }
}

/** The partitions of a live build that do not hold what they could. */
function behindOf(name: string, { checkpoints, published }: ProjectionStatus, head: bigint): number[] {
  const due = (partition: number): bigint => (published ? (published.heads.get(partition) ?? 0n) : head);
  return [...(checkpoints.get(name) ?? [])].flatMap(([partition, at]) => (at < due(partition) ? [partition] : []));
}
