import { Listener } from '#platform/postgres/listener.js';
import { CHANNEL } from './names.js';

/** How long a reader waits at most before it looks by itself: a lost notification delays, it does not lose. */
const TIMEOUT_MS = 500;

/** Wakes readers when another process has committed, by LISTEN on a connection of its own, which is replaced when it breaks. */
export class CommitListener {
  private readonly waiting = new Set<() => void>();
  private readonly listener: Listener;
  private closed = false;
  private notifications = 0;

  constructor(url: string) {
    this.listener = new Listener(url, CHANNEL, {
      applicationName: 'yad store: listen',
      onNotification: () => this.notify(),
    });
  }

  /** Counts the notifications. Taken before a read, and given to `after` when the read found nothing. */
  get version(): number {
    this.listener.start();
    return this.notifications;
  }

  /** Resolves when there was a notification since, after a while, or when the signal aborts. */
  after(version: number, signal: AbortSignal): Promise<void> {
    // A commit during the read has notified already: nobody may wait for it.
    if (this.notifications !== version || signal.aborted || this.closed) return Promise.resolve();
    return new Promise((resolve) => {
      const wake = (): void => {
        clearTimeout(timer);
        this.waiting.delete(wake);
        signal.removeEventListener('abort', wake);
        resolve();
      };
      const timer = setTimeout(wake, TIMEOUT_MS);
      this.waiting.add(wake);
      signal.addEventListener('abort', wake, { once: true });
    });
  }

  /** Wakes who waits. */
  notify(): void {
    this.notifications++;
    for (const wake of [...this.waiting]) wake();
  }

  async close(): Promise<void> {
    this.closed = true;
    this.notify();
    await this.listener.close();
  }
}
