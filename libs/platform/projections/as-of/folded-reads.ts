import type { EventStore } from '#platform/event-store/event-store.js';
import { NotYetThere } from '#platform/kernel/errors.js';
import type { Checkpoints, QueryDefinition, QuerySource, ReadModels } from '../definition/query.js';
import type { DecodedEvents } from '../folding/decoded-events.js';
import type { Freshness } from '../queries/freshness.js';
import { foldedTables } from './folded-tables.js';
import { historyAt, keptIn, wholeHistory, type Kept } from './history-at.js';
import { leaveLiveTables, PastStatements, pastRows, type PastTable } from './past-rows.js';
import { DefinitionChanged, hasChanged, type PastAsk, type PastReads } from './past-reads.js';
import { furthestOf, throughOf, type Point } from './point.js';
import { leftOut } from './set-aside.js';
import { eventsOfSubjects } from './subject-events.js';
import { usualFoldBounds, type FoldBounds } from './too-much-to-fold.js';

export interface FoldedReadsOptions {
  /** Where the histories are read. */
  readonly read: QuerySource;
  readonly store: Pick<EventStore, 'readSubjects'>;
  readonly decoded: DecodedEvents;
  readonly freshness: Pick<Freshness, 'measure' | 'waitFor'>;
  readonly bounds?: Partial<FoldBounds>;
}

/** What is known of one query: the tables whose history it reads, and its statements as they are asked about the past. */
interface PastQuery {
  readonly kept: readonly Kept[];
  readonly about: PastStatements;
  readonly run: PastStatements;
}

/** Histories are some milliseconds behind the log; who asks about this very moment waits so long for them at most. */
const WAIT_MS = 2_000;

/** Whether a question with these parameters is about some only: then it can be answered from their events. */
export function isAboutSome({ about }: QueryDefinition, parameters: unknown): boolean {
  const found = about?.(parameters, { rows: async () => [] });
  // Only whether it is there was asked.
  found?.catch(() => {});
  return found !== undefined;
}

/**
 * Answers about some customers as of a point: the query's own SQL over rows that are folded from their events, while it
 * runs. Who belongs to whom is read from the tables that keep their history.
 */
export class FoldedReads implements PastReads {
  private readonly queries = new WeakMap<QueryDefinition, PastQuery>();
  private readonly bounds: FoldBounds;

  constructor(private readonly options: FoldedReadsOptions) {
    this.bounds = { ...usualFoldBounds, ...options.bounds };
  }

  /**
   * As `PastReads`.
   * @throws TooMuchToFold where a snapshot is to be read instead; NotYetThere; DefinitionChanged; PointIncomplete
   */
  async asOf<T>(ask: PastAsk, work: (read: ReadModels, isHeavy: boolean) => Promise<T>): Promise<T> {
    const { query, point, gone } = ask;
    if (hasChanged(point, query)) throw new DefinitionChanged(`${query.name} was answered by other code then`);
    const { read, freshness } = this.options;
    const { kept } = this.pastOf(query);
    const histories = [...new Set(kept.map(({ projection }) => projection))];
    const names = histories.map(({ name }) => name);
    const furthest = furthestOf(point, query.reads);
    const until = performance.now() + WAIT_MS;
    for (;;) {
      gone?.throwIfAborted();
      const measured = await freshness.measure();
      const found = await read.inSnapshot(histories, query.heavy, (rows) =>
        this.answer(rows, ask, (past) => work(past, query.heavy)),
      );
      // Looked at afterwards, in the snapshot that was read: nobody has to ask twice where histories are abreast.
      if (names.length === 0 || measured(found.checkpoints, names) >= furthest) return found.answer;
      if (names.every((name) => holds(found.checkpoints, name, query, point))) return found.answer;
      const left = until - performance.now();
      if (left <= 0 || (await freshness.waitFor(furthest, names, left)) === undefined) {
        throw new NotYetThere(`${names.join(', ')} do not hold position ${furthest} yet`);
      }
    }
  }

  private async answer<T>(
    read: ReadModels,
    { query, parameters, point }: PastAsk,
    work: (read: ReadModels) => Promise<T>,
  ): Promise<T> {
    const { store, decoded } = this.options;
    const { kept, about, run } = this.pastOf(query);
    const [, ...tables] = await Promise.all([
      leaveLiveTables(read),
      ...kept.map((each) => historyAt(read, each, point, this.bounds.doubts)),
    ]);
    const subjects = await query.about!(parameters, pastRows(read, [...tables, ...kept.map(wholeHistory)], about));
    if (!subjects) throw new Error(`${query.name} is not about anybody with these parameters`);
    const through = furthestOf(point, query.reads);
    const [discarded, events] = await Promise.all([
      leftOut(read, query.projections, subjects, point),
      eventsOfSubjects(store, subjects, through, this.bounds),
    ]);
    const folding = { point, events, decoded, discarded };
    const asOfPoint = new Map<string, PastTable>();
    for (const projection of query.projections) {
      for (const table of foldedTables(projection, folding)) asOfPoint.set(table.name, table);
    }
    for (const table of tables) asOfPoint.set(table.name, table);
    // Of the histories themselves only some rows are of before the point.
    for (const { history } of kept) asOfPoint.delete(history.table.name);
    return work(pastRows(read, [...asOfPoint.values()], run));
  }

  private pastOf(query: QueryDefinition): PastQuery {
    let found = this.queries.get(query);
    if (!found) {
      const kept = keptIn(query.projections);
      found = { kept, about: new PastStatements(), run: new PastStatements() };
      this.queries.set(query, found);
    }
    return found;
  }
}

/** Whether a history holds, in each partition, all that counts at the point in anything that the query reads. */
function holds(checkpoints: Checkpoints, history: string, { reads }: QueryDefinition, point: Point): boolean {
  const own = checkpoints.get(history);
  if (own?.size !== point.partitions) return false;
  return [...own].every(([partition, at]) => reads.every((name) => at >= throughOf(point, name, partition)));
}
