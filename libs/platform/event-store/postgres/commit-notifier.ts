import { setTimeout as sleep } from 'node:timers/promises';
import { createPool, type Pool } from '#platform/postgres/pool.js';
import { CHANNEL } from './names.js';

/** The shortest time between two notifications: those who listen read the log in batches, not commit by commit. */
const SPACING_MS = 4;

/**
 * Rings for the readers of other processes, after the commit and beside it: in the append's own transaction a
 * notification cost up to a quarter of a small append, under the lock. One that is lost delays (CommitListener).
 */
export class CommitNotifier {
  private readonly pool: Pool;
  private due = false;
  private ringing: Promise<void> | undefined;
  private closed = false;

  constructor(url: string) {
    // It writes nothing: there is nothing to wait for the disk for.
    this.pool = createPool(url, {
      role: 'listen',
      max: 1,
      applicationName: 'yad store: notify',
      synchronousCommit: 'off',
    });
  }

  /** Something was committed. Notifies at once, or when the time since the last notification is over. */
  committed(): void {
    if (this.closed) return;
    this.due = true;
    this.ringing ??= this.notify();
  }

  private async notify(): Promise<void> {
    while (this.due) {
      this.due = false;
      await this.pool.query({ name: 'notify', text: `select pg_notify('${CHANNEL}', '')` }).catch(() => {});
      if (!this.closed) await sleep(SPACING_MS);
    }
    // In the same turn as the last look at `due`: a commit in between cannot be left unsaid.
    this.ringing = undefined;
  }

  async close(): Promise<void> {
    this.closed = true;
    await this.ringing;
    await this.pool.end();
  }
}
