import { TooManyAtOnce, TooManyHeavyQueries } from '#platform/kernel/errors.js';

/** Heavy queries that a process runs at once: it may have no more cores, and light ones want some of them. */
export const HEAVY_AT_ONCE = 2;

export interface QueryBudgetOptions {
  /** Heavy queries at once. */
  readonly running?: number;
  /** How many more may wait for their turn. Default 8. */
  readonly waiting?: number;
  /** How long one waits. Default 5 s. */
  readonly timeoutMs?: number;
  /**
   * How many one sender may have here, running and waiting; then it never runs on the last place either, so that others
   * need not wait for its queries to end. Absent or 0: all there are.
   */
  readonly ofEach?: number;
}

/** What one sender has here, and what of it runs. */
interface Sender {
  here: number;
  running: number;
}

interface Waiter {
  readonly own: Sender | undefined;
  readonly go: () => void;
  readonly giveUp: (error: unknown) => void;
}

/**
 * Bounds how many heavy queries a process runs at once: a handful of questions about everybody would else take all
 * connections and cores, and whoever asks about one customer would wait behind them. One sender has only some of the
 * places, and among those who wait, one who has nothing running comes first.
 */
export class QueryBudget {
  private readonly most: number;
  private readonly mostWaiting: number;
  private readonly timeoutMs: number;
  private running = 0;
  private refused = 0;
  private readonly queue: Waiter[] = [];
  private readonly ofEach: number;
  private readonly runningOfEach: number;
  private readonly senders = new Map<string, Sender>();

  constructor({ running = HEAVY_AT_ONCE, waiting = 8, timeoutMs = 5_000, ofEach = 0 }: QueryBudgetOptions = {}) {
    this.ofEach = ofEach;
    this.runningOfEach = ofEach > 0 ? Math.max(1, running - 1) : running;
    this.most = running;
    this.mostWaiting = waiting;
    this.timeoutMs = timeoutMs;
  }

  /** How many run and wait now, and how many had no turn since the process began. */
  get status(): { readonly running: number; readonly waiting: number; readonly refused: number } {
    return { running: this.running, waiting: this.queue.length, refused: this.refused };
  }

  /**
   * Runs a heavy query in its turn.
   * @param gone aborts when nobody waits for the answer any more: the turn is then left to others
   * @param sender whose it is; absent: of nobody whose queries are counted
   * @throws TooManyHeavyQueries when too many wait, or the turn does not come in time; TooManyAtOnce when the sender has
   *   all of its places
   */
  async run<T>(work: () => Promise<T>, gone?: AbortSignal, sender?: string): Promise<T> {
    const own = sender === undefined ? undefined : this.enter(sender);
    try {
      if (this.running < this.most && this.mayRun(own)) this.begin(own);
      else await this.turn(gone, own);
      try {
        return await work();
      } finally {
        this.running--;
        if (own) own.running--;
        this.handOn();
      }
    } finally {
      if (own && --own.here === 0) this.senders.delete(sender!);
    }
  }

  private mayRun(own: Sender | undefined): boolean {
    return !own || own.running < this.runningOfEach;
  }

  private begin(own: Sender | undefined): void {
    this.running++;
    if (own) own.running++;
  }

  private enter(sender: string): Sender {
    const own = this.senders.get(sender) ?? { here: 0, running: 0 };
    if (this.ofEach > 0 && own.here >= this.ofEach) {
      this.refused++;
      throw new TooManyAtOnce(sender, this.ofEach);
    }
    own.here++;
    this.senders.set(sender, own);
    return own;
  }

  /** The place is handed on, so that nobody who comes now can be quicker than one who waits for it. */
  private handOn(): void {
    const next =
      this.queue.find(({ own }) => !own || own.running === 0) ?? this.queue.find(({ own }) => this.mayRun(own));
    // It takes itself out of the queue.
    next?.go();
  }

  private refusal(): TooManyHeavyQueries {
    this.refused++;
    return new TooManyHeavyQueries();
  }

  private turn(gone: AbortSignal | undefined, own: Sender | undefined): Promise<void> {
    if (this.queue.length >= this.mostWaiting) return Promise.reject(this.refusal());
    return new Promise((resolve, reject) => {
      const settle = (): void => {
        clearTimeout(timer);
        gone?.removeEventListener('abort', left);
        const at = this.queue.indexOf(waiter);
        if (at >= 0) this.queue.splice(at, 1);
      };
      const waiter: Waiter = {
        own,
        go: () => {
          settle();
          this.begin(own);
          resolve();
        },
        giveUp: (error) => {
          settle();
          reject(error);
        },
      };
      const left = (): void => waiter.giveUp(gone!.reason);
      const timer = setTimeout(() => waiter.giveUp(this.refusal()), this.timeoutMs);
      gone?.addEventListener('abort', left);
      this.queue.push(waiter);
    });
  }
}
