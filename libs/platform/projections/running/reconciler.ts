import { max, type Log } from '../builds/catch-up.js';
import type { Progress } from './progress.js';
import type { ProjectionGroup } from './projection-group.js';
import type { ProjectionStatus } from './projection-status.js';

interface Look {
  readonly projectionStatus: ProjectionStatus;
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
    private readonly group: ProjectionGroup,
    private readonly log: Log,
    private readonly progress: Progress,
    private readonly onError: (error: unknown) => void,
    /** Called when a checkpoint is beyond the log's end: the log has lost events that a build holds. */
    private readonly onBeyond: () => Promise<void>,
    private readonly everyMs = 1_000,
  ) {}

  start(): void {
    this.timer = setInterval(() => {
      this.looking ??= this.look()
        .catch(this.onError)
        .finally(() => (this.looking = undefined));
    }, this.everyMs);
  }

  async stop(): Promise<void> {
    clearInterval(this.timer);
    await this.looking;
  }

  private async look(): Promise<void> {
    const projectionStatus = await this.progress.projectionStatus();
    const { position: head } = await this.log.store.head();
    const now: Look = { projectionStatus, head };
    if (isBeyond(now)) await this.onBeyond();
    const { before } = this;
    this.before = now;
    if (!before) return;
    const targets = new Map<string, ReadonlyMap<number, bigint>>();
    for (const { name, isAlone, writer } of this.group.members) {
      if (isAlone) continue;
      for (const [partition, at] of projectionStatus.checkpoints.get(name) ?? []) {
        if (at >= (writer.pauses.at(partition) ?? at + 1n)) this.group.passed(name);
      }
      const own = overdue(name, this.group.assigned, before, now);
      if (own.size > 0) targets.set(name, own);
    }
    if (targets.size > 0) await this.group.reconcile(targets, projectionStatus.published);
  }
}

function isBeyond({ projectionStatus, head }: Look): boolean {
  for (const positions of projectionStatus.checkpoints.values()) {
    for (const position of positions.values()) if (position > head) return true;
  }
  return false;
}

/** Partitions of a projection that have not moved since the last look, though there was something to apply even then. */
function overdue(name: string, assigned: ReadonlySet<number>, before: Look, now: Look): Map<number, bigint> {
  const targets = new Map<number, bigint>();
  const own = now.projectionStatus.checkpoints.get(name) ?? new Map<number, bigint>();
  const then = before.projectionStatus.checkpoints.get(name);
  for (const [partition, at] of own) {
    // Others' partitions are theirs, unless the bus never got as far as sharing them out.
    if (assigned.size > 0 && !assigned.has(partition)) continue;
    if (then?.get(partition) !== at) continue;
    const due = announced(partition, before, now);
    if (due > at) targets.set(partition, due);
  }
  return targets;
}

/** How far a partition should be, by what was known at the last look. */
function announced(partition: number, before: Look, now: Look): bigint {
  const [then, published] = [before.projectionStatus.published, now.projectionStatus.published];
  if (!then || !published) return before.head;
  const due = then.heads.get(partition) ?? 0n;
  // The relay itself stands still though the store has more: it cannot be waited for.
  const stuck = then.position === published.position && before.head > published.position;
  return stuck ? max([due, before.head]) : due;
}
