import type { Socket } from 'node:net';
import pg from 'pg';
import { markUnsent, SettingRefused } from './errors.js';
import { limitsFor, settingsOf, startupOptions, type Limits, type SessionOptions } from './roles.js';

export interface ConnectionOptions extends SessionOptions {
  readonly applicationName?: string;
  /** Runs on each new connection before anybody gets it; one that rejects refuses the connection. */
  readonly onConnect?: (connection: pg.Client) => Promise<void>;
}

/** How pg is to make a connection of a role; `Connection` knows what to do with it. */
export interface ConnectionConfig extends pg.ClientConfig {
  readonly yad: ConnectionOptions;
}

export function configOf(url: string, options: ConnectionOptions): ConnectionConfig {
  const { connectionString, own } = withoutOptions(url);
  const { connectMs } = limitsFor(options);
  return {
    connectionString,
    application_name: options.applicationName ?? 'yad',
    // Ours last: of two values for one setting the server takes the later.
    options: [own, startupOptions(options)].filter((part) => part !== '').join(' '),
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    connectionTimeoutMillis: connectMs,
    yad: options,
  };
}

/** pg lets what the address carries take the place of what it is given beside it: `options` there would undo ours. */
function withoutOptions(url: string): { connectionString: string; own: string } {
  const [before, query] = url.split('?', 2) as [string, string?];
  if (query === undefined) return { connectionString: url, own: '' };
  const parameters = new URLSearchParams(query);
  const own = parameters.get('options') ?? '';
  for (const name of ['options', 'statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout']) {
    parameters.delete(name);
  }
  const rest = parameters.toString();
  return { connectionString: rest === '' ? before : `${before}?${rest}`, own };
}

/** The parts of pg's client that tell what it is waiting for; pg is pinned, and the specs notice when they move. */
interface Inner {
  readonly connection: { readonly stream: Socket };
  readonly _activeQuery: unknown;
  readonly _queryQueue: readonly unknown[];
  readonly _sentQueryQueue: readonly unknown[];
}

/** A goodbye that is not answered for so long is not waited for. */
const GOODBYE_MS = 2_000;

/**
 * The one kind of connection to PostgreSQL. Its settings are read back before anybody uses it. One whose peer falls
 * silent while an answer is due is destroyed, which fails all that waits on it: pg itself waits for ever, or leaves the
 * socket as it is. It always has somebody who listens to its errors: without, an error ends the process.
 */
export class Connection extends pg.Client {
  private readonly options: ConnectionOptions;
  private readonly limits: Limits;
  private watching: NodeJS.Timeout | undefined;
  /** The server's process that serves it. */
  private backend = 0;

  constructor(config?: ConnectionConfig) {
    super(config);
    this.options = config!.yad;
    this.limits = limitsFor(this.options);
    this.on('error', () => {});
    this.once('end', () => this.unwatch());
  }

  override connect(): Promise<pg.Client>;
  override connect(callback: (error: Error) => void): void;
  override connect(callback?: (error: any, client?: any) => void): Promise<pg.Client> | void {
    const connected = this.open();
    if (!callback) return connected;
    connected.then(
      () => callback(null, this),
      (error: unknown) => callback(error),
    );
  }

  private async open(): Promise<pg.Client> {
    // pg's own timer ends with the handshake; a server that then falls silent is for this one.
    const timer = setTimeout(() => this.giveUp('was not there'), this.limits.connectMs).unref();
    try {
      await super.connect();
      await this.check();
      await this.options.onConnect?.(this);
      return this;
    } catch (error) {
      markUnsent(error);
      this.socket.destroy();
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  /** @throws SettingRefused */
  private async check(): Promise<void> {
    const settings = settingsOf(this.options);
    const { transactionMs } = this.limits;
    const { rows } = await this.query(
      `select pg_backend_pid() as backend,
              (select json_object_agg(name, setting) from pg_settings where name = any($1)) as known,
              case when current_setting('server_version_num')::int >= 170000
                   then set_config('transaction_timeout', $2, false) end`,
      [[...settings.keys()], String(transactionMs)],
    );
    const { backend, known } = rows[0] as { backend: number; known: Record<string, string> };
    for (const [name, expected] of settings) {
      if (known[name] !== expected) throw new SettingRefused(name, expected, known[name]);
    }
    this.backend = backend;
  }

  // All of pg's overloads at once: what is asked is passed on as it is.
  override query(...given: any[]): any {
    const answer = (super.query as (...parameters: any[]) => any).apply(this, given);
    this.watch();
    return answer;
  }

  override end(): Promise<void>;
  override end(callback: (error: Error) => void): void;
  override end(callback?: (error: any) => void): Promise<void> | void {
    // A peer that is gone never answers a goodbye. One under way on a pipeline is waited for as any other.
    const timer = setInterval(() => {
      if (!this.isWaiting) this.socket.destroy();
    }, GOODBYE_MS).unref();
    const ended = super.end().finally(() => clearInterval(timer));
    if (!callback) return ended;
    ended.then(() => callback(undefined), callback);
  }

  /** Ends it without a goodbye; what is under way on it fails. */
  destroy(): void {
    this.socket.destroy();
  }

  private get inner(): Inner {
    return this as unknown as Inner;
  }

  private get socket(): Socket {
    return this.inner.connection.stream;
  }

  private get isWaiting(): boolean {
    const { _activeQuery, _queryQueue, _sentQueryQueue } = this.inner;
    return Boolean(_activeQuery) || _queryQueue.length > 0 || _sentQueryQueue.length > 0;
  }

  /**
   * Watches the silence, not the statement: on a pipeline one may rightly wait for those before it, and a long answer
   * comes in many pieces. One timer a connection, and only while something is due: appends are too many for one each.
   */
  private watch(): void {
    if (this.watching) return;
    const { silenceMs, onSilence } = this.limits;
    let heard = this.heard;
    let since = performance.now();
    let asking = false;
    let suspected = 0;
    this.watching = setInterval(
      () => {
        if (!this.isWaiting) return this.unwatch();
        const now = performance.now();
        if (this.heard !== heard) {
          heard = this.heard;
          since = now;
          suspected = 0;
          return;
        }
        if (now - since < silenceMs || asking) return;
        const silent = `has been silent for ${Math.round(now - since)} ms`;
        if (onSilence === 'give-up') return this.giveUp(silent);
        asking = true;
        void this.isAtWork()
          .then((atWork) => {
            suspected = atWork ? 0 : suspected + 1;
            // Twice: an answer may just be on its way.
            if (suspected > 1 && this.heard === heard) this.giveUp(silent);
          })
          .finally(() => (asking = false));
      },
      Math.max(10, Math.min(1000, silenceMs / 8)),
    ).unref();
  }

  private unwatch(): void {
    clearInterval(this.watching);
    this.watching = undefined;
  }

  /** Grows with all that has come in; while the peer does not take what is sent, with what it took. */
  private get heard(): number {
    const { bytesRead, bytesWritten, writableLength } = this.socket;
    return bytesRead + (writableLength > 0 ? bytesWritten - writableLength : 0);
  }

  /** Whether the server works on what was asked here, by word of another connection; true where nobody can tell. */
  private async isAtWork(): Promise<boolean> {
    const { connectionParameters } = this as unknown as { connectionParameters: pg.ClientConfig };
    const { host, port, user, database, ssl } = connectionParameters;
    const config = { host, port, user, database, ssl, password: this.password };
    const other = new Connection({
      ...configOf('', { role: 'listen', applicationName: `${this.options.applicationName ?? 'yad'}: watch` }),
      connectionString: undefined,
      ...config,
    });
    try {
      await other.connect();
      const { rows } = await other.query(
        `select state = 'active' and coalesce(wait_event, '') <> 'ClientRead' as at_work
           from pg_stat_activity where pid = $1`,
        [this.backend],
      );
      return rows[0]?.at_work ?? rows.length > 0;
    } catch {
      return true;
    } finally {
      await other.end().catch(() => {});
    }
  }

  private giveUp(why: string): void {
    this.unwatch();
    this.socket.destroy(
      Object.assign(new Error(`the database ${why}: the connection is given up`), { code: 'ETIMEDOUT' }),
    );
  }
}

/** One connection by itself. The caller ends it. */
export async function connect(url: string, options: ConnectionOptions): Promise<Connection> {
  const connection = new Connection(configOf(url, options));
  await connection.connect();
  return connection;
}
