import { max, type Log } from '../builds/catch-up.js';
import type { Lane } from './projection-worker.js';
import type { Progress, Standing } from './progress.js';

interface Look {
  readonly standing: Standing;
  /** The store's head, read after the checkpoints: none of them can rightly be beyond it. */
  readonly head: bigint;
}

/**
 * Looks every second whether something that should long be applied is not: a message lost, a topic gone, a broker
 * away. What it finds missing is read from the store, so that such a loss is only a delay.
 */
export class Reconciler {
  private before: Look | undefined;
  private timer: NodeJS.Timeout | undefined;
  private looking: Promise<void> | undefined;

  constructor(
    private readonly lanes: () => Iterable<Lane>,
    private readonly log: Log,
    private readonly progress: Progress,
    private readonly onTrouble: (error: unknown) => void,
    /** Called when a checkpoint is beyond the log's end: the log has lost events that a build holds. */
    private readonly onBeyond: () => Promise<void>,
    private readonly everyMs = 1_000,
  ) {}

  start(): void {
    this.timer = setInterval(() => {
      this.looking ??= this.look()
        .catch(this.onTrouble)
        .finally(() => (this.looking = undefined));
    }, this.everyMs);
  }

  async stop(): Promise<void> {
    clearInterval(this.timer);
    await this.looking;
  }

  private async look(): Promise<void> {
    const standing = await this.progress.standing();
    const { position: head } = await this.log.store.head();
    const now: Look = { standing, head };
    if (isBeyond(now)) await this.onBeyond();
    const { before } = this;
    this.before = now;
    if (!before) return;
    await Promise.all(
      [...this.lanes()].map(async (lane) => {
        const targets = overdue(lane, before, now);
        if (targets.size > 0) await lane.reconcile(targets, now.standing.published);
      }),
    );
  }
}

function isBeyond({ standing, head }: Look): boolean {
  for (const positions of standing.checkpoints.values()) {
    for (const position of positions.values()) if (position > head) return true;
  }
  return false;
}

/** Partitions of the lane that have not moved since the last look, though there was something to apply even then. */
function overdue(lane: Lane, before: Look, now: Look): Map<number, bigint> {
  const targets = new Map<number, bigint>();
  const own = now.standing.checkpoints.get(lane.name) ?? new Map<number, bigint>();
  const then = before.standing.checkpoints.get(lane.name);
  for (const [partition, at] of own) {
    // Others' partitions are theirs, unless the bus never got as far as sharing them out.
    if (lane.assigned.size > 0 && !lane.assigned.has(partition)) continue;
    if (then?.get(partition) !== at) continue;
    const due = announced(partition, before, now);
    if (due > at) targets.set(partition, due);
  }
  return targets;
}

/** How far a partition should be, by what was known at the last look. */
function announced(partition: number, before: Look, now: Look): bigint {
  const [then, published] = [before.standing.published, now.standing.published];
  if (!then || !published) return before.head;
  const due = then.heads.get(partition) ?? 0n;
  // The relay itself stands still though the store has more: it cannot be waited for.
  const stuck = then.position === published.position && before.head > published.position;
  return stuck ? max([due, before.head]) : due;
}
