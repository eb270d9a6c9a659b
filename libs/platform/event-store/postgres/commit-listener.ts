import { createPool, type Pool, type PoolClient } from '#platform/postgres/pool.js';
import { CHANNEL } from './store.migrations.js';

/** How long a reader waits at most before it looks by itself: a lost notification delays, it does not lose. */
const PATIENCE_MS = 500;

/** Rings when another process has committed, by LISTEN on a connection of its own, which is replaced when it breaks. */
export class CommitListener {
  private readonly waiting = new Set<() => void>();
  private readonly pool: Pool;
  private connection: Promise<PoolClient | undefined> | undefined;
  private closed = false;
  private rings = 0;

  constructor(url: string) {
    this.pool = createPool(url, { max: 1, applicationName: 'yad store: listen' });
  }

  /** How often it has rung. Taken before a read, and given to `after` when the read found nothing. */
  get rung(): number {
    this.connection ??= this.listen();
    return this.rings;
  }

  /** Resolves when it has rung since, after a while, or when the signal aborts. */
  after(rung: number, signal: AbortSignal): Promise<void> {
    // A commit during the read has rung already: nobody may wait for it.
    if (this.rings !== rung || signal.aborted || this.closed) return Promise.resolve();
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

  /** Wakes who waits. */
  ring(): void {
    this.rings++;
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
