import { HeavyNeeded, type ReadModels } from '../definition/query.js';
import { isAboutSome } from './folded-reads.js';
import { hasChanged, type PastAsk, type PastReads } from './past-reads.js';
import { TooMuchToFold } from './too-much-to-fold.js';

/**
 * Questions about the past, each answered where it costs least: about some customers from rows that are folded from their
 * events, about everybody from a snapshot. What other code answered then, only a snapshot of then can tell.
 */
export class Past implements PastReads {
  constructor(
    private readonly folded: PastReads,
    private readonly snapshots: PastReads,
  ) {}

  async asOf<T>(ask: PastAsk, work: (read: ReadModels, isHeavy: boolean) => Promise<T>): Promise<T> {
    if (!hasChanged(ask.point, ask.query) && isAboutSome(ask.query, ask.parameters)) {
      const { query, turn } = ask;
      const fold = (): Promise<T> => this.folded.asOf(ask, work);
      try {
        return await (query.heavy && turn ? turn(fold) : fold());
      } catch (error) {
        if (!(error instanceof TooMuchToFold || error instanceof HeavyNeeded)) throw error;
      }
    }
    return this.snapshots.asOf(ask, work);
  }
}
