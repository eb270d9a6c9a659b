import type { StreamId } from '#platform/kernel/envelope.js';
import { isId } from '#platform/kernel/ids.js';
import { MAX_POSITION } from '#platform/kernel/position.js';
import { PAGE_BYTES } from '#platform/kernel/sizes.js';
import type { EventPage, ReadAllOptions, ReadStreamOptions, StreamEvents, StreamSpan } from '../event-store.js';
import type { KurrentConnection } from './connection.js';
import { inParallel } from './in-parallel.js';
import type { IndexedEvent, LogIndex } from './index/log-index.js';
import type { LogReader } from './log-reader.js';
import type { Names } from './names.js';
import { bytesOf, positionOf, propertiesOf, subjectOf, type RawRecord } from './records.js';

/** Reads of streams under way at once, for one call. */
const AT_ONCE = 16;
/** Events of subjects that are fetched together: what they weigh is only known then. */
const FETCHED = 64;

/** Reads streams, and the events about subjects in whatever streams they are. */
export class StreamReader {
  constructor(
    private readonly connection: KurrentConnection,
    private readonly index: LogIndex,
    private readonly log: LogReader,
    private readonly names: Names,
  ) {}

  async readStream(
    stream: StreamId,
    { fromRevision = 0, through, limit = 1000, bytes = PAGE_BYTES }: ReadStreamOptions = {},
  ): Promise<EventPage> {
    const { raws, cut } = await this.raws({ ...stream, fromRevision }, { through, limit, bytes });
    const page: EventPage = await this.log.decoded(raws);
    if (cut) page.cut = true;
    return page;
  }

  private async raws(
    span: StreamSpan,
    { through, limit, bytes: most }: { through?: bigint; limit: number; bytes: number },
  ): Promise<{ raws: RawRecord[]; cut: boolean }> {
    const raws: RawRecord[] = [];
    // The log has no other ids.
    if (!isId(span.aggregateId)) return { raws, cut: false };
    let bytes = 0;
    const { fromRevision } = span;
    for await (const raw of this.connection.readStream(this.names.stream(span), { fromRevision, limit })) {
      if (through !== undefined && positionOf(raw) > through) break;
      bytes += bytesOf(raw);
      if (raws.length > 0 && bytes > most) return { raws, cut: true };
      raws.push(raw);
    }
    return { raws, cut: false };
  }

  async readStreams(
    spans: readonly StreamSpan[],
    { limit, bytes = PAGE_BYTES }: { limit: number; bytes?: number },
  ): Promise<StreamEvents[]> {
    const answers: StreamEvents[] = [];
    let left = bytes;
    let isFirst = true;
    let isCut = false;
    for (let at = 0; at < spans.length; at += AT_ONCE) {
      const some = spans.slice(at, at + AT_ONCE);
      const found = isCut ? [] : await inParallel(some, AT_ONCE, (span) => this.raws(span, { limit, bytes: left }));
      const parts = some.map((_, i) => {
        const { raws = [], cut = false } = found[i] ?? {};
        const fitting: RawRecord[] = [];
        for (const raw of raws) {
          left -= bytesOf(raw);
          isCut ||= left < 0 && !isFirst;
          if (isCut) break;
          isFirst = false;
          fitting.push(raw);
        }
        // What the bytes have ended is asked for again from there on, and so is all that comes after.
        return { raws: fitting, more: isCut || cut || fitting.length === limit };
      });
      const events = await this.log.decoded(parts.flatMap(({ raws }) => raws));
      let next = 0;
      for (const { raws, more } of parts) answers.push({ events: events.slice(next, (next += raws.length)), more });
    }
    return answers;
  }

  async lastRevisions(streams: readonly StreamId[]): Promise<number[]> {
    return inParallel(streams, AT_ONCE, async (stream) => {
      if (!isId(stream.aggregateId)) return -1;
      const last = await this.connection.readLast(this.names.stream(stream));
      return last ? Number(last.revision) : -1;
    });
  }

  /** From the index, as far as it goes, and from the log behind it. */
  async readSubjects(
    subjects: readonly string[],
    { after, through = MAX_POSITION, limit, bytes = PAGE_BYTES }: ReadAllOptions,
  ): Promise<EventPage> {
    const wanted = new Set(subjects);
    const indexed = await this.index.ofSubjects(subjects, { after, through, limit });
    const page: EventPage = [];
    let left = bytes;
    for (let at = 0; at < indexed.events.length; at += FETCHED) {
      const fitting: RawRecord[] = [];
      let isCut = false;
      for (const raw of await this.fetch(indexed.events.slice(at, at + FETCHED))) {
        left -= bytesOf(raw);
        isCut = left < 0 && page.length + fitting.length > 0;
        if (isCut) break;
        fitting.push(raw);
      }
      page.push(...(await this.log.decoded(fitting)));
      if (isCut) {
        page.cut = true;
        return page;
      }
    }
    const behind = indexed.through > after ? indexed.through : after;
    if (page.length >= limit || behind >= through) return page;
    const rest = { after: behind, through, limit: limit - page.length, bytes: Math.max(left, 1) };
    const further = await this.log.readPage(rest, (raw) =>
      wanted.has(subjectOf(propertiesOf(raw), this.names.streamIdOf(raw.streamId).aggregateId)),
    );
    // The first of a page comes however large it is, but only the first.
    const [first] = further;
    if (first && page.length > 0 && left < first.data.length) {
      page.cut = true;
      return page;
    }
    page.push(...further);
    if (further.cut) page.cut = true;
    return page;
  }

  /** Events by where they are, in the order of the log: neighbours in a stream are read together. */
  private async fetch(wanted: readonly IndexedEvent[]): Promise<RawRecord[]> {
    const runs: { first: IndexedEvent; count: number }[] = [];
    const last = new Map<string, { first: IndexedEvent; count: number }>();
    for (const event of wanted) {
      const name = this.names.stream(event);
      const run = last.get(name);
      if (run && run.first.revision + run.count === event.revision) run.count++;
      else {
        const next = { first: event, count: 1 };
        runs.push(next);
        last.set(name, next);
      }
    }
    const found = await inParallel(runs, AT_ONCE, async ({ first, count }) => {
      const raws: RawRecord[] = [];
      const options = { fromRevision: first.revision, limit: count };
      for await (const raw of this.connection.readStream(this.names.stream(first), options)) raws.push(raw);
      if (raws.length !== count)
        throw new Error(`the log lacks events of ${this.names.stream(first)} that its index has`);
      return raws;
    });
    return found.flat().toSorted((one, other) => (positionOf(one) < positionOf(other) ? -1 : 1));
  }
}
