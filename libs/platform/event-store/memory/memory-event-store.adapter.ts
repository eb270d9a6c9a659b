import type { StoredEvent } from '#platform/kernel/envelope.js';
import { systemClock, type Clock } from '#platform/kernel/clock.js';
import {
  groundless,
  type AppendOutcome,
  type AppendRequest,
  type EventStore,
  type Head,
  type ReadAllOptions,
  type Receipt,
} from '../event-store.js';

/** The event store for specs: the same promises as any adapter, kept in this process's memory. */
export class MemoryEventStore implements EventStore {
  private readonly log: StoredEvent[] = [];
  private readonly streams = new Map<string, StoredEvent[]>();
  private readonly kept = new Map<string, Receipt>();
  private readonly waiting = new Set<() => void>();

  constructor(private readonly clock: Clock = systemClock) {}

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
    if (request.restsOn?.some((each) => refused.has(each))) return groundless(request);
    for (const { stream, revision } of request.looksAt ?? []) {
      if ((this.streams.get(stream)?.length ?? 0) - 1 > revision) return { kind: 'conflict', stream };
    }
    const next = new Map<string, number>();
    for (const { stream, revision } of request.events) {
      const expected = next.get(stream) ?? this.streams.get(stream)?.length ?? 0;
      if (revision !== expected) return { kind: 'conflict', stream };
      next.set(stream, expected + 1);
    }
    const firstPosition = BigInt(this.log.length + 1);
    const now = this.clock.now();
    const last = this.log.at(-1)?.recordedAt;
    const recordedAt = last && last > now ? last : now;
    request.events.forEach((event, ordinal) => {
      const position = BigInt(this.log.length + 1);
      const stored = { ...event, position, recordedAt, commandId: request.commandId, ordinal };
      this.log.push(stored);
      const stream = this.streams.get(event.stream);
      if (stream) stream.push(stored);
      else this.streams.set(event.stream, [stored]);
    });
    const { stream } = request.events[0]!;
    this.kept.set(request.commandId, {
      commandId: request.commandId,
      fingerprint: request.fingerprint,
      stream,
      revision: next.get(stream)! - 1,
      position: BigInt(this.log.length),
      events: request.events.length,
    });
    return { kind: 'stored', firstPosition, recordedAt };
  }

  async keepReceipt(receipt: Receipt): Promise<Receipt> {
    const standing = this.kept.get(receipt.commandId);
    if (!standing) this.kept.set(receipt.commandId, receipt);
    return standing ?? receipt;
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
    stream: string,
    { fromRevision = 0, through, limit }: { fromRevision?: number; through?: bigint; limit?: number } = {},
  ): Promise<StoredEvent[]> {
    const events = (this.streams.get(stream) ?? []).slice(fromRevision);
    const bounded = through === undefined ? events : events.filter((event) => event.position <= through);
    return limit === undefined ? bounded : bounded.slice(0, limit);
  }

  async readAll({ after, through, limit }: ReadAllOptions): Promise<StoredEvent[]> {
    const end = through === undefined ? this.log.length : Number(through);
    return this.log.slice(Number(after), Math.min(end, Number(after) + limit));
  }

  async readSubjects(subjects: string[], { after, through, limit }: ReadAllOptions): Promise<StoredEvent[]> {
    const wanted = new Set(subjects);
    const all = await this.readAll({ after, through, limit: this.log.length });
    return all.filter((event) => wanted.has(event.subject)).slice(0, limit);
  }

  async positionAt(recordedAt: Date): Promise<bigint> {
    return BigInt(this.log.filter((event) => event.recordedAt <= recordedAt).length);
  }

  async head(): Promise<Head> {
    return { position: BigInt(this.log.length), recordedAt: this.log.at(-1)?.recordedAt ?? null };
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
          // An append or abort between the read and here has already rung.
          if (signal.aborted || this.log.length > Number(position)) done();
        });
      }
    }
  }

  isTransient(): boolean {
    return false;
  }

  isOutcomeUnknown(): boolean {
    return false;
  }

  async close(): Promise<void> {}
}
