import { Listener } from '#platform/postgres/listener.js';
import { CHANNEL } from './names.js';

/** How long a reader waits at most before it looks by itself: a lost notification delays, it does not lose. */
const PATIENCE_MS = 500;

/** Rings when another process has committed, by LISTEN on a connection of its own, which is replaced when it breaks. */
export class CommitListener {
  private readonly waiting = new Set<() => void>();
  private readonly listener: Listener;
  private closed = false;
  private rings = 0;

  constructor(url: string) {
    this.listener = new Listener(url, CHANNEL, {
      applicationName: 'yad store: listen',
      onNotification: () => this.ring(),
    });
  }

  /** How often it has rung. Taken before a read, and given to `after` when the read found nothing. */
  get rung(): number {
    this.listener.start();
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

  /** Wakes who waits. */
  ring(): void {
    this.rings++;
    for (const wake of [...this.waiting]) wake();
  }

  async close(): Promise<void> {
    this.closed = true;
    this.ring();
    await this.listener.close();
  }
}
