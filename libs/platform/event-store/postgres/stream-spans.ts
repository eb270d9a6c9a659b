import { isId } from '#platform/kernel/ids.js';
import { encodeArray } from '#platform/postgres/arrays.js';
import type { StreamEvents, StreamSpan } from '../event-store.js';
import { toStoredEvent, type EventRow } from './rows.js';

/** An event's row, and which of the spans that were asked for it is in, from 1. */
export type SpanRow = [...EventRow, number];
const ORDINAL = 15;

/** Spans of streams as one query asks for them, and its rows as the answer to each span. */
export class SpansQuery {
  /** Aggregates, their ids, first revisions. */
  readonly values: Buffer[];
  /** The spans that the query asks for: what has no id of the log's kind has no events. */
  private readonly asked: number[] = [];

  constructor(private readonly spans: readonly StreamSpan[]) {
    const aggregates: string[] = [];
    const ids: string[] = [];
    const revisions: number[] = [];
    spans.forEach(({ aggregate, aggregateId, fromRevision }, at) => {
      if (!isId(aggregateId)) return;
      this.asked.push(at);
      aggregates.push(aggregate);
      ids.push(aggregateId);
      revisions.push(fromRevision);
    });
    this.values = [encodeArray('text', aggregates), encodeArray('uuid', ids), encodeArray('int4', revisions)];
  }

  /**
   * @param rows in the order of the spans
   * @param cutAt the span within or before which the bytes ended the rows, as a row has it; none: they are whole
   * @param limit events of one span at most
   */
  answers(rows: readonly SpanRow[], cutAt: number | undefined, limit: number): StreamEvents[] {
    const answers = this.spans.map((): { events: StreamEvents['events'][number][]; more: boolean } => ({
      events: [],
      more: false,
    }));
    for (const row of rows) answers[this.asked[row[ORDINAL] - 1]!]!.events.push(toStoredEvent(row));
    for (const answer of answers) answer.more = answer.events.length === limit;
    if (cutAt !== undefined) for (const at of this.asked.slice(cutAt - 1)) answers[at]!.more = true;
    return answers;
  }
}

/** The span of a row, as `answers` takes it. */
export const spanOf = (row: SpanRow): number => row[ORDINAL];
