import type { Clock } from '#platform/kernel/clock.js';
import type { EventStore } from '#platform/event-store/event-store.js';
import type { Progress } from './progress.js';
import { reached } from './projection-status.js';
import { max, min } from '#platform/event-bus/consuming/log-reading.js';

/** How far a projection is behind the log. */
export interface ProjectionLag {
  readonly projection: string;
  /** Positions. */
  readonly events: bigint;
  /** Age of the oldest event that it may not hold; 0 where it holds all. */
  readonly seconds: number;
}

export interface Lags {
  readonly projections: readonly ProjectionLag[];
  /** By partition, how far the slowest projection is behind what came of it, in positions. */
  readonly partitions: ReadonlyMap<number, bigint>;
}

export interface LagsSource {
  readonly progress: Pick<Progress, 'projectionStatus'>;
  readonly store: Pick<EventStore, 'head' | 'readAll'>;
  readonly clock: Clock;
}

/** How far these projections are behind the log, over all processes; one without a live build is left out. */
export async function readLags({ progress, store, clock }: LagsSource, names: readonly string[]): Promise<Lags> {
  // The head first: what is appended in between is not held against them.
  const { position: head } = await store.head();
  const status = await progress.projectionStatus();
  const positions = names.flatMap((projection) =>
    status.checkpoints.has(projection) ? [{ projection, at: reached(status, [projection]) }] : [],
  );
  // Most stand at the same place: each place is looked at once.
  const ages = new Map<bigint, number>();
  const behind = new Set(positions.map(({ at }) => at).filter((at) => at < head));
  await Promise.all(
    [...behind].map(async (at) => {
      const [next] = await store.readAll({ after: at, limit: 1 });
      ages.set(at, next ? Math.max(0, (clock.now().getTime() - next.recordedAt.getTime()) / 1000) : 0);
    }),
  );
  const projections = positions.map(({ projection, at }) => ({
    projection,
    events: max([0n, head - at]),
    seconds: ages.get(at) ?? 0,
  }));
  const slowest = new Map<number, bigint>();
  for (const { projection } of positions) {
    for (const [partition, at] of status.checkpoints.get(projection)!) {
      slowest.set(partition, min([at, slowest.get(partition) ?? at]));
    }
  }
  const { published } = status;
  const partitions = new Map(
    [...slowest].map(([partition, at]) => [
      partition,
      max([0n, (published ? (published.heads.get(partition) ?? 0n) : head) - at]),
    ]),
  );
  return { projections, partitions };
}
