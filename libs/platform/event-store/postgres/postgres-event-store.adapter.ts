import { partsOfStream, streamOf, type StoredEvent } from '#platform/kernel/envelope.js';
import { isId } from '#platform/kernel/ids.js';
import { systemClock, type Clock } from '#platform/kernel/clock.js';
import { MAX_POSITION } from '#platform/kernel/position.js';
import { encodeArray } from '#platform/postgres/arrays.js';
import { migrateAt } from '#platform/postgres/migrations.js';
import { createPool, isOutcomeUnknown, isUnavailable, Pipeline, type Pool } from '#platform/postgres/pool.js';
import type { AppendOutcome, AppendRequest, EventStore, Head, ReadAllOptions, Receipt } from '../event-store.js';
import { appendQuery } from './append-query.js';
import { judge } from './careful-append.js';
import { CommitListener } from './commit-listener.js';
import { CommitNotifier } from './commit-notifier.js';
import { toReceipt, toStoredEvent, types, type EventRow, type ReceiptRow } from './rows.js';
import { statements, type Statement } from './statements.js';
import { StoredRevisions } from './stored-revisions.js';
import { storeMigrations } from './store.migrations.js';

const MAX_ROUNDS = 20;

export interface PostgresEventStoreOptions {
  url: string;
  clock?: Clock;
  /** Connections for reading; a few more are for appending and for the news of it. */
  readers?: number;
}

/** The event store on PostgreSQL: the default. */
export class PostgresEventStore implements EventStore {
  private readonly listener: CommitListener;
  private readonly notifier: CommitNotifier;
  private readonly appends: Pipeline;
  private readonly stored = new WeakMap<object, StoredRevisions>();

  private constructor(
    private readonly writers: Pool,
    private readonly readers: Pool,
    url: string,
    private readonly clock: Clock,
  ) {
    this.listener = new CommitListener(url);
    this.notifier = new CommitNotifier(url);
    this.appends = new Pipeline(url, { role: 'append', applicationName: 'yad store: append', indexesOnly: true });
  }

  /** Connects, and brings the store's schema up to date. */
  static async connect({
    url,
    clock = systemClock,
    readers = 4,
  }: PostgresEventStoreOptions): Promise<PostgresEventStore> {
    await migrateAt(url, storeMigrations);
    return new PostgresEventStore(
      createPool(url, { role: 'append', max: 2, applicationName: 'yad store: append', indexesOnly: true }),
      createPool(url, { role: 'read', max: readers, applicationName: 'yad store: read', indexesOnly: true }),
      url,
      clock,
    );
  }

  async append(requests: AppendRequest[]): Promise<AppendOutcome[]> {
    const outcomes = new Array<AppendOutcome | undefined>(requests.length);
    let open = requests.map((_, index) => index);
    for (let round = 0; open.length > 0; round++) {
      try {
        const batch = open.length === requests.length ? requests : open.map((index) => requests[index]!);
        const { firstPosition, recordedAt } = await this.appendAll(batch);
        let position = firstPosition;
        for (const index of open) {
          outcomes[index] = { kind: 'stored', firstPosition: position, recordedAt };
          position += BigInt(requests[index]!.events.length);
        }
        break;
      } catch (error) {
        // The batch is rolled back whole. Those that clash are told so; the others go down again together, and
        // another clash can only come from another process that was faster in between.
        if (!isClash(error) || round === MAX_ROUNDS) throw error;
        open = await this.settleClashes(requests, open, outcomes);
      }
    }
    return outcomes as AppendOutcome[];
  }

  private async appendAll(requests: AppendRequest[]): Promise<{ firstPosition: bigint; recordedAt: Date }> {
    let stored!: StoredRevisions;
    const { rows } = await this.appends.query((connection) => {
      stored = this.storedOver(connection);
      return { ...appendQuery(requests, this.clock.now(), stored), rowMode: 'array', types };
    });
    stored.add(requests);
    // Readers of this process need no word from the server.
    this.listener.ring();
    this.notifier.committed();
    const [firstPosition, micros] = rows[0][0] as [bigint, bigint];
    return { firstPosition, recordedAt: new Date(Number(micros / 1000n)) };
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
    const [receipts, revisions] = await Promise.all([
      this.receipts(batch.map((request) => request.commandId)),
      this.revisions(batch.flatMap(({ events, looksAt = [] }) => [...events, ...looksAt].map(({ stream }) => stream))),
    ]);
    const judged = judge(batch, receipts, revisions);
    const left: number[] = [];
    judged.forEach((outcome, i) => {
      if (outcome) outcomes[open[i]!] = outcome;
      else left.push(open[i]!);
    });
    return left;
  }

  /** The last revision of each stream that has one. */
  private async revisions(streams: string[]): Promise<Map<string, number>> {
    const parts = [...new Set(streams)].map(partsOfStream);
    const rows = await this.query(this.writers, statements.revisions, [
      encodeArray(
        'text',
        parts.map(({ aggregate }) => aggregate),
      ),
      encodeArray(
        'uuid',
        parts.map(({ id }) => id),
      ),
    ]);
    const known = (rows as [string, string, number | null][]).filter(([, , revision]) => revision !== null);
    return new Map(known.map(([aggregate, id, revision]) => [streamOf(aggregate, id), revision!]));
  }

  async keepReceipt(receipt: Receipt): Promise<Receipt> {
    const { commandId, fingerprint, stream, revision, position } = receipt;
    const { rows } = await this.writers.query<{ kept: boolean }>(
      `select store.keep_receipt($1, $2, $3, $4, $5) as kept`,
      [commandId, fingerprint, stream, revision, position],
    );
    return rows[0]!.kept ? receipt : (await this.receipts([commandId])).get(commandId)!;
  }

  async receipts(commandIds: string[]): Promise<Map<string, Receipt>> {
    const rows = await this.query(this.readers, statements.receipts, [encodeArray('uuid', commandIds)]);
    return new Map(rows.map((row: ReceiptRow) => [row[0], toReceipt(row)]));
  }

  async readStream(
    stream: string,
    { fromRevision = 0, through, limit = 1_000_000 }: { fromRevision?: number; through?: bigint; limit?: number } = {},
  ): Promise<StoredEvent[]> {
    const { aggregate, id } = partsOfStream(stream);
    // What is not named like a stream is none, and so without events.
    if (!isId(id)) return [];
    return this.read(statements.readStream, [aggregate, id, fromRevision, through ?? MAX_POSITION, limit]);
  }

  readAll({ after, through, limit }: ReadAllOptions): Promise<StoredEvent[]> {
    return this.read(statements.readAll, [after, through ?? MAX_POSITION, limit]);
  }

  readSubjects(subjects: string[], { after, through, limit }: ReadAllOptions): Promise<StoredEvent[]> {
    const distinct = encodeArray('uuid', [...new Set(subjects)]);
    return this.read(statements.readSubjects, [distinct, after, through ?? MAX_POSITION, limit]);
  }

  private async read(statement: Statement, values: unknown[]): Promise<StoredEvent[]> {
    const rows = await this.query(this.readers, statement, values);
    return (rows as EventRow[]).map(toStoredEvent);
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
      const { rung } = this.listener;
      let page: StoredEvent[];
      try {
        page = await this.readAll({ after: position, limit });
      } catch (error) {
        if (!isUnavailable(error)) throw error;
        page = [];
      }
      if (page.length > 0) {
        position = page.at(-1)!.position;
        yield page;
      } else {
        await this.listener.after(rung, signal);
      }
    }
  }

  isTransient(error: unknown): boolean {
    return isUnavailable(error);
  }

  isOutcomeUnknown(error: unknown): boolean {
    return isOutcomeUnknown(error);
  }

  async close(): Promise<void> {
    await this.listener.close();
    await this.notifier.close();
    await Promise.all([this.appends.end(), this.writers.end(), this.readers.end()]);
  }
}

const isClash = (error: unknown): boolean => {
  const code = (error as { code?: string }).code;
  return code === '23505' || code === 'YD409';
};
