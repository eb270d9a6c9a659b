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
  return pool;
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

  constructor(
    private readonly url: string,
    private readonly options: ConnectionOptions,
  ) {}

  /** @param query one that depends on what was done on the same connection is made for the connection it goes down */
  async query(query: PipelineQuery | ((connection: object) => PipelineQuery)): Promise<pg.QueryResult<any>> {
    const connected = (this.client ??= this.connect());
    const client = await connected;
    try {
      return await client.query(typeof query === 'function' ? query(client) : query);
    } catch (error) {
      // The server was demoted under the connection: the next one leads to the server that is writable now.
      if (isReadOnly(error) && this.client === connected) {
        this.client = undefined;
        void client.end().catch(() => {});
      }
      throw error;
    }
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

  /** Waits for what is under way. */
  async end(): Promise<void> {
    await (await this.client?.catch(() => undefined))?.end();
  }
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
