import { max, min } from '#platform/event-bus/consuming/log-reading.js';
import type { Published } from '#platform/event-bus/event-bus.js';
import type { EventStore } from '#platform/event-store/event-store.js';
import type { Pool } from '#platform/postgres/pool.js';

/** Where all live builds stand, seen in one snapshot. */
export interface ProjectionStatus {
  readonly checkpoints: ReadonlyMap<string, ReadonlyMap<number, bigint>>;
  /** Undefined with a bus that has no relay. */
  readonly published: Published | undefined;
}

const CHECKPOINTS = `select projection, partition, position::text from projections.checkpoints
  join projections.builds b using (projection, generation) where b.status = 'live'`;

/** What tells where live builds stand. */
export interface StatusSource {
  readonly pool: Pool;
  readonly store: Pick<EventStore, 'readAll' | 'head' | 'identity'>;
  /** What is on the bus; absent where consumers read the store itself. */
  readonly published?: () => Promise<Published>;
}

/** Where all live builds stand now. What they hold of events that the log has lost counts for nothing. */
export async function readProjectionStatus({ pool, store, published }: StatusSource): Promise<ProjectionStatus> {
  const { identity } = store;
  // Before the checkpoints: those that hold what was on the bus then hold all through its position.
  const onBus = await published?.();
  const { rows } = await pool.query<[string, number, string]>({
    name: 'projection-status',
    text: CHECKPOINTS,
    rowMode: 'array',
  } as any);
  const checkpoints = new Map<string, Map<number, bigint>>();
  for (const [projection, partition, text] of rows as unknown as [string, number, string][]) {
    const position = identity.heldThrough(BigInt(text));
    const own = checkpoints.get(projection);
    if (own) own.set(partition, position);
    else checkpoints.set(projection, new Map([[partition, position]]));
  }
  if (!onBus) return { checkpoints, published: undefined };
  const heads = new Map([...onBus.heads].map(([partition, at]) => [partition, identity.heldThrough(at)]));
  return { checkpoints, published: { position: identity.heldThrough(onBus.position), heads } };
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
