import { max } from '#platform/event-bus/consuming/log-reading.js';
import type { AdoptedPartitions } from './adopted-partitions.js';
import type { ProjectionStatus } from './projection-status.js';

/** So long others' partitions may stand still, and up to half as long again, so that not all processes step in at once. */
const STILL_MS = 3_000;

/** One look at where all live builds stand. */
export interface Look {
  readonly projectionStatus: ProjectionStatus;
  /** The store's head, read after the checkpoints: none of them can rightly be beyond it. */
  readonly head: bigint;
}

/** A projection as this process has it. */
export interface OwnProjection {
  readonly name: string;
  /** Partitions that it writes though the bus has assigned them to another process. */
  readonly adopted: AdoptedPartitions;
}

/**
 * Finds partitions that have not moved since the last look, though there was something to apply even then. The own
 * ones are overdue at once. Those of others are when they have stood still for some seconds, whatever the reason: a
 * process of another version does not write this build, or cannot read the next event.
 */
export class OverduePartitions {
  private readonly still = new Map<string, { readonly since: number; readonly patience: number }>();

  constructor(private readonly now: () => number = performance.now.bind(performance)) {}

  /** @returns by overdue partition of this projection, how far it should be; what is others' is adopted by that */
  of({ name, adopted }: OwnProjection, assigned: ReadonlySet<number>, before: Look, after: Look): Map<number, bigint> {
    const targets = new Map<number, bigint>();
    const then = before.projectionStatus.checkpoints.get(name);
    adopted.letGo(assigned);
    for (const [partition, at] of after.projectionStatus.checkpoints.get(name) ?? []) {
      const key = `${name} ${partition}`;
      const due = announced(partition, before, after);
      if (then?.get(partition) !== at || due <= at) this.still.delete(key);
      else if (assigned.has(partition)) targets.set(partition, due);
      else if ((adopted.has(partition) || this.isLong(key)) && adopted.take(partition)) targets.set(partition, due);
    }
    return targets;
  }

  private isLong(key: string): boolean {
    const now = this.now();
    const known = this.still.get(key);
    if (known) return now - known.since > known.patience;
    this.still.set(key, { since: now, patience: STILL_MS * (1 + Math.random() / 2) });
    return false;
  }
}

/** How far a partition should be, by what was known at the last look. */
function announced(partition: number, before: Look, after: Look): bigint {
  const [then, published] = [before.projectionStatus.published, after.projectionStatus.published];
  if (!then || !published) return before.head;
  const due = then.heads.get(partition) ?? 0n;
  // The relay itself stands still though the store has more: it cannot be waited for.
  const stuck = then.position === published.position && before.head > published.position;
  return stuck ? max([due, before.head]) : due;
}
