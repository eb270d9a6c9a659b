import type { StoredEvent, StreamId } from '#platform/kernel/envelope.js';
import { isId } from '#platform/kernel/ids.js';
import { systemClock, type Clock } from '#platform/kernel/clock.js';
import { MAX_POSITION } from '#platform/kernel/position.js';
import { PAGE_BYTES } from '#platform/kernel/sizes.js';
import { StreamMap } from '#platform/kernel/stream-map.js';
import { encodeArray } from '#platform/postgres/arrays.js';
import { bringUpToDate } from '#platform/postgres/migrations.js';
import {
  connect,
  createPool,
  isOutcomeUnknown,
  isUnavailable,
  Pipeline,
  type Pool,
  type PoolClient,
} from '#platform/postgres/pool.js';
import { ClocksApart } from '#platform/kernel/errors.js';
import {
  conflictOf,
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
  type Reservation,
  type StreamEvents,
  type StreamSpan,
} from '../event-store.js';
import { resolve } from '../append-conflicts.js';
import type { LogIdentity, SeenEvent } from '../log-identity.js';
import { appendQuery } from './append-query.js';
import { AnotherLog, Attachment, LogMoved } from './attachment.js';
import { CommitListener } from './commit-listener.js';
import { CommitNotifier } from './commit-notifier.js';
import { toReceipt, toStoredEvent, types, type EventRow, type LargeRow, type ReceiptRow } from './rows.js';
import { statements, type Statement } from './statements.js';
import { StoredRevisions } from './stored-revisions.js';
import { spanOf, SpansQuery, type SpanRow } from './stream-spans.js';
import { storeSchema } from './store.migrations.js';
import { WriteHealth } from './write-health.js';

const MAX_ROUNDS = 20;
/** Bytes of an event that come with the others of its page whatever its size: most have fewer. */
const LEAST_SMALL = 2048;

export interface PostgresEventStoreOptions {
  url: string;
  /** Time of record instead of the database's own clock: for specs. */
  clock?: Clock;
  /** This process's clock, which the database holds against its own. */
  ownClock?: Clock;
  /** What somebody else has seen in the log: where it lacks that, another incarnation begins. */
  seen?: SeenEvent;
  /** Connections for reading; a few more are for appending and for being told of it. */
  readers?: number;
}

/** The event store on PostgreSQL: the default. */
export class PostgresEventStore implements EventStore {
  private readonly listener: CommitListener;
  private readonly notifier: CommitNotifier;
  private readonly health = new WriteHealth(() => this.writers);
  private readonly stored = new WeakMap<object, StoredRevisions>();
  private readonly attachment: Attachment;
  private refreshing: Promise<void> | undefined;
  private closed = false;
  private appends: Pipeline;
  private writers: Pool;
  private readers: Pool;

  private constructor(private readonly options: PostgresEventStoreOptions) {
    const { url } = options;
    this.attachment = new Attachment(options.seen);
    this.listener = new CommitListener(url);
    this.notifier = new CommitNotifier(url);
    this.appends = this.openAppends();
    this.writers = this.openPool('append', 2);
    this.readers = this.openPool('read', options.readers ?? 4);
    this.attachment.onIncarnation(() => this.listener.notify());
  }

  get identity(): LogIdentity {
    return this.attachment.log;
  }

  async refreshIdentity(): Promise<LogIdentity> {
    // One at a time, whoever asks: each is a connection.
    this.refreshing ??= connect(this.options.url, {
      role: 'read',
      applicationName: 'yad store: identity',
      onConnect: (client) => this.attach(client, false),
    })
      .then((connection) => connection.end())
      .finally(() => (this.refreshing = undefined));
    await this.refreshing;
    return this.identity;
  }

  onIncarnation(listener: (identity: LogIdentity) => void): () => void {
    return this.attachment.onIncarnation(listener);
  }

  private openAppends(): Pipeline {
    return new Pipeline(this.options.url, {
      role: 'append',
      applicationName: 'yad store: append',
      indexesOnly: true,
      onConnect: (client) => this.attach(client, true),
    });
  }

  private openPool(role: 'append' | 'read', max: number): Pool {
    return createPool(this.options.url, {
      role,
      max,
      applicationName: `yad store: ${role}`,
      indexesOnly: true,
      onConnect: (client) => this.attach(client, false),
    });
  }

  /** Where another incarnation has begun, what is connected may lead to the server of before: all of it is replaced. */
  private async attach(client: Pick<PoolClient, 'query'>, appends: boolean): Promise<void> {
    let changed = false;
    const stop = this.attachment.onIncarnation(() => (changed = true));
    await this.attachment.attach(client).finally(stop);
    // A closed store has ended its connections, and would end no others.
    if (!changed || this.closed) return;
    const before: { end(): Promise<void> }[] = [this.writers, this.readers];
    this.writers = this.openPool('append', 2);
    this.readers = this.openPool('read', this.options.readers ?? 4);
    if (!appends) {
      before.push(this.appends);
      this.appends = this.openAppends();
    }
    for (const each of before) each.end().catch(() => {});
  }

  /**
   * Connects, brings the store's schema up to date where this login may, and learns which log it is.
   * @throws LogMoved where the log was written on another server; NotMigrated
   */
  static async connect(options: PostgresEventStoreOptions): Promise<PostgresEventStore> {
    await bringUpToDate(options.url, storeSchema);
    const store = new PostgresEventStore(options);
    try {
      await store.head();
    } catch (error) {
      await store.close();
      throw error;
    }
    return store;
  }

  async append(requests: AppendRequest[]): Promise<AppendOutcome[]> {
    const outcomes = new Array<AppendOutcome | undefined>(requests.length);
    let open = requests.map((_, index) => index);
    for (let round = 0; open.length > 0; round++) {
      try {
        const batch = open.length === requests.length ? requests : open.map((index) => requests[index]!);
        let position = (await this.appendAll(batch)) - 1n;
        for (const index of open) {
          position += BigInt(requests[index]!.events.length);
          outcomes[index] = { kind: 'stored', position };
        }
        break;
      } catch (error) {
        if (error instanceof StaleDecisions) {
          const gone = (index: number): boolean => error.requests.has(requests[index]!);
          for (const index of open.filter(gone)) {
            outcomes[index] = conflictOf(requests[index]!.events[0]!);
          }
          open = open.filter((index) => !gone(index));
          continue;
        }
        if ((error as { code?: string }).code === 'YD503') throw new ClocksApart((error as Error).message);
        if (!isClash(error)) await this.health.failed(error);
        // The batch is rolled back whole. Those that clash are told so; the others go down again together, and
        // another clash can only come from another process that was faster in between.
        if (!isClash(error) || round === MAX_ROUNDS) throw error;
        open = await this.settleClashes(requests, open, outcomes);
      }
    }
    return outcomes as AppendOutcome[];
  }

  /** Resolves to the position of the first event. */
  private async appendAll(requests: AppendRequest[]): Promise<bigint> {
    let stored!: StoredRevisions;
    const { clock, ownClock = systemClock } = this.options;
    const { rows } = await this.appends.query((connection) => {
      // Asked here, where the connection is known to lead to the log as it is: a decision of before may rest on an
      // event that was lost, and whose revision another has taken.
      const { number } = this.identity.current;
      const stale = requests.filter(({ incarnation = number }) => incarnation !== number);
      if (stale.length > 0) throw new StaleDecisions(new Set(stale));
      stored = this.storedOver(connection);
      const times = { now: ownClock.now(), recordedAt: clock?.now() ?? null };
      return { ...appendQuery(requests, times, stored), rowMode: 'array', types };
    });
    stored.add(requests);
    this.health.appended();
    // Readers of this process need no word from the server.
    this.listener.notify();
    this.notifier.committed();
    const [firstPosition] = rows[0][0] as [bigint, bigint];
    const events = requests.reduce((sum, request) => sum + request.events.length, 0);
    this.attachment.saw(firstPosition + BigInt(events - 1), requests.at(-1)!.events.at(-1)!.id);
    return firstPosition;
  }

  private storedOver(connection: object): StoredRevisions {
    let stored = this.stored.get(connection);
    if (!stored) this.stored.set(connection, (stored = new StoredRevisions()));
    return stored;
  }

  private async settleClashes(
    requests: AppendRequest[],
    open: number[],
    outcomes: (AppendOutcome | undefined)[],
  ): Promise<number[]> {
    const batch = open.map((index) => requests[index]!);
    const [receipts, revisions, holders] = await Promise.all([
      this.receipts(batch.map((request) => request.commandId)),
      this.revisions(
        this.writers,
        batch.flatMap(({ events, readSet = [] }) => [...events, ...readSet]),
      ),
      this.holders(batch.flatMap(({ reserves = [] }) => reserves)),
    ]);
    const resolved = resolve(batch, receipts, revisions, holders);
    const left: number[] = [];
    resolved.forEach((outcome, i) => {
      if (outcome) outcomes[open[i]!] = outcome;
      else left.push(open[i]!);
    });
    return left;
  }

  /** The last revisions of those streams that have events. */
  private async revisions(pool: Pool, streams: readonly StreamId[]): Promise<StreamMap<number>> {
    const distinct = new StreamMap<StreamId>();
    for (const each of streams) if (isId(each.aggregateId)) distinct.set(each.aggregate, each.aggregateId, each);
    const asked = [...distinct.values()];
    const rows = await this.query(pool, statements.revisions, [
      encodeArray(
        'text',
        asked.map(({ aggregate }) => aggregate),
      ),
      encodeArray(
        'uuid',
        asked.map(({ aggregateId }) => aggregateId),
      ),
    ]);
    const found = new StreamMap<number>();
    for (const [aggregate, id, revision] of rows as [string, string, number | null][]) {
      if (revision !== null) found.set(aggregate, id, revision);
    }
    return found;
  }

  /** The streams that have keys, by `reservationKey`. */
  private async holders(reserved: readonly Reservation[]): Promise<Map<string, StreamId>> {
    if (reserved.length === 0) return new Map();
    const rows = await this.query(this.writers, statements.reservations, [
      encodeArray(
        'text',
        reserved.map(({ scope }) => scope),
      ),
      encodeArray(
        'bytea',
        reserved.map(({ key }) => key),
      ),
    ]);
    return new Map(
      (rows as [string, Buffer, string, string][]).map(([scope, key, aggregate, aggregateId]) => [
        reservationKey({ scope, key }),
        { aggregate, aggregateId },
      ]),
    );
  }

  async keepReceipt(receipt: Receipt): Promise<Receipt> {
    const { commandId, fingerprint, subject, aggregate, aggregateId, revision, position } = receipt;
    const { rows } = await this.writers.query<{ kept: boolean }>(
      `select store.keep_receipt($1, $2, $3, $4, $5, $6, $7) as kept`,
      [commandId, fingerprint, subject, aggregate, aggregateId, revision, position],
    );
    return rows[0]!.kept ? receipt : (await this.receipts([commandId])).get(commandId)!;
  }

  async receipts(commandIds: string[]): Promise<Map<string, Receipt>> {
    const rows = await this.query(this.readers, statements.receipts, [encodeArray('uuid', commandIds)]);
    return new Map(rows.map((row: ReceiptRow) => [row[0], toReceipt(row)]));
  }

  async readStream(
    { aggregate, aggregateId }: StreamId,
    { fromRevision = 0, through, limit = 1000, bytes }: ReadStreamOptions = {},
  ): Promise<EventPage> {
    // The log has no other ids.
    if (!isId(aggregateId)) return [];
    return through === undefined
      ? this.read(statements.readStream, [aggregate, aggregateId, fromRevision], limit, bytes)
      : this.read(statements.readStreamThrough, [aggregate, aggregateId, fromRevision, through], limit, bytes);
  }

  async readStreams(
    spans: readonly StreamSpan[],
    { limit, bytes = PAGE_BYTES }: { limit: number; bytes?: number },
  ): Promise<StreamEvents[]> {
    const query = new SpansQuery(spans);
    const small = smallest(bytes, limit * spans.length);
    const rows: SpanRow[] = await this.query(this.readers, statements.readStreams, [...query.values, limit, small]);
    const ordinals = rows.map(spanOf);
    const cutAt = (await this.addLarge(rows, bytes)) ? ordinals[rows.length] : undefined;
    return query.answers(rows, cutAt, limit);
  }

  async lastRevisions(streams: readonly StreamId[]): Promise<number[]> {
    const found = await this.revisions(this.readers, streams);
    return streams.map(({ aggregate, aggregateId }) => found.get(aggregate, aggregateId) ?? -1);
  }

  readAll({ after, through, limit, bytes }: ReadAllOptions): Promise<EventPage> {
    return this.read(statements.readAll, [after, through ?? MAX_POSITION], limit, bytes);
  }

  readTypes(
    { names, beginnings }: EventTypes,
    { after, through, limit, bytes }: ReadAllOptions & { through: bigint },
  ): Promise<EventPage> {
    const types = [encodeArray('text', [...names]), encodeArray('text', [...beginnings])];
    return this.read(statements.readTypes, [after, through, ...types], limit, bytes);
  }

  readSubjects(subjects: string[], { after, through, limit, bytes }: ReadAllOptions): Promise<EventPage> {
    const distinct = encodeArray('uuid', [...new Set(subjects)]);
    return this.read(statements.readSubjects, [distinct, after, through ?? MAX_POSITION], limit, bytes);
  }

  /** The events of a page: small ones come at once, large ones by a second query, as many as the page may hold. */
  private async read(statement: Statement, values: unknown[], limit: number, bytes = PAGE_BYTES): Promise<EventPage> {
    const rows = (await this.query(this.readers, statement, [...values, limit, smallest(bytes, limit)])) as EventRow[];
    const cut = await this.addLarge(rows, bytes);
    const page: EventPage = rows.map(toStoredEvent);
    if (cut) page.cut = true;
    return page;
  }

  /** Fills in the data that was too large to come along; true when rows were cut off because it is too much. */
  private async addLarge(rows: (EventRow | SpanRow)[], bytes: number): Promise<boolean> {
    const large = rows.filter((row) => row[13] === null);
    if (large.length === 0) return false;
    const positions = encodeArray(
      'int8',
      large.map(([position]) => position),
    );
    const first = large[0] === rows[0];
    const found = (await this.query(this.readers, statements.large, [positions, bytes, first])) as LargeRow[];
    found.forEach(([position, data, personalData], at) => {
      const row = large[at]!;
      if (row[0] !== position) throw new Error(`the log gave event ${position} for ${row[0]}`);
      row[13] = data;
      row[14] = personalData;
    });
    const left = rows.findIndex((row) => row[13] === null);
    if (left === 0) throw new Error(`the log lost event ${rows[0]![0]} between two reads`);
    if (left > 0) rows.length = left;
    return left > 0;
  }

  private async query(pool: Pool, { name, text }: Statement, values: unknown[]): Promise<any[]> {
    const { rows } = await pool.query<any>({ name, text, values, rowMode: 'array', types });
    return rows;
  }

  async positionAt(recordedAt: Date): Promise<bigint> {
    const { rows } = await this.readers.query<any>({
      text: `select store.position_at($1)`,
      // As text: pg writes a date in this host's zone, whose offsets of long ago had seconds.
      values: [recordedAt.toISOString()],
      rowMode: 'array',
      types,
    });
    return rows[0][0];
  }

  async head(): Promise<Head> {
    const [row] = await this.query(this.readers, statements.head, []);
    return row ? { position: row[0], recordedAt: row[1] } : { position: 0n, recordedAt: null };
  }

  async *subscribeAll(
    after: bigint,
    { signal, limit = 1000 }: { signal: AbortSignal; limit?: number },
  ): AsyncIterable<StoredEvent[]> {
    let position = after;
    while (!signal.aborted) {
      const { version } = this.listener;
      let page: EventPage;
      try {
        page = await this.readAll({ after: position, limit });
      } catch (error) {
        if (!this.isTransient(error)) throw error;
        page = [];
      }
      if (page.length > 0) {
        position = page.at(-1)!.position;
        this.attachment.saw(position, page.at(-1)!.id);
        yield page;
      } else {
        await this.listener.after(version, signal);
      }
    }
  }

  checkWritable(): Promise<void> {
    return this.health.check();
  }

  isTransient(error: unknown): boolean {
    // Until the address leads to the log again, or somebody has said what became of it.
    return isUnavailable(error) || error instanceof LogMoved || error instanceof AnotherLog;
  }

  isOutcomeUnknown(error: unknown): boolean {
    return isOutcomeUnknown(error);
  }

  async close(): Promise<void> {
    this.closed = true;
    await this.listener.close();
    await this.notifier.close();
    await Promise.all([this.appends.end(), this.writers.end(), this.readers.end()]);
  }
}

/** Bytes of an event that comes with the others of a page of so many. */
const smallest = (bytes: number, rows: number): number => Math.max(LEAST_SMALL, Math.floor(bytes / Math.max(rows, 1)));

/** Requests that were decided on what the log was before another incarnation began. */
class StaleDecisions extends Error {
  constructor(readonly requests: ReadonlySet<AppendRequest>) {
    super('another incarnation of the log has begun since');
  }
}

const isClash = (error: unknown): boolean => {
  const code = (error as { code?: string }).code;
  return code === '23505' || code === 'YD409';
};
