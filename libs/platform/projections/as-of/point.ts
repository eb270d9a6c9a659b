import type { QueryDefinition, Snapshotted } from '../definition/query.js';

/**
 * What an answer rests on, so that it can be asked again: a place in the log for each partition of each projection that
 * was read, the instant that stood for *now*, and the versions of what made the answer.
 */
export interface Point {
  readonly log: { readonly id: string; readonly incarnation: number };
  /** Of the bus: how subjects are divided. */
  readonly partitions: number;
  /** What stood for now: for a position, when it was recorded. */
  readonly now: Date;
  /** Every event up to there, and no later one, counts in projections without a vector of their own, and in the log. */
  readonly through: bigint;
  /** By projection, by partition: the position through which its events count. */
  readonly vectors: ReadonlyMap<string, readonly bigint[]>;
  /** The versions that made the answer: of its query, and by name of the projections. Absent: those of now. */
  readonly versions?: {
    /** Absent of a point that is nobody's answer. */
    readonly query?: { readonly name: string; readonly version: number };
    readonly projections: ReadonlyMap<string, number>;
  };
}

/** Through which position the events of a partition count in a projection. */
export const throughOf = ({ vectors, through }: Point, projection: string, partition: number): bigint =>
  vectors.get(projection)?.[partition] ?? through;

/** By partition, the positions through which a projection's events count: what a build as of the point is filled up to. */
export const targetsOf = (point: Point, projection: string): ReadonlyMap<number, bigint> =>
  new Map(
    Array.from({ length: point.partitions }, (_, partition) => [partition, throughOf(point, projection, partition)]),
  );

/** The highest position that counts in any of these projections. */
export function furthestOf(point: Point, projections: readonly string[]): bigint {
  let furthest = 0n;
  for (const projection of projections) {
    for (const position of point.vectors.get(projection) ?? [point.through]) {
      if (position > furthest) furthest = position;
    }
  }
  return furthest;
}

/** What an answer rests on that was read where the projections stood so, in these versions. */
export function pointOfAnswer(
  at: Pick<Point, 'log' | 'partitions' | 'now' | 'through'>,
  query: QueryDefinition,
  { checkpoints, versions }: Pick<Snapshotted<unknown>, 'checkpoints' | 'versions'>,
): Point {
  const vectors = new Map<string, readonly bigint[]>();
  for (const [projection, positions] of checkpoints) {
    vectors.set(
      projection,
      Array.from({ length: at.partitions }, (_, partition) => positions.get(partition) ?? 0n),
    );
  }
  return pointFor(query, { ...at, vectors, versions: { projections: versions } });
}

/** A point as one query is asked as of it: what the point does not say was made then is as it is now. */
export function pointFor({ name, version, projections }: QueryDefinition, point: Point): Point {
  const known = point.versions?.projections;
  const versions = new Map(projections.map((each) => [each.name, known?.get(each.name) ?? each.version]));
  return { ...point, versions: { query: { name, version }, projections: versions } };
}
