import type { StoredEvent, StreamId } from '#platform/kernel/envelope.js';
import { isUnavailable } from '#platform/postgres/pool.js';
import {
  isOfTypes,
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
import type { LogIdentity, SeenEvent } from '../log-identity.js';
import { Appends } from './appends.js';
import { KurrentAttachment } from './attachment.js';
import { KurrentConnection } from './connection.js';
import { isOutcomeUnknown, isTransient, Violated } from './errors.js';
import { IndexFollower } from './index/index-follower.js';
import { LogIndex } from './index/log-index.js';
import { LogReader } from './log-reader.js';
import { Names } from './names.js';
import { emptyReceiptRecordOf } from './receipt-records.js';
import { ReceiptReader } from './receipt-reader.js';
import { positionOf, type RawRecord } from './records.js';
import { StreamReader } from './stream-reader.js';

export interface KurrentEventStoreOptions {
  /** The driver's own connection string, `kurrentdb://…`. */
  readonly url: string;
  /** The Postgres database of the index. */
  readonly indexUrl: string;
  /** What the names of the log's streams begin with. */
  readonly prefix?: string;
  /** What somebody else has seen in the log: where it lacks that, another incarnation begins. */
  readonly seen?: SeenEvent;
  /** Whether this process may keep the index up to date; it may unless told otherwise. */
  readonly followsIndex?: boolean;
  /** Told of what the keeping of the index tries again. */
  readonly onTrouble?: (error: unknown) => void;
}

/** The event store on KurrentDB. */
export class KurrentEventStore implements EventStore {
  private readonly names: Names;
  private readonly connection: KurrentConnection;
  private readonly attachment: KurrentAttachment;
  private readonly log: LogReader;
  private readonly streams: StreamReader;
  private readonly receiptReader: ReceiptReader;
  private readonly appends: Appends;
  private follower: IndexFollower | undefined;

  private constructor(
    { url, prefix = 'yad', seen }: KurrentEventStoreOptions,
    private readonly index: LogIndex,
  ) {
    const names = (this.names = new Names(prefix));
    const connection = (this.connection = new KurrentConnection(url, names));
    this.attachment = new KurrentAttachment(connection, names, seen);
    this.log = new LogReader(connection, index, names);
    this.streams = new StreamReader(connection, index, this.log, names);
    this.receiptReader = new ReceiptReader(connection, index, names);
    this.appends = new Appends(connection, this.attachment, this.receiptReader, this.streams, names);
    this.attachment.onIncarnation((identity) => this.adopt(identity));
  }

  /**
   * Connects, learns which log it is, or makes it, and keeps the index from now on.
   * @throws ServerTooOld, NotMigrated
   */
  static async connect(options: KurrentEventStoreOptions): Promise<KurrentEventStore> {
    const { indexUrl, followsIndex = true, onTrouble = () => {} } = options;
    const index = await LogIndex.open(indexUrl);
    const store = new KurrentEventStore(options, index);
    try {
      await store.attachment.attach();
      store.adopt(store.identity);
    } catch (error) {
      await store.close();
      throw error;
    }
    store.follower = new IndexFollower(indexUrl, store.names, store, onTrouble);
    if (followsIndex) store.follower.start();
    return store;
  }

  /** What was known of times, and what the index has, counts for the log as it is now. */
  private adopt({ id, current }: LogIdentity): void {
    if (current.number > 1) this.log.forget();
    this.index.expect(id, current.number);
  }

  get identity(): LogIdentity {
    return this.attachment.log;
  }

  async refreshIdentity(): Promise<LogIdentity> {
    await this.attachment.attach();
    return this.identity;
  }

  onIncarnation(listener: (identity: LogIdentity) => void): () => void {
    return this.attachment.onIncarnation(listener);
  }

  /** After an error that passes another server may answer, one that lacks what this one had. */
  private async guarded<Result>(work: () => Promise<Result>): Promise<Result> {
    try {
      await this.attachment.ready();
      return await work();
    } catch (error) {
      if (isTransient(error)) this.attachment.doubt();
      throw error;
    }
  }

  append(requests: AppendRequest[]): Promise<AppendOutcome[]> {
    return this.guarded(() => this.appends.append(requests));
  }

  keepReceipt(receipt: Receipt): Promise<Receipt> {
    return this.guarded(async () => {
      const records = [emptyReceiptRecordOf(this.names, receipt)];
      const { commandId } = receipt;
      try {
        await this.connection.append({ records, expected: [{ of: 'command', commandId }] });
        return receipt;
      } catch (error) {
        if (!(error instanceof Violated)) throw error;
        return (await this.receiptReader.find([commandId])).get(commandId)!;
      }
    });
  }

  receipts(commandIds: string[]): Promise<Map<string, Receipt>> {
    return this.guarded(() => this.receiptReader.find(commandIds));
  }

  readStream(stream: StreamId, options?: ReadStreamOptions): Promise<EventPage> {
    return this.guarded(() => this.streams.readStream(stream, options));
  }

  readStreams(spans: readonly StreamSpan[], options: { limit: number; bytes?: number }): Promise<StreamEvents[]> {
    return this.guarded(() => this.streams.readStreams(spans, options));
  }

  lastRevisions(streams: readonly StreamId[]): Promise<number[]> {
    return this.guarded(() => this.streams.lastRevisions(streams));
  }

  readAll(options: ReadAllOptions): Promise<EventPage> {
    return this.guarded(() => this.log.readPage(options));
  }

  readTypes(types: EventTypes, options: ReadAllOptions & { through: bigint }): Promise<EventPage> {
    return this.guarded(() => this.log.readPage(options, ({ type }) => isOfTypes(types, type)));
  }

  readSubjects(subjects: string[], options: ReadAllOptions): Promise<EventPage> {
    return this.guarded(() => this.streams.readSubjects(subjects, options));
  }

  positionAt(recordedAt: Date): Promise<bigint> {
    return this.guarded(async () => {
      const { position: through, isLast } = await this.index.positionAt(recordedAt);
      if (isLast) return through;
      // All that the index had was recorded by then: what follows tells where that ends.
      await this.log.reach(through);
      let found = through;
      for await (const raw of this.log.after(through)) {
        const position = positionOf(raw);
        this.log.times.note(position, raw.created);
        if (this.log.times.of(position, raw.created) > recordedAt) break;
        found = position;
      }
      return found;
    });
  }

  head(): Promise<Head> {
    return this.guarded(async () => {
      const raw = await this.connection.readHead();
      if (!raw) return { position: 0n, recordedAt: null };
      const [{ position, recordedAt }] = (await this.log.decoded([raw])) as [StoredEvent];
      return { position, recordedAt };
    });
  }

  async *subscribeAll(
    after: bigint,
    { signal, limit = 1000 }: { signal: AbortSignal; limit?: number },
  ): AsyncIterable<StoredEvent[]> {
    for await (const raws of this.subscribeRaw(after, { signal, limit })) {
      const page = await this.log.decoded(raws);
      this.attachment.saw(page.at(-1)!.position, page.at(-1)!.id);
      yield page;
    }
  }

  /** As `subscribeAll`, undecoded. */
  subscribeRaw(after: bigint, { signal, limit }: { signal: AbortSignal; limit: number }): AsyncIterable<RawRecord[]> {
    const onFailure = async (error: unknown): Promise<void> => {
      if (!this.isTransient(error)) throw error;
      this.attachment.doubt();
      // Where it is another server, and the log another incarnation, that is told before anything else is read.
      await this.attachment.ready().catch((failure: unknown) => {
        if (!this.isTransient(failure)) throw failure;
      });
    };
    return this.log.subscribe(after, { signal, limit, onFailure });
  }

  /** Empties the index, which is filled again by who keeps it, or else by this process. */
  async rebuildIndex(): Promise<void> {
    await this.follower!.rebuild();
  }

  /** Up to where the index has the log. */
  async indexedThrough(): Promise<bigint> {
    return (await this.index.state()).position;
  }

  checkWritable(): Promise<void> {
    return this.guarded(() => this.attachment.assertWritable());
  }

  isTransient(error: unknown): boolean {
    return isTransient(error) || isUnavailable(error);
  }

  isOutcomeUnknown(error: unknown): boolean {
    // The index is only read: what fails there has left nothing.
    return isOutcomeUnknown(error);
  }

  async close(): Promise<void> {
    await this.follower?.close();
    await this.connection.close();
    await this.index.close();
  }
}
