import { createHash } from 'node:crypto';
import { targetsOf, type Point } from '../as-of/point.js';
import type { Projection } from '../definition/projection.js';

/**
 * `dropping`: nobody reads it any more, and its tables go as soon as those have ended who do now. `failed` and
 * `cancelled` have no tables, and are kept for a day as a record.
 */
export type SnapshotStatus = 'waiting' | 'building' | 'ready' | 'failed' | 'cancelled' | 'dropping';

/** Why one could not be made: what whoever waits for it is told, and whether another try may help. */
export type SnapshotFailure = 'point-incomplete' | 'snapshots-full' | 'newer-code' | 'unforeseen';

/** One projection of a snapshot: which version of it, and through which position the events of each partition count. */
export interface SnapshotPart {
  readonly projection: string;
  readonly version: number;
  readonly targets: readonly bigint[];
}

/** The read models as of a point. */
export interface Snapshot {
  readonly id: string;
  readonly schema: string;
  /** Under which `asOf` finds it. */
  readonly names: readonly string[];
  readonly status: SnapshotStatus;
  readonly logId: string;
  readonly incarnation: number;
  readonly partitions: number;
  readonly through: bigint;
  /** What stands for now in questions as of its point. */
  readonly now: Date;
  readonly parts: readonly SnapshotPart[];
  /** What is done now, in words. */
  readonly step: string;
  /** The log has been read from `began` up to `position`, on the way to `target`. */
  readonly began: bigint;
  readonly position: bigint;
  readonly target: bigint;
  readonly bytes: number;
  readonly madeBy: string;
  readonly madeAt: Date;
  readonly endedAt: Date | null;
  readonly lastUsedAt: Date;
  readonly keptUntil: Date | null;
  readonly failure: SnapshotFailure | null;
  readonly reason: string | null;
}

/** It is being made, or will be. */
export const isUnderWay = ({ status }: Pick<Snapshot, 'status'>): boolean =>
  status === 'waiting' || status === 'building';

/** How much of the log that is to be read has been, from 0 to 1. */
export function progressOf({ status, began, position, target }: Snapshot): number {
  if (status === 'ready') return 1;
  if (position <= began || target <= began) return 0;
  return Math.min(1, Number(position - began) / Number(target - began));
}

/** What a snapshot of these projections as of a point is made of. @param versions those of the point, where it has any */
export const partsOf = (point: Point, projections: readonly Projection[]): SnapshotPart[] =>
  projections
    .map(({ name, version }) => ({
      projection: name,
      version: point.versions?.projections.get(name) ?? version,
      targets: [...targetsOf(point, name).values()],
    }))
    .toSorted((a, b) => (a.projection < b.projection ? -1 : 1));

/** The same for those who ask for the same: of the log, the parts with their versions, and their places in the log. */
export function keyOf(logId: string, parts: readonly SnapshotPart[]): string {
  const told = parts.map(({ projection, version, targets }) => `${projection} ${version} ${targets.join(',')}`);
  return createHash('sha256')
    .update([logId, ...told].join('\n'))
    .digest('hex');
}

/** The schema of a snapshot. */
export const schemaOf = (id: string): string => `snapshot_${id.replaceAll('-', '')}`;

/** The point that a snapshot is of, and the versions that made it. */
export function pointOf({ logId, incarnation, partitions, now, through, parts }: Snapshot): Point {
  return {
    log: { id: logId, incarnation },
    partitions,
    now,
    through,
    vectors: new Map(parts.map(({ projection, targets }) => [projection, targets])),
    versions: { projections: new Map(parts.map(({ projection, version }) => [projection, version])) },
  };
}
