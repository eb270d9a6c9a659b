import { createPool, type Pool, type PoolClient } from '#platform/postgres/pool.js';
import { CHANNEL } from './store.migrations.js';

/** How long a reader waits at most before it looks by itself: a lost notification delays, it does not lose. */
const PATIENCE_MS = 500;

/** Rings when the store has committed, by LISTEN on a connection of its own, which is replaced when it breaks. */
export class CommitListener {
  private readonly waiting = new Set<() => void>();
  private readonly pool: Pool;
  private connection: Promise<PoolClient | undefined> | undefined;
  private closed = false;

  constructor(url: string) {
    this.pool = createPool(url, { max: 1, applicationName: 'yad store: listen' });
  }

  /** Resolves at the next commit, after a while, or when the signal aborts. */
  next(signal: AbortSignal): Promise<void> {
    this.connection ??= this.listen();
    return new Promise((resolve) => {
      const ring = (): void => {
        clearTimeout(timer);
        this.waiting.delete(ring);
        signal.removeEventListener('abort', ring);
        resolve();
      };
      const timer = setTimeout(ring, PATIENCE_MS);
      this.waiting.add(ring);
      signal.addEventListener('abort', ring, { once: true });
      if (signal.aborted || this.closed) ring();
    });
  }

  private async listen(): Promise<PoolClient | undefined> {
    try {
      const client = await this.pool.connect();
      client.on('notification', () => this.ring());
      client.on('error', () => {
        this.connection = undefined;
        client.release(true);
        this.ring();
      });
      await client.query(`listen ${CHANNEL}`);
      return client;
    } catch {
      // Readers go on at their own pace and ask again.
      this.connection = undefined;
      return undefined;
    }
  }

  private ring(): void {
    for (const wake of [...this.waiting]) wake();
  }

  async close(): Promise<void> {
    this.closed = true;
    const client = await this.connection;
    client?.removeAllListeners('error');
    client?.on('error', () => {});
    client?.release(true);
    this.ring();
    await this.pool.end();
  }
}
