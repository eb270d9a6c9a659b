import pg from 'pg';

export type Pool = pg.Pool;
export type PoolClient = pg.PoolClient;
export type { QueryResult } from 'pg';

export interface PoolOptions {
  max?: number;
  applicationName?: string;
  /** `off` only where a lost last second is made good by the log: read models, the relay's checkpoint. */
  synchronousCommit?: 'on' | 'off';
  /** Schemas to look in, in order. */
  searchPath?: string;
  /** For tables that grow for ever: a plan that was made while they were small must not read them whole. */
  indexesOnly?: boolean;
}

/** A pool of connections whose idle errors (a server that restarts) do not end the process. */
export function createPool(url: string, options: PoolOptions = {}): Pool {
  const settings = [
    `-c synchronous_commit=${options.synchronousCommit ?? 'on'}`,
    // Arrays hide their sizes from the planner; a plan made for one size serves all of ours.
    '-c plan_cache_mode=force_generic_plan',
    '-c timezone=UTC',
    ...(options.indexesOnly ? ['-c enable_seqscan=off'] : []),
    ...(options.searchPath ? [`-c search_path=${options.searchPath}`] : []),
  ];
  const pool = new pg.Pool({
    connectionString: url,
    max: options.max ?? 4,
    application_name: options.applicationName ?? 'yad',
    options: settings.join(' '),
    keepAlive: true,
    connectionTimeoutMillis: 10_000,
  });
  // The pool replaces a connection that broke while idle; the next query tells whether the server is back.
  pool.on('error', () => {});
  return pool;
}

/** True for errors of the connection or of a server that is starting, stopping or gone: the same call may succeed later. */
export function isConnectionError(error: unknown): boolean {
  const { code, message } = (error ?? {}) as { code?: string; message?: string };
  if (code !== undefined && /^(08|57P0|53300)/.test(code)) return true;
  if (code !== undefined && /^(ECONN|EPIPE|ETIMEDOUT|ENOENT|EHOSTUNREACH|EAI_AGAIN)/.test(code)) return true;
  return /Connection terminated|timeout exceeded when trying to connect|Client has encountered a connection error/.test(
    message ?? '',
  );
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
