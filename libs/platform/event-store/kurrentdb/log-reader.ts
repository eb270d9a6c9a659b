import { setTimeout as sleep } from 'node:timers/promises';
import { backoff } from '#platform/kernel/backoff.js';
import type { StoredEvent } from '#platform/kernel/envelope.js';
import { PAGE_BYTES } from '#platform/kernel/sizes.js';
import type { EventPage, ReadAllOptions } from '../event-store.js';
import type { KurrentConnection } from './connection.js';
import { isInvalidPosition } from './errors.js';
import type { LogIndex } from './index/log-index.js';
import type { Names } from './names.js';
import { bytesOf, positionOf, storedEventOf, type RawRecord } from './records.js';
import { RecordingTimes } from './recording-times.js';
import { liveEvents } from './subscription.js';

/** Records in one read of the server: what is asked for and not taken would be sent all the same. */
const CHUNK = 1_000;

/** Which of the events that come by a read is to have. */
export type Selection = (raw: RawRecord) => boolean;

/** Reads the events of this log in the order of the log. */
export class LogReader {
  readonly times = new RecordingTimes();
  private reaching: Promise<boolean> | undefined;

  constructor(
    private readonly connection: KurrentConnection,
    private readonly index: LogIndex,
    private readonly names: Names,
  ) {}

  /** Events after a position, any position, in their order. */
  async *after(after: bigint): AsyncGenerator<RawRecord> {
    const begin = after === 0n ? undefined : await this.chunkAfter(after);
    // Only what begins with a record can be read from: where none of ours does, from the one before it that is known.
    let from = begin ? after : after === 0n ? 0n : await this.index.floor(after);
    let chunk = begin ?? this.connection.readAll(from, CHUNK + 1);
    for (;;) {
      let read = 0;
      for await (const raw of chunk) {
        read++;
        const position = positionOf(raw);
        if (position <= from && from > 0n) continue;
        from = position;
        if (position > after) yield raw;
      }
      if (read < CHUNK + 1) return;
      chunk = this.connection.readAll(from, CHUNK + 1);
    }
  }

  /** What follows the event at this position, with it; undefined where there is none of ours. */
  private async chunkAfter(position: bigint): Promise<AsyncGenerator<RawRecord> | undefined> {
    const chunk = this.connection.readAll(position, CHUNK + 1);
    try {
      const first = await chunk.next();
      if (!first.done && positionOf(first.value) === position) return following(first.value, chunk);
    } catch (error) {
      if (!isInvalidPosition(error)) throw error;
      return undefined;
    }
    await chunk.return(undefined);
    return undefined;
  }

  /** The event at a position, if there is one of ours. */
  async at(position: bigint): Promise<RawRecord | undefined> {
    try {
      for await (const raw of this.connection.readAll(position, 1)) {
        return positionOf(raw) === position ? raw : undefined;
      }
    } catch (error) {
      if (!isInvalidPosition(error)) throw error;
    }
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
      if (raws.length > 0 && bytes + size > most) return { raws, cut: true };
      bytes += size;
      raws.push(raw);
      if (raws.length >= limit) break;
    }
    return { raws, cut: false };
  }

  async decoded(raws: readonly RawRecord[]): Promise<StoredEvent[]> {
    let last = 0n;
    for (const raw of raws) {
      const position = positionOf(raw);
      if (position > last) last = position;
    }
    await this.reach(last);
    return raws.map((raw) => this.decode(raw));
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
    if (known) times.learn(known);
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

async function* following(first: RawRecord, rest: AsyncGenerator<RawRecord>): AsyncGenerator<RawRecord> {
  yield first;
  yield* rest;
}
