import type { EventStore } from '#platform/event-store/event-store.js';
import type { Progress } from './progress.js';
import { reached } from './projection-status.js';

/** Behind the log and without a step for so long is a standstill: longer than any retry after a lost connection. */
const STILL_MS = 20_000;
const EVERY_MS = 2_000;

interface Seen {
  at: bigint;
  movedAt: number;
}

export interface StandstillOptions {
  readonly progress: Pick<Progress, 'projectionStatus'>;
  readonly store: Pick<EventStore, 'head'>;
  readonly projections: readonly string[];
  readonly stillMs?: number;
  readonly now?: () => number;
}

/**
 * Tells read models that stand still behind the log, whatever the cause: a reader that has died, a bus that brings
 * nothing, a relay that does not publish, a disk that is full, a live build that nobody writes to. Looks by itself now
 * and then, as who asks may ask seldom.
 */
export class Standstill {
  private readonly seen = new Map<string, Seen>();
  private timer: NodeJS.Timeout | undefined;
  private looking: Promise<void> | undefined;

  constructor(private readonly options: StandstillOptions) {}

  start(): void {
    // What goes wrong is told to those who ask.
    this.timer ??= setInterval(() => void this.look().catch(() => {}), EVERY_MS).unref();
  }

  stop(): void {
    clearInterval(this.timer);
  }

  /**
   * @param explained those of which it is known why, and that it will pass
   * @throws Error that names the read models which stand still, or why it cannot be told
   */
  async check(explained: ReadonlySet<string> = new Set()): Promise<void> {
    await this.look();
    const { stillMs = STILL_MS, now = performance.now.bind(performance) } = this.options;
    const still = [...this.seen].filter(([name, { movedAt }]) => now() - movedAt > stillMs && !explained.has(name));
    if (still.length === 0) return;
    const names = still.map(
      ([name, { at, movedAt }]) => `${name} at ${at} for ${Math.round((now() - movedAt) / 1000)} s`,
    );
    throw new Error(`stand still behind the log: ${names.join(', ')}`);
  }

  private look(): Promise<void> {
    return (this.looking ??= this.compare().finally(() => (this.looking = undefined)));
  }

  private async compare(): Promise<void> {
    const { progress, store, projections, now = performance.now.bind(performance) } = this.options;
    // The head first: what is appended in between is not held against those who have not got there yet.
    const { position: head } = await store.head();
    const projectionStatus = await progress.projectionStatus();
    for (const name of projections) {
      const at = reached(projectionStatus, [name]);
      const known = this.seen.get(name);
      if (!known || at !== known.at || at >= head) this.seen.set(name, { at, movedAt: now() });
    }
  }
}
