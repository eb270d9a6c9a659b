import { TooManyHeavyQueries } from '#platform/kernel/errors.js';

/** Heavy queries that a process runs at once: it may have no more cores, and light ones want some of them. */
export const HEAVY_AT_ONCE = 2;

export interface QueryBudgetOptions {
  /** Heavy queries at once. */
  readonly running?: number;
  /** How many more may wait for their turn. Default 8. */
  readonly waiting?: number;
  /** How long one waits. Default 5 s. */
  readonly timeoutMs?: number;
}

interface Waiter {
  readonly go: () => void;
  readonly giveUp: (error: unknown) => void;
}

/**
 * Bounds how many heavy queries a process runs at once: a handful of questions about everybody would else take all
 * connections and cores, and whoever asks about one customer would wait behind them.
 */
export class QueryBudget {
  private readonly most: number;
  private readonly mostWaiting: number;
  private readonly timeoutMs: number;
  private running = 0;
  private readonly queue: Waiter[] = [];

  constructor({ running = HEAVY_AT_ONCE, waiting = 8, timeoutMs = 5_000 }: QueryBudgetOptions = {}) {
    this.most = running;
    this.mostWaiting = waiting;
    this.timeoutMs = timeoutMs;
  }

  /**
   * Runs a heavy query in its turn.
   * @param gone aborts when nobody waits for the answer any more: the turn is then left to others
   * @throws TooManyHeavyQueries when too many wait, or the turn does not come in time
   */
  async run<T>(work: () => Promise<T>, gone?: AbortSignal): Promise<T> {
    if (this.running >= this.most) await this.turn(gone);
    else this.running++;
    try {
      return await work();
    } finally {
      // The place is handed on, so that nobody who comes now can be quicker than one who waits.
      const next = this.queue.shift();
      if (next) next.go();
      else this.running--;
    }
  }

  private turn(gone?: AbortSignal): Promise<void> {
    if (this.queue.length >= this.mostWaiting) return Promise.reject(new TooManyHeavyQueries());
    return new Promise((resolve, reject) => {
      const settle = (): void => {
        clearTimeout(timer);
        gone?.removeEventListener('abort', left);
        const at = this.queue.indexOf(waiter);
        if (at >= 0) this.queue.splice(at, 1);
      };
      const waiter: Waiter = {
        go: () => {
          settle();
          resolve();
        },
        giveUp: (error) => {
          settle();
          reject(error);
        },
      };
      const left = (): void => waiter.giveUp(gone!.reason);
      const timer = setTimeout(() => waiter.giveUp(new TooManyHeavyQueries()), this.timeoutMs);
      gone?.addEventListener('abort', left);
      this.queue.push(waiter);
    });
  }
}
