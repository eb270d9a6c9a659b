import { setTimeout as sleep } from 'node:timers/promises';
import { backoff } from '#platform/kernel/backoff.js';
import type { StoredEvent } from '#platform/kernel/envelope.js';
import { PAGE_BYTES } from '#platform/kernel/sizes.js';
import type { EventPage, ReadAllOptions } from '../event-store.js';
import type { KurrentConnection } from './connection.js';
import type { LogIndex } from './index/log-index.js';
import type { Names } from './names.js';
import { bytesOf, positionOf, storedEventOf, type RawRecord } from './records.js';
import { RecordingTimes } from './recording-times.js';
import { liveEvents } from './subscription.js';

/** Records in one read of the server: what is asked for and not taken would be sent all the same. */
const CHUNK = 1_000;
/** Positions of events that are remembered: where readers of this process are. */
const MOST_KNOWN = 4_096;

/** Which of the events that come by a read is to have. */
export type Selection = (raw: RawRecord) => boolean;

/** Reads the events of this log in the order of the log. */
export class LogReader {
  readonly times = new RecordingTimes();
  private reaching: Promise<boolean> | undefined;
  private readonly known = new Set<bigint>();

  constructor(
    private readonly connection: KurrentConnection,
    private readonly index: LogIndex,
    private readonly names: Names,
  ) {}

  /** Events after a position, any position, in their order. */
  async *after(after: bigint): AsyncGenerator<RawRecord> {
    let from = await this.recordBefore(after);
    for (;;) {
      let read = 0;
      for await (const raw of this.connection.readAll(from, CHUNK + 1)) {
        read++;
        const position = positionOf(raw);
        if (position <= from) continue;
        from = position;
        if (position > after) yield raw;
      }
      if (read < CHUNK + 1) return;
    }
  }

  /**
   * Where to begin to read what comes after a position: the server reads from where a record begins and from nowhere
   * else, and a read of another place cannot be told from a server that is away. A record that is known, or else the
   * last one before it that the index has; 0 for the start.
   */
  private async recordBefore(position: bigint): Promise<bigint> {
    if (position === 0n || this.known.has(position)) return position;
    const found = await this.index.floor(position);
    if (found > 0n) this.know(found);
    // What this process has read itself may be further on.
    const { through } = this.times;
    return through <= position && through > found ? through : found;
  }

  /** Takes note of the position of an event. */
  know(position: bigint): void {
    if (this.known.has(position)) return;
    if (this.known.size >= MOST_KNOWN) this.known.delete(this.known.values().next().value!);
    this.known.add(position);
  }

  /** The event at a position, if there is one of ours. */
  async at(position: bigint): Promise<RawRecord | undefined> {
    const from = await this.recordBefore(position);
    if (from === position) for await (const raw of this.connection.readAll(position, 1)) return equal(raw, position);
    for await (const raw of this.after(position - 1n)) return equal(raw, position);
    return undefined;
  }

  /** @param selects looked at before anything of an event is decoded */
  async readPage(options: ReadAllOptions, selects?: Selection): Promise<EventPage> {
    const { raws, cut } = await this.rawPage(options, selects);
    const page: EventPage = await this.decoded(raws);
    if (cut) page.cut = true;
    return page;
  }

  /** As `readPage`, undecoded. What is read is taken note of, where it follows what is known of times. */
  async rawPage(
    { after, through, limit, bytes: most = PAGE_BYTES }: ReadAllOptions,
    selects?: Selection,
  ): Promise<{ readonly raws: RawRecord[]; readonly cut: boolean }> {
    if (through !== undefined && through <= after) return { raws: [], cut: false };
    if (through === after + 1n) {
      const raw = await this.at(through);
      return { raws: raw && limit > 0 && (!selects || selects(raw)) ? [raw] : [], cut: false };
    }
    const raws: RawRecord[] = [];
    const follows = after <= this.times.through;
    let bytes = 0;
    for await (const raw of this.after(after)) {
      const position = positionOf(raw);
      if (through !== undefined && position > through) break;
      if (follows) this.times.note(position, raw.created);
      if (selects && !selects(raw)) continue;
      const size = bytesOf(raw);
      if (raws.length > 0 && bytes + size > most) {
        this.know(positionOf(raws.at(-1)!));
        return { raws, cut: true };
      }
      bytes += size;
      raws.push(raw);
      if (raws.length >= limit) break;
    }
    if (raws.length > 0) this.know(positionOf(raws.at(-1)!));
    return { raws, cut: false };
  }

  async decoded(raws: readonly RawRecord[]): Promise<StoredEvent[]> {
    let last = 0n;
    for (const raw of raws) {
      const position = positionOf(raw);
      if (position > last) last = position;
    }
    if (last > 0n) this.know(last);
    await this.reach(last);
    return raws.map((raw) => this.decode(raw));
  }

  /** Forgets what was known of the log: it is not what it was. */
  forget(): void {
    this.times.clear();
    this.known.clear();
  }

  /** Of an event up to which times are known. */
  decode(raw: RawRecord): StoredEvent {
    return storedEventOf(this.names, raw, this.times.of(positionOf(raw), raw.created));
  }

  /** Learns the times of record up to a position: from the index, and what it does not hold yet from the log. */
  async reach(position: bigint): Promise<void> {
    while (position > this.times.through) {
      this.reaching ??= this.advance(position).finally(() => (this.reaching = undefined));
      if (!(await this.reaching)) return;
    }
  }

  /** Resolves to whether there may be more. */
  private async advance(position: bigint): Promise<boolean> {
    const { times } = this;
    const known = await this.index.times(times.through);
    if (known) {
      times.learn(known);
      this.know(times.through);
    }
    if (position <= times.through) return true;
    for await (const raw of this.after(times.through)) {
      times.note(positionOf(raw), raw.created);
      if (times.through >= position) return true;
    }
    return false;
  }

  /**
   * Events after a position for ever: in pages while there are some, then as the server sends them. What fails is begun
   * again from where it was.
   * @param onFailure told of each failure; throws where it is not to be tried again
   */
  async *subscribe(
    after: bigint,
    { signal, limit, onFailure }: { signal: AbortSignal; limit: number; onFailure: (error: unknown) => Promise<void> },
  ): AsyncGenerator<RawRecord[]> {
    let position = after;
    let isEvent = after === 0n;
    for (let failures = 0; !signal.aborted;) {
      try {
        for (;;) {
          const { raws, cut } = await this.rawPage({ after: position, limit });
          if (signal.aborted) return;
          if (raws.length === 0) break;
          position = positionOf(raws.at(-1)!);
          isEvent = true;
          failures = 0;
          yield raws;
          if (raws.length < limit && !cut) break;
        }
        // The server sends what follows a record. Where none of ours is at the position, there is none after it.
        const head = isEvent ? undefined : await this.connection.readHead();
        const from = isEvent ? position : head ? positionOf(head) : 0n;
        if (from > position) continue;
        for await (const page of liveEvents(this.connection, from, { signal, limit })) {
          const raws = page.filter((raw) => positionOf(raw) > position);
          if (raws.length === 0) continue;
          const follows = position <= this.times.through;
          for (const raw of raws) if (follows) this.times.note(positionOf(raw), raw.created);
          position = positionOf(raws.at(-1)!);
          isEvent = true;
          failures = 0;
          this.know(position);
          yield raws;
        }
      } catch (error) {
        if (signal.aborted) return;
        await onFailure(error);
        await sleep(backoff(++failures, { firstMs: 20, capMs: 2_000 }), undefined, { signal }).catch(() => {});
      }
    }
  }
}

const equal = (raw: RawRecord, position: bigint): RawRecord | undefined =>
  positionOf(raw) === position ? raw : undefined;
