import { setTimeout as sleep } from 'node:timers/promises';
import { backoff } from '#platform/kernel/backoff.js';
import { configOf, Connection, type ConnectionOptions } from './connection.js';

/** A connection on which nothing is asked cannot be told from a dead one: so something is asked. */
const HEARTBEAT_MS = 10_000;
const MOST_PAUSE_MS = 2_000;

export interface ListenerOptions extends Omit<ConnectionOptions, 'role'> {
  /** Told of each notification, and once after each connecting: what was sent before is lost. */
  readonly onNotification: () => void;
  readonly heartbeatMs?: number;
}

/** Listens on a channel, over one connection, which is asked for a sign of life and replaced when it gives none. */
export class Listener {
  private readonly closing = new AbortController();
  private connection: Connection | undefined;
  private running: Promise<void> | undefined;

  constructor(
    private readonly url: string,
    private readonly channel: string,
    private readonly options: ListenerOptions,
  ) {}

  /** Begins, the first time it is called. */
  start(): void {
    if (!this.closing.signal.aborted) this.running ??= this.run();
  }

  async close(): Promise<void> {
    this.closing.abort();
    // One that is still connecting to a server that is away would be waited for.
    this.connection?.destroy();
    await this.running;
  }

  private async run(): Promise<void> {
    const { signal } = this.closing;
    for (let failures = 1; !signal.aborted; failures++) {
      try {
        await this.listen(() => (failures = 1));
      } catch {
        // Who waits for a notification looks by himself now and then; it is only slower without.
      } finally {
        // Whatever went wrong, also a LISTEN that the server refused: nothing of the connection is left behind.
        await this.connection?.end().catch(() => {});
        this.connection = undefined;
      }
      await sleep(backoff(failures, { capMs: MOST_PAUSE_MS }), undefined, { signal, ref: false }).catch(() => {});
    }
  }

  /** Listens until the connection breaks, or the listener is closed. */
  private async listen(begun: () => void): Promise<void> {
    const { onNotification, heartbeatMs = HEARTBEAT_MS, ...options } = this.options;
    const { signal } = this.closing;
    const connection = (this.connection = new Connection(configOf(this.url, { ...options, role: 'listen' })));
    await connection.connect();
    const broken = new AbortController();
    const end = (): void => broken.abort();
    connection.on('notification', onNotification).once('error', end).once('end', end);
    signal.addEventListener('abort', end, { once: true });
    try {
      await connection.query(`listen ${this.channel}`);
      begun();
      onNotification();
      while (!broken.signal.aborted && !signal.aborted) {
        await sleep(heartbeatMs, undefined, { signal: broken.signal, ref: false }).catch(() => {});
        if (!broken.signal.aborted) await connection.query('select 1');
      }
    } finally {
      signal.removeEventListener('abort', end);
    }
  }
}
