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

const clientConfig = (url: string, options: PoolOptions): pg.ClientConfig => ({
  connectionString: url,
  application_name: options.applicationName ?? 'yad',
  options: settingsOf(options),
  keepAlive: true,
  keepAliveInitialDelayMillis: 10_000,
  connectionTimeoutMillis: 10_000,
});

function settingsOf(options: PoolOptions): string {
  return [
    `-c synchronous_commit=${options.synchronousCommit ?? 'on'}`,
    // Arrays hide their sizes from the planner; a plan made for one size serves all of ours.
    '-c plan_cache_mode=force_generic_plan',
    '-c timezone=UTC',
    ...(options.indexesOnly ? ['-c enable_seqscan=off'] : []),
    ...(options.searchPath ? [`-c search_path=${options.searchPath}`] : []),
  ].join(' ');
}

/** A pool of connections whose idle errors (a server that restarts) do not end the process. */
export function createPool(url: string, options: PoolOptions = {}): Pool {
  const pool = new pg.Pool({ ...clientConfig(url, options), max: options.max ?? 4 });
  // The pool replaces a connection that broke while idle; the next query tells whether the server is back.
  pool.on('error', () => {});
  return pool;
}

/** An answer that takes longer will not come. */
const PATIENCE_MS = 15_000;

export type PipelineQuery = pg.QueryConfig & { rowMode?: 'array' };

/**
 * One connection on which statements follow each other without waiting for answers: the server finds the next one
 * there when it has committed the last. Each is a transaction of its own. A broken connection fails what is under
 * way on it and is replaced by the next query.
 */
export class Pipeline {
  private client: Promise<pg.Client> | undefined;

  constructor(
    private readonly url: string,
    private readonly options: Omit<PoolOptions, 'max'> = {},
  ) {}

  /** @param query one that rests on what was done on the same connection is made for the connection it goes down */
  async query(query: PipelineQuery | ((connection: object) => PipelineQuery)): Promise<pg.QueryResult<any>> {
    const client = await (this.client ??= this.connect());
    return client.query(typeof query === 'function' ? query(client) : query);
  }

  private connect(): Promise<pg.Client> {
    const client = new pg.Client({
      ...clientConfig(this.url, this.options),
      pipeline: true,
      // A connection that has gone silent would hold up all that waits behind it, for ever.
      query_timeout: PATIENCE_MS,
    } as pg.ClientConfig);
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

// pg's own words, which have no code.
const SILENCE =
  /Connection terminated|timeout exceeded when trying to connect|^timeout expired$|^Query read timeout$|Client has encountered a connection error/;

/** True for errors of the connection or of a server that is starting, stopping or gone: the same call may succeed later. */
export function isConnectionError(error: unknown): boolean {
  const { code, message } = (error ?? {}) as { code?: string; message?: string };
  if (code !== undefined && /^(08|57P0|53300)/.test(code)) return true;
  if (code !== undefined && /^(ECONN|EPIPE|ETIMEDOUT|ENOENT|ENOTFOUND|EHOSTUNREACH|ENETUNREACH|EAI_AGAIN)/.test(code))
    return true;
  return SILENCE.test(message ?? '');
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
