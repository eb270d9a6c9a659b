import { randomBytes } from 'node:crypto';
import type { StoredEvent, StreamId } from '#platform/kernel/envelope.js';
import { systemClock, type Clock } from '#platform/kernel/clock.js';
import { newId } from '#platform/kernel/ids.js';
import { PAGE_BYTES } from '#platform/kernel/sizes.js';
import { StreamMap } from '#platform/kernel/stream-map.js';
import {
  conflictOf,
  dependencyFailed,
  isOfTypes,
  isSameStream,
  reservationKey,
  type AppendOutcome,
  type AppendRequest,
  type EventPage,
  type EventStore,
  type EventTypes,
  type Head,
  type ReadAllOptions,
  type ReadStreamOptions,
  type Receipt,
  type StreamEvents,
  type StreamSpan,
} from '../event-store.js';
import { LogIdentity } from '../log-identity.js';

/** The event store for specs: the same promises as any adapter, kept in this process's memory. */
export class MemoryEventStore implements EventStore {
  private readonly log: StoredEvent[] = [];
  private readonly streams = new StreamMap<StoredEvent[]>();
  private readonly kept = new Map<string, Receipt>();
  private readonly holders = new Map<string, StreamId>();
  private readonly waiting = new Set<() => void>();
  private readonly listeners = new Set<(identity: LogIdentity) => void>();
  identity: LogIdentity;

  constructor(
    private readonly clock: Clock = systemClock,
    private readonly secret = randomBytes(32),
  ) {
    const first = { number: 1, id: newId(), forkedAt: 0n, follows: 0n, beginsAt: 1n };
    this.identity = new LogIdentity(newId(), secret, [first]);
  }

  async refreshIdentity(): Promise<LogIdentity> {
    return this.identity;
  }

  onIncarnation(listener: (identity: LogIdentity) => void): () => void {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  }

  /** What a failover does: the events above a position are lost, and another incarnation begins. */
  failOver(through: bigint): void {
    const lost = this.log.splice(this.indexAfter(through));
    for (const { aggregate, aggregateId, commandId } of lost.toReversed()) {
      this.streams.get(aggregate, aggregateId)!.pop();
      this.kept.delete(commandId);
    }
    const { id, incarnations } = this.identity;
    const follows = this.log.at(-1)?.position ?? 0n;
    const number = incarnations.length + 1;
    const next = { number, id: newId(), forkedAt: follows, follows, beginsAt: BigInt(number) * 1_000_000n + 1n };
    this.identity = new LogIdentity(id, this.secret, [...incarnations, next]);
    for (const listener of this.listeners) listener(this.identity);
    for (const wake of this.waiting) wake();
  }

  /** The place in the log of the first event after a position. */
  private indexAfter(position: bigint): number {
    let [low, high] = [0, this.log.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.log[middle]!.position <= position) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  private get nextPosition(): bigint {
    const { beginsAt } = this.identity.current;
    const next = (this.log.at(-1)?.position ?? 0n) + 1n;
    return next > beginsAt ? next : beginsAt;
  }

  async append(requests: AppendRequest[]): Promise<AppendOutcome[]> {
    const refused = new Set<AppendRequest>();
    const outcomes = requests.map((request) => {
      const outcome = this.appendOne(request, refused);
      if (outcome.kind !== 'stored') refused.add(request);
      return outcome;
    });
    for (const wake of this.waiting) wake();
    return outcomes;
  }

  private appendOne(request: AppendRequest, refused: ReadonlySet<AppendRequest>): AppendOutcome {
    const receipt = this.kept.get(request.commandId);
    if (receipt) return { kind: 'repeated', receipt };
    if (request.dependsOn?.some((each) => refused.has(each))) return dependencyFailed(request);
    for (const look of request.readSet ?? []) {
      if (this.lengthOf(look) - 1 !== look.revision) return conflictOf(look);
    }
    if ((request.incarnation ?? this.identity.current.number) !== this.identity.current.number) {
      return conflictOf(request.events[0]!);
    }
    const next = new StreamMap<number>();
    for (const event of request.events) {
      const { aggregate, aggregateId, revision } = event;
      const expected = next.get(aggregate, aggregateId) ?? this.lengthOf(event);
      if (revision !== expected) return conflictOf(event);
      next.set(aggregate, aggregateId, expected + 1);
    }
    for (const reservation of request.reserves ?? []) {
      const holder = this.holders.get(reservationKey(reservation));
      if (holder !== undefined && !isSameStream(holder, reservation)) return { kind: 'taken', reservation, holder };
    }
    for (const each of request.reserves ?? []) {
      const { aggregate, aggregateId } = each;
      this.holders.set(reservationKey(each), { aggregate, aggregateId });
    }
    const now = this.clock.now();
    const last = this.log.at(-1)?.recordedAt;
    const recordedAt = last && last > now ? last : now;
    request.events.forEach((event, ordinal) => {
      const position = this.nextPosition;
      const stored = { ...event, position, recordedAt, commandId: request.commandId, ordinal };
      this.log.push(stored);
      const stream = this.streams.get(event.aggregate, event.aggregateId);
      if (stream) stream.push(stored);
      else this.streams.set(event.aggregate, event.aggregateId, [stored]);
    });
    const { aggregate, aggregateId, subject } = request.events[0]!;
    this.kept.set(request.commandId, {
      commandId: request.commandId,
      fingerprint: request.fingerprint,
      subject,
      aggregate,
      aggregateId,
      revision: next.get(aggregate, aggregateId)! - 1,
      position: this.log.at(-1)!.position,
      events: request.events.length,
    });
    return { kind: 'stored', position: this.log.at(-1)!.position };
  }

  async keepReceipt(receipt: Receipt): Promise<Receipt> {
    const first = this.kept.get(receipt.commandId);
    if (!first) this.kept.set(receipt.commandId, receipt);
    return first ?? receipt;
  }

  async receipts(commandIds: string[]): Promise<Map<string, Receipt>> {
    const found = new Map<string, Receipt>();
    for (const id of commandIds) {
      const receipt = this.kept.get(id);
      if (receipt) found.set(id, receipt);
    }
    return found;
  }

  async readStream(
    stream: StreamId,
    { fromRevision = 0, through, limit = 1000, bytes }: ReadStreamOptions = {},
  ): Promise<EventPage> {
    const events = this.eventsOf(stream).slice(fromRevision);
    const bounded = through === undefined ? events : events.filter((event) => event.position <= through);
    return cutTo(bounded.slice(0, limit), bytes);
  }

  async readStreams(
    spans: readonly StreamSpan[],
    { limit, bytes }: { limit: number; bytes?: number },
  ): Promise<StreamEvents[]> {
    const parts = spans.map((span) => this.eventsOf(span).slice(span.fromRevision, span.fromRevision + limit));
    const all = parts.flat();
    let left = cutTo(all, bytes).length;
    return parts.map((part) => {
      const events = part.slice(0, left);
      left -= events.length;
      return { events, more: events.length < part.length || part.length === limit };
    });
  }

  async lastRevisions(streams: readonly StreamId[]): Promise<number[]> {
    return streams.map((stream) => this.lengthOf(stream) - 1);
  }

  private eventsOf({ aggregate, aggregateId }: StreamId): readonly StoredEvent[] {
    return this.streams.get(aggregate, aggregateId) ?? [];
  }

  private lengthOf(stream: StreamId): number {
    return this.eventsOf(stream).length;
  }

  async readAll({ after, through, limit, bytes }: ReadAllOptions): Promise<EventPage> {
    const from = this.indexAfter(after);
    const end = through === undefined ? this.log.length : this.indexAfter(through);
    return cutTo(this.log.slice(from, Math.min(end, from + limit)), bytes);
  }

  async readTypes(
    types: EventTypes,
    { after, through, limit, bytes }: ReadAllOptions & { through: bigint },
  ): Promise<EventPage> {
    const all = this.log.slice(this.indexAfter(after), this.indexAfter(through));
    const found = all.filter(({ type }) => isOfTypes(types, type));
    return cutTo(found.slice(0, limit), bytes);
  }

  async readSubjects(subjects: string[], { after, through, limit, bytes }: ReadAllOptions): Promise<EventPage> {
    const wanted = new Set(subjects);
    const end = through === undefined ? this.log.length : this.indexAfter(through);
    const all = this.log.slice(this.indexAfter(after), end).filter((event) => wanted.has(event.subject));
    return cutTo(all.slice(0, limit), bytes);
  }

  async positionAt(recordedAt: Date): Promise<bigint> {
    return this.log.findLast((event) => event.recordedAt <= recordedAt)?.position ?? 0n;
  }

  async head(): Promise<Head> {
    return { position: this.log.at(-1)?.position ?? 0n, recordedAt: this.log.at(-1)?.recordedAt ?? null };
  }

  async *subscribeAll(
    after: bigint,
    { signal, limit = 1000 }: { signal: AbortSignal; limit?: number },
  ): AsyncIterable<StoredEvent[]> {
    let position = after;
    while (!signal.aborted) {
      const page = await this.readAll({ after: position, limit });
      if (page.length > 0) {
        position = page.at(-1)!.position;
        yield page;
      } else {
        await new Promise<void>((resolve) => {
          const done = (): void => {
            this.waiting.delete(done);
            signal.removeEventListener('abort', done);
            resolve();
          };
          this.waiting.add(done);
          signal.addEventListener('abort', done);
          // An append or abort between the read and here has already notified.
          if (signal.aborted || (this.log.at(-1)?.position ?? 0n) > position) done();
        });
      }
    }
  }

  async checkWritable(): Promise<void> {}

  isTransient(): boolean {
    return false;
  }

  isOutcomeUnknown(): boolean {
    return false;
  }

  async close(): Promise<void> {}
}

/** The first of these events that have so many bytes together, and the first in any case. */
function cutTo(events: StoredEvent[], most = PAGE_BYTES): EventPage {
  let bytes = 0;
  const at = events.findIndex(({ data, personalData }, index) => {
    bytes += Buffer.byteLength(data) + (personalData === null ? 0 : Buffer.byteLength(personalData));
    return index > 0 && bytes > most;
  });
  const page: EventPage = at < 0 ? events : events.slice(0, at);
  if (at > 0) page.cut = true;
  return page;
}
