import type { EventStore } from '#platform/event-store/event-store.js';
import { streamName, type StoredEvent, type StreamId } from '#platform/kernel/envelope.js';

/** Positions without an event, both ends included. */
export interface Hole {
  readonly from: bigint;
  readonly to: bigint;
}

/** A stream whose revisions do not follow each other from 0: after `after` (-1: none) came `next`. */
export interface BrokenStream {
  /** `<aggregate>-<id>`. */
  readonly stream: string;
  readonly after: number;
  readonly next: number;
  /** Of the event with the revision `next`. */
  readonly position: bigint;
}

/** What is wrong in the log itself, whatever the read models say. */
export interface LogReport {
  /** The log was read up to here. */
  readonly head: bigint;
  readonly events: number;
  /** The first of the holes and of the broken streams, in the order of the log. */
  readonly holes: readonly Hole[];
  readonly streams: readonly BrokenStream[];
  /** How many there are in all. */
  readonly holesInAll: number;
  readonly streamsInAll: number;
}

/** Nothing is missing. */
export const isWhole = ({ holesInAll, streamsInAll }: LogReport): boolean => holesInAll + streamsInAll === 0;

/** Holes that are as they should be: those before the start of an incarnation of the log. */
export const legitimateHoles = ({ identity }: Pick<EventStore, 'identity'>): Hole[] =>
  identity.holes.map(({ after, before }) => ({ from: after + 1n, to: before - 1n }));

const MOST_NAMED = 100;

/** Looks through the log, page by page as it is read anyway, for positions and revisions that are missing. */
export class LogCheck {
  private at = 0n;
  private events = 0;
  private readonly revisions = new LastRevisions();
  private readonly holes: Hole[] = [];
  private readonly streams: BrokenStream[] = [];
  private holesInAll = 0;
  private streamsInAll = 0;

  /** @param start what comes first follows this position; the revisions before it are not known, so none are checked */
  constructor(
    private readonly legitimate: readonly Hole[] = [],
    private readonly start = 0n,
  ) {
    this.at = start;
  }

  /** Up to where the log has been seen. */
  get position(): bigint {
    return this.at;
  }

  /** The next events of the log. */
  take(page: readonly StoredEvent[]): void {
    for (const event of page) {
      const { position } = event;
      if (position > this.at + 1n) this.hole({ from: this.at + 1n, to: position - 1n });
      if (this.start === 0n) this.follow(event);
      this.at = position;
      this.events++;
    }
  }

  private follow(event: StoredEvent): void {
    const { revision, position } = event;
    const after = this.revisions.put(event, revision);
    if (revision === after + 1) return;
    this.streamsInAll++;
    if (this.streams.length >= MOST_NAMED) return;
    this.streams.push({ stream: streamName(event), after, next: revision, position });
  }

  /** Reads on to the head. */
  async finish(
    store: Pick<EventStore, 'readAll' | 'head'>,
    { signal, pageSize = 500 }: { signal?: AbortSignal; pageSize?: number } = {},
  ): Promise<LogReport> {
    const { position: head } = await store.head();
    while (this.at < head) {
      signal?.throwIfAborted();
      const page = await store.readAll({ after: this.at, through: head, limit: pageSize });
      if (page.length === 0) throw new Error(`the store says it ends at ${head}, but has nothing after ${this.at}`);
      this.take(page);
    }
    return this.report;
  }

  /** What was found so far. */
  get report(): LogReport {
    const { events, holes, streams, holesInAll, streamsInAll } = this;
    return { head: this.at, events, holes, streams, holesInAll, streamsInAll };
  }

  private hole({ from, to }: Hole): void {
    if (this.legitimate.some((each) => each.from <= from && to <= each.to)) return;
    this.holesInAll++;
    if (this.holes.length < MOST_NAMED) this.holes.push({ from, to });
  }
}

const EMPTY = -1;

/**
 * The last revision of each stream, by a hash of 53 bits of its aggregate and id: some 25 bytes for a stream, where a map of names
 * would take eight times as much. That two of ten million streams meet is less likely than 1 in 100, and would name a
 * stream that is whole.
 */
class LastRevisions {
  private hashes = new Float64Array(1 << 12);
  private revisions = new Int32Array(1 << 12).fill(EMPTY);
  private taken = 0;

  /** Keeps the revision of a stream; the one before is its answer, -1 when there was none. */
  put(stream: StreamId, revision: number): number {
    if (this.taken * 2 >= this.revisions.length) this.grow();
    const hash = hashOf(stream.aggregate, stream.aggregateId);
    const slot = this.slotOf(hash);
    const before = this.revisions[slot]!;
    if (before === EMPTY) {
      this.taken++;
      this.hashes[slot] = hash;
    }
    this.revisions[slot] = revision;
    return before;
  }

  private slotOf(hash: number): number {
    const mask = this.revisions.length - 1;
    let slot = hash % this.revisions.length;
    while (this.revisions[slot] !== EMPTY && this.hashes[slot] !== hash) slot = (slot + 1) & mask;
    return slot;
  }

  private grow(): void {
    const { hashes, revisions } = this;
    this.hashes = new Float64Array(hashes.length * 2);
    this.revisions = new Int32Array(revisions.length * 2).fill(EMPTY);
    for (let at = 0; at < revisions.length; at++) {
      if (revisions[at] === EMPTY) continue;
      const slot = this.slotOf(hashes[at]!);
      this.hashes[slot] = hashes[at]!;
      this.revisions[slot] = revisions[at]!;
    }
  }
}

/** cyrb53 of two texts: quick, and spread well over 53 bits. */
function hashOf(first: string, second: string): number {
  let a = 0xdeadbeef;
  let b = 0x41c6ce57;
  const { length } = first;
  for (let i = 0; i <= length + second.length; i++) {
    // A character of no text between the two, so that they do not run into each other.
    const code = i < length ? first.charCodeAt(i) : i === length ? 0xffff : second.charCodeAt(i - length - 1);
    a = Math.imul(a ^ code, 2654435761);
    b = Math.imul(b ^ code, 1597334677);
  }
  a = Math.imul(a ^ (a >>> 16), 2246822507) ^ Math.imul(b ^ (b >>> 13), 3266489909);
  b = Math.imul(b ^ (b >>> 16), 2246822507) ^ Math.imul(a ^ (a >>> 13), 3266489909);
  return 4294967296 * (2097151 & b) + (a >>> 0);
}
