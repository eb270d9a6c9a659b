import { YadError } from '#platform/kernel/errors.js';
import type { QueryDefinition, ReadModels } from '../definition/query.js';
import type { Point } from './point.js';

/** A question about the past. */
export interface PastAsk {
  readonly query: QueryDefinition;
  readonly parameters: any;
  readonly point: Point;
  /** How long whoever asks waits for read models as of the point to be made, in milliseconds. */
  readonly waitMs: number;
  /** Aborts when nobody waits for the answer any more. */
  readonly gone?: AbortSignal;
  /** Runs what may look at everybody in its turn. Making read models is not part of it. Absent: at once. */
  readonly turn?: <T>(work: () => Promise<T>) => Promise<T>;
}

/** Where queries read as of a point: the same SQL sees the rows as they were then. */
export interface PastReads {
  /**
   * Runs a query's work on the rows as of the point.
   * @throws what the work throws; SnapshotUnderWay; DefinitionChanged; PointIncomplete
   */
  asOf<T>(ask: PastAsk, work: (read: ReadModels, isHeavy: boolean) => Promise<T>): Promise<T>;
}

/** Whether another query or other projections made the answer than this code has. */
export const hasChanged = ({ versions }: Point, { name, version, projections }: QueryDefinition): boolean =>
  versions !== undefined &&
  ((versions.query?.name === name && versions.query.version !== version) ||
    projections.some((each) => (versions.projections.get(each.name) ?? each.version) !== each.version));

/** The read models as of the point are being made, and it takes longer than the asker waits. */
export class SnapshotUnderWay extends Error {
  constructor(
    /** The snapshot's id: how far it is can be asked for by it. */
    readonly snapshot: string,
  ) {
    super(`the read models as of this point are being made: snapshot ${snapshot}`);
  }
}

/** Query or projections are not any more what made the answer, and nothing of the old ones was kept. */
export class DefinitionChanged extends YadError {
  readonly kind = 'definition-changed';
}

/** As of the point, events about those concerned were set aside: what the answer was then cannot be told. */
export class PointIncomplete extends YadError {
  readonly kind = 'point-incomplete';
}
