import type { Socket } from 'node:net';
import pg from 'pg';
import { configOf, Connection, type ConnectionOptions } from './connection.js';
import { isReadOnly } from './errors.js';
import type { ConnectionRole } from './roles.js';

export { connect } from './connection.js';
export { isConnectionError, isOutcomeUnknown, isUnavailable, SettingRefused } from './errors.js';
export type { ConnectionRole } from './roles.js';

export type Pool = pg.Pool;
export type PoolClient = pg.PoolClient;
export type { QueryResult } from 'pg';

export interface PoolOptions extends Omit<ConnectionOptions, 'role'> {
  /** What it is for, which says how long anything may take; `read` when absent. */
  readonly role?: ConnectionRole;
  readonly max?: number;
  /** Statements on one client follow each other without waiting for answers. */
  readonly pipeline?: boolean;
  readonly types?: pg.CustomTypesConfig;
}

/** A pool of connections. One that breaks, idle or not, does not end the process and is replaced. */
export function createPool(
  url: string,
  { max = 4, role = 'read', pipeline, types, ...options }: PoolOptions = {},
): Pool {
  const pool = new pg.Pool({
    ...configOf(url, { role, ...options }),
    max,
    pipeline,
    types,
    Client: Connection as new () => pg.ClientBase,
  });
  // The pool replaces a connection that broke while idle; the next query tells whether the server is back.
  pool.on('error', () => {});
  pools.set(pool, { name: options.applicationName ?? role, most: max });
  return pool;
}

const pools = new Map<Pool, { readonly name: string; readonly most: number }>();

/** What the pools of one name in this process have together. */
export interface PoolStatus {
  readonly name: string;
  readonly most: number;
  readonly total: number;
  readonly idle: number;
  /** Who waits for a connection. */
  readonly waiting: number;
}

/** The pools of this process that were not ended, by name: what they are for. */
export function openPools(): PoolStatus[] {
  const found = new Map<string, PoolStatus>();
  for (const [pool, { name, most }] of pools) {
    if (pool.ending) {
      pools.delete(pool);
      continue;
    }
    const { totalCount, idleCount, waitingCount } = pool;
    const { most: m = 0, total = 0, idle = 0, waiting = 0 } = found.get(name) ?? {};
    const sum = { name, most: m + most, total: total + totalCount, idle: idle + idleCount };
    found.set(name, { ...sum, waiting: waiting + waitingCount });
  }
  return [...found.values()];
}

/** A pool in the place of the driver that TypeORM would load, so that its connections are of the same kind as ours. */
export function driverOf(pool: Pool): unknown {
  return {
    types: pg.types,
    Pool: function (this: unknown) {
      return pool;
    },
  };
}

export type PipelineQuery = pg.QueryConfig & { rowMode?: 'array' };

/**
 * One connection on which statements follow each other without waiting for answers: the server finds the next one
 * there when it has committed the last. Each is a transaction of its own. A broken connection fails what is under
 * way on it and is replaced by the next query.
 */
export class Pipeline {
  private client: Promise<Connection> | undefined;
  private ended = false;
  private underWay = 0;
  private usedAt = 0;

  constructor(
    private readonly url: string,
    private readonly options: ConnectionOptions,
  ) {}

  /** @param query one that depends on what was done on the same connection is made for the connection it goes down */
  async query(query: PipelineQuery | ((connection: object) => PipelineQuery)): Promise<pg.QueryResult<any>> {
    const connected = this.take();
    try {
      const client = await connected;
      return await client.query(typeof query === 'function' ? query(client) : query);
    } catch (error) {
      // The server was demoted under the connection: the next one leads to the server that is writable now.
      if (isReadOnly(error)) this.replace(connected);
      throw error;
    } finally {
      this.letGo();
    }
  }

  /**
   * Runs statements as one transaction, sent at once: nothing else on this connection comes in between.
   * @throws StatementFailed for the first that failed, after which nothing of it was done; the connection's error
   */
  async transaction(statements: readonly PipelineQuery[]): Promise<void> {
    const connected = this.take();
    try {
      const client = await connected;
      await sendAll(client, [BEGIN, ...statements, COMMIT]);
    } catch (error) {
      if (isReadOnly((error as StatementFailed).cause)) this.replace(connected);
      // Its place without `begin`.
      throw error instanceof StatementFailed ? new StatementFailed(error.at - 1, error.cause) : error;
    } finally {
      this.letGo();
    }
  }

  private take(): Promise<Connection> {
    if (this.ended) throw new Error('the pipeline was ended');
    // As a pool closes one that was idle for as long: its peer may have gone without a word, which only shows when an
    // answer has been due for long.
    if (this.client && this.underWay === 0 && performance.now() - this.usedAt > IDLE_MS) this.replace(this.client);
    this.underWay++;
    return (this.client ??= this.connect());
  }

  private letGo(): void {
    this.underWay--;
    this.usedAt = performance.now();
  }

  /** The next query gets another connection. */
  private replace(connected: Promise<Connection>): void {
    if (this.client !== connected) return;
    this.client = undefined;
    void connected.then((client) => client.end()).catch(() => {});
  }

  private connect(): Promise<Connection> {
    const client = new Connection({ ...configOf(this.url, this.options), pipeline: true });
    const connected = client.connect().then(() => client);
    const forget = (): void => {
      if (this.client === connected) this.client = undefined;
    };
    client.on('error', forget).on('end', forget);
    connected.catch(forget);
    return connected;
  }

  /** Waits for what is under way, and connects no more. */
  async end(): Promise<void> {
    this.ended = true;
    await (await this.client?.catch(() => undefined))?.end();
  }
}

/** One of several statements that were sent together failed. */
export class StatementFailed extends Error {
  constructor(
    /** Which of them, from 0. */
    readonly at: number,
    override readonly cause: unknown,
  ) {
    super(cause instanceof Error ? cause.message : String(cause), { cause });
    this.name = 'StatementFailed';
  }
}

/** After so long without a query a connection is replaced. */
const IDLE_MS = 10_000;

const BEGIN: PipelineQuery = { name: 'begin', text: 'begin' };
const COMMIT: PipelineQuery = { name: 'commit', text: 'commit' };

/**
 * Sends statements one behind the other down a pipeline, without waiting for answers, and waits for all.
 * @throws StatementFailed for the first that failed: in a transaction those behind it were not done either
 */
async function sendAll(client: Connection, statements: readonly PipelineQuery[]): Promise<void> {
  const { stream } = (client as unknown as { connection: { stream: Socket } }).connection;
  // In as few packets as they need.
  stream.cork();
  const sent = statements.map((statement) => client.query(statement) as Promise<pg.QueryResult>);
  stream.uncork();
  const outcomes = await Promise.allSettled(sent);
  const failed = outcomes.findIndex(({ status }) => status === 'rejected');
  if (failed >= 0) throw new StatementFailed(failed, (outcomes[failed] as PromiseRejectedResult).reason);
}

/** Runs work in a transaction; a connection whose rollback fails is thrown away, not given back. */
export async function inTransaction<T>(pool: Pool, work: (client: PoolClient) => Promise<T>): Promise<T> {
  const client = await pool.connect();
  let broken: Error | undefined;
  try {
    await client.query('begin');
    const result = await work(client);
    await client.query('commit');
    return result;
  } catch (error) {
    await client.query('rollback').catch((failure: Error) => {
      broken = failure;
    });
    throw error;
  } finally {
    client.release(broken);
  }
}
