import {
  BACKWARDS,
  END,
  FORWARDS,
  KurrentDBClient,
  START,
  STREAM_STATE,
  streamNameFilter,
  type AllStreamSubscription,
} from '@kurrent/kurrentdb-client';
import type { AppendPlan } from './append-plan.js';
import { revisionExpected, streamOf } from './append-plan.js';
import {
  isAway,
  isInvalidPosition,
  isNoStream,
  isNotLeader,
  isUnsupported,
  ServerTooOld,
  StoreClosed,
  violatedOf,
} from './errors.js';
import type { Names } from './names.js';
import type { NewRecord, RawRecord } from './records.js';

/** Records in memory of a subscription that nobody takes; then the server waits. */
const SUBSCRIPTION_AHEAD = 64;
/** Of looked-through events of others after which the server says how far it is. */
const CHECKPOINT_INTERVAL = 1000;
/** A client is not replaced again before that, however often a server that is away is asked. */
const RENEW_MS = 1000;

// The driver's types know the words of its constants, which it declares as any text.
const [start, end] = [START as 'start', END as 'end'];
const [forwards, backwards] = [FORWARDS as 'forwards', BACKWARDS as 'backwards'];

/** What is asked of one stream. */
export interface StreamRead {
  readonly fromRevision?: number;
  readonly limit: number;
}

/** The client of the driver, and what is asked of it: every read of the leader. */
export class KurrentConnection {
  private client: KurrentDBClient;
  private closed = false;
  private renewedAt = 0;

  constructor(
    private readonly url: string,
    private readonly names: Names,
  ) {
    this.client = KurrentDBClient.connectionString(url);
  }

  /** Resolves to the position of the last record. @throws Violated where a stream is not as expected; ServerTooOld */
  async append({ records, expected }: AppendPlan): Promise<bigint> {
    this.assertOpen();
    const { client, names } = this;
    const checks = expected.map((each) => {
      const revision = revisionExpected(each);
      const expectedState = revision < 0 ? ('no_stream' as const) : BigInt(revision);
      return { type: STREAM_STATE as 'stream_state', streamName: streamOf(names, each), expectedState };
    });
    try {
      const { position } = await client.appendRecords([...records] as Mutable<NewRecord>[], checks);
      return BigInt(position);
    } catch (error) {
      // The client stays with the node that led: only another one finds out who leads now.
      if (isNotLeader(error)) this.renew(client);
      if (isUnsupported(error)) throw new ServerTooOld(this.place, error);
      throw violatedOf(error) ?? error;
    }
  }

  /** The records of a stream from a revision on; none where there is no stream. */
  async *readStream(streamName: string, { fromRevision = 0, limit }: StreamRead): AsyncGenerator<RawRecord> {
    this.assertOpen();
    const options = {
      direction: forwards,
      fromRevision: fromRevision === 0 ? start : BigInt(fromRevision),
      maxCount: limit,
      requiresLeader: true,
    };
    const { client } = this;
    try {
      for await (const { event } of client.readStream(streamName, options)) if (event) yield event as RawRecord;
    } catch (error) {
      if (!isNoStream(error)) throw this.readFailure(client, error);
    }
  }

  /** The last record of a stream. */
  async readLast(streamName: string): Promise<RawRecord | undefined> {
    this.assertOpen();
    const options = { direction: backwards, fromRevision: end, maxCount: 1, requiresLeader: true };
    const { client } = this;
    try {
      for await (const { event } of client.readStream(streamName, options)) if (event) return event as RawRecord;
    } catch (error) {
      if (!isNoStream(error)) throw this.readFailure(client, error);
    }
    return undefined;
  }

  /** Events of this log from where a record begins, that one too; from the start where it is 0. */
  async *readAll(from: bigint, limit: number): AsyncGenerator<RawRecord> {
    this.assertOpen();
    const { client } = this;
    const read = client.readAll({
      direction: forwards,
      fromPosition: from === 0n ? start : { commit: from, prepare: from },
      maxCount: limit,
      filter: this.filter(),
      requiresLeader: true,
    });
    try {
      for await (const { event } of read) if (event) yield event as RawRecord;
    } catch (error) {
      throw this.readFailure(client, error);
    }
  }

  /** The last event of this log. */
  async readHead(): Promise<RawRecord | undefined> {
    this.assertOpen();
    const options = { direction: backwards, fromPosition: end, maxCount: 1, requiresLeader: true };
    const { client } = this;
    try {
      const read = client.readAll({ ...options, filter: this.filter() });
      for await (const { event } of read) if (event) return event as RawRecord;
    } catch (error) {
      throw this.readFailure(client, error);
    }
    return undefined;
  }

  /** Events of this log after a record, as they come. */
  subscribe(after: bigint): AllStreamSubscription {
    this.assertOpen();
    return this.client.subscribeToAll(
      {
        fromPosition: after === 0n ? start : { commit: after, prepare: after },
        filter: this.filter(),
        requiresLeader: true,
      },
      { highWaterMark: SUBSCRIPTION_AHEAD },
    );
  }

  /** Whether a record begins at a position, as a subscription from there tells: a read's error does not. */
  async isRecord(position: bigint): Promise<boolean> {
    const subscription = this.subscribe(position);
    try {
      return await new Promise<boolean>((resolve, reject) => {
        for (const sign of ['caughtUp', 'data', 'end'] as const) subscription.on(sign as 'end', () => resolve(true));
        subscription.on('error', (error: unknown) => (isInvalidPosition(error) ? resolve(false) : reject(error)));
      });
    } finally {
      await subscription.unsubscribe().catch(() => {});
      subscription.destroy();
    }
  }

  /** Host and port, without name and password. */
  get place(): string {
    return this.url.replace(/^[^:]+:\/\/(?:[^@/]*@)?/, '').replace(/[/?].*$/, '');
  }

  async close(): Promise<void> {
    this.closed = true;
    await this.client.dispose();
  }

  private filter(): ReturnType<typeof streamNameFilter> {
    return streamNameFilter({ prefixes: [this.names.beginning], checkpointInterval: CHECKPOINT_INTERVAL });
  }

  /**
   * What a read failed with. The native part of a client ends for good where a new leader cannot be reached in the moment
   * in which it turns to it, and says from then on that the server is away: another client finds it.
   */
  private readFailure(client: KurrentDBClient, error: unknown): unknown {
    if (isAway(error) && Date.now() - this.renewedAt > RENEW_MS) this.renew(client);
    return error;
  }

  private renew(before: KurrentDBClient): void {
    if (this.client !== before || this.closed) return;
    this.renewedAt = Date.now();
    this.client = KurrentDBClient.connectionString(this.url);
    before.dispose().catch(() => {});
  }

  private assertOpen(): void {
    if (this.closed) throw new StoreClosed();
  }
}

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] extends object ? any : T[Key] };
