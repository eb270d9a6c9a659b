import { encodeEvent, sizeInLog, type ProposedEvent } from './record-encoding.js';
import { RecentIds } from './recent-ids.js';

/** Expected states of a stream that are no revision, by the numbers of the protocol. */
export const expected = { noStream: -1n, any: -2n, exists: -4n } as const;

/** An event in the log. */
export interface LogRecord {
  readonly stream: string;
  readonly id: string;
  readonly type: string;
  readonly revision: number;
  /** Commit and prepare position. */
  readonly position: bigint;
  /** The event as the answer of a read. */
  readonly encoded: Buffer;
}

/** A stream of a write, to be written to or only looked at. */
export interface StreamCheck {
  readonly stream: string;
  /** A revision, or one of `expected`. */
  readonly expected: bigint;
}

/** Events for any of the streams that it names, all or none. */
export interface Write {
  readonly streams: readonly StreamCheck[];
  readonly events: readonly (ProposedEvent & { readonly streamIndex: number })[];
}

export interface FailedCheck extends StreamCheck {
  /** Of the stream in the write. */
  readonly streamIndex: number;
  /** -1 for a stream without events. */
  readonly actual: bigint;
}

export type WriteResult =
  /** Also of a write that was done before. */
  | { readonly kind: 'written'; readonly position: bigint; readonly revisions: ReadonlyMap<number, number> }
  | { readonly kind: 'failed'; readonly failures: readonly FailedCheck[] };

export interface LogOptions {
  /** Where the log begins. Beyond 2^53 by default: a reader that makes a number of a position meets another event. */
  readonly firstPosition?: bigint;
  readonly clock?: () => Date;
  /** After so many events the server writes one of its own, as real ones do. */
  readonly systemEventEvery?: number;
  /** How many ids of events a write to *any* revision is looked up in. */
  readonly recentIds?: number;
}

type Decision =
  { readonly kind: 'ok' } | { readonly kind: 'repeated'; readonly last: number } | { readonly kind: 'failed' };

/** What a server holds: one log of all streams, in memory, with the server's rules of what may be written. */
export class KurrentLog {
  readonly records: LogRecord[] = [];
  /** Recording times; a spec lets them step back. */
  clock: () => Date;
  private readonly streams = new Map<string, LogRecord[]>();
  private readonly recent: RecentIds;
  private readonly waiting = new Set<() => void>();
  private readonly systemEventEvery: number;
  private end: bigint;

  constructor(options: LogOptions = {}) {
    this.end = options.firstPosition ?? 2n ** 53n + 1n;
    this.clock = options.clock ?? (() => new Date());
    this.recent = new RecentIds(options.recentIds ?? 50_000);
    this.systemEventEvery = options.systemEventEvery ?? 50;
    this.writeSystemEvent('$$$users', '$metadata');
    this.writeSystemEvent('$settings', '$settings');
  }

  /** The events of a stream, by revision. */
  stream(name: string): readonly LogRecord[] {
    return this.streams.get(name) ?? [];
  }

  /** Writes all events, or none: where each stream is as expected, or where all were written by the same write before. */
  write({ streams, events }: Write): WriteResult {
    const idsOf: string[][] = streams.map(() => []);
    for (const { streamIndex, id } of events) idsOf[streamIndex]!.push(id);
    const decisions = streams.map((check, index) => this.decide(check, idsOf[index]!));
    const written = decisions.filter((_, index) => idsOf[index]!.length > 0);
    if (decisions.every(({ kind }) => kind === 'ok')) return this.add(streams, events);
    // A repeated write was done, whatever has become since of the streams that it only looked at.
    if (written.length > 0 && written.every(({ kind }) => kind === 'repeated'))
      return this.repeated(streams, decisions);
    const failures = streams.flatMap((check, streamIndex) =>
      decisions[streamIndex]!.kind === 'ok' ? [] : [{ ...check, streamIndex, actual: this.lastRevision(check.stream) }],
    );
    return { kind: 'failed', failures };
  }

  /** Index of the first event at or after a position. */
  indexAt(position: bigint): number {
    let low = 0;
    let high = this.records.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.records[middle]!.position < position) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Whether a record begins there, or the log ends there: the server can read from nowhere else. */
  isBoundary(position: bigint): boolean {
    return position >= this.end || this.records[this.indexAt(position)]?.position === position;
  }

  /** Resolves when something was written, or the signal aborts. */
  changed(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        this.waiting.delete(done);
        signal.removeEventListener('abort', done);
        resolve();
      };
      if (signal.aborted) return resolve();
      this.waiting.add(done);
      signal.addEventListener('abort', done);
    });
  }

  private lastRevision(stream: string): bigint {
    return BigInt(this.stream(stream).length) - 1n;
  }

  private decide({ stream, expected: state }: StreamCheck, ids: readonly string[]): Decision {
    const current = this.lastRevision(stream);
    if (state === expected.exists && current < 0n) return { kind: 'failed' };
    if (state === expected.any || state === expected.exists) return this.decideAtAnyRevision(stream, ids);
    if (state === current) return { kind: 'ok' };
    if (state > current || ids.length === 0) return { kind: 'failed' };
    const first = Number(state) + 1;
    const isRepeated = ids.every((id, i) => this.stream(stream)[first + i]?.id === id);
    return isRepeated ? { kind: 'repeated', last: first + ids.length - 1 } : { kind: 'failed' };
  }

  private decideAtAnyRevision(stream: string, ids: readonly string[]): Decision {
    const places = ids.map((id) => this.recent.get(id)).map((place) => (place?.stream === stream ? place : undefined));
    if (places[0] === undefined) return { kind: 'ok' };
    // Some of them are there and some are not: neither the same write, nor one that can be done.
    if (places.includes(undefined)) return { kind: 'failed' };
    return { kind: 'repeated', last: places.at(-1)!.revision };
  }

  private add(streams: Write['streams'], events: Write['events']): WriteResult {
    const revisions = new Map<number, number>();
    let position = -1n;
    const recordedAt = this.clock();
    for (const event of events) {
      const record = this.put(streams[event.streamIndex]!.stream, event, recordedAt);
      revisions.set(event.streamIndex, record.revision);
      position = record.position;
      if (this.records.length % this.systemEventEvery === 0) this.owed++;
    }
    // Between writes, never inside one: a transaction's events are neighbours.
    for (; this.owed > 0; this.owed--) this.writeSystemEvent('$stats-127.0.0.1:2113', '$statsCollected');
    this.tell();
    return { kind: 'written', position, revisions };
  }

  private owed = 0;

  private repeated(streams: Write['streams'], decisions: readonly Decision[]): WriteResult {
    const revisions = new Map<number, number>();
    let position = -1n;
    for (const [index, decision] of decisions.entries()) {
      if (decision.kind !== 'repeated') continue;
      revisions.set(index, decision.last);
      const last = this.stream(streams[index]!.stream)[decision.last]!.position;
      if (last > position) position = last;
    }
    return { kind: 'written', position, revisions };
  }

  private put(stream: string, event: ProposedEvent, recordedAt: Date): LogRecord {
    let records = this.streams.get(stream);
    if (!records) this.streams.set(stream, (records = []));
    const place = { stream, revision: records.length, position: this.end, recordedAt };
    const { id, type } = event;
    const record = {
      stream,
      id,
      type,
      revision: place.revision,
      position: place.position,
      encoded: encodeEvent(event, place),
    };
    this.end += BigInt(sizeInLog(stream, event));
    this.recent.put(id, record);
    records.push(record);
    this.records.push(record);
    return record;
  }

  private writeSystemEvent(stream: string, type: string): void {
    const id = `00000000-0000-4000-8000-${String(this.records.length).padStart(12, '0')}`;
    const data = Buffer.from(JSON.stringify({ written: this.records.length }));
    this.put(stream, { id, type, isJson: true, data, metadata: new Uint8Array() }, this.clock());
  }

  private tell(): void {
    for (const done of [...this.waiting]) done();
  }
}
