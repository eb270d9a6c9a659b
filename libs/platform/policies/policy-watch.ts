import type { Published } from '#platform/event-bus/event-bus.js';
import type { PolicyState } from './policy-books.js';

/** How far the log or the bus was, and where the policies stood. */
interface Look {
  readonly states: ReadonlyMap<string, PolicyState>;
  readonly horizon: bigint;
}

/** Looks in a row in which nothing moved, before a partition is read that the bus gave to another process, or to none. */
const OTHERS_AFTER = 4;

/** Finds the partitions in which a policy should long be further than it is: a message was lost, or nobody reads it. */
export class PolicyWatch {
  private before: Look | undefined;
  private readonly still = new Map<string, number>();

  /** @returns up to where each partition of a policy is to be read from the log */
  overdue(
    policies: readonly string[],
    assigned: ReadonlySet<number>,
    now: Look,
  ): ReadonlyMap<string, ReadonlyMap<number, bigint>> {
    const { before } = this;
    this.before = now;
    const targets = new Map<string, Map<number, bigint>>();
    if (!before) return targets;
    for (const policy of policies) {
      for (const [partition, position] of now.states.get(policy)?.checkpoints ?? []) {
        const key = `${policy} ${partition}`;
        const was = before.states.get(policy)?.checkpoints.get(partition);
        if (position !== was || position >= before.horizon) {
          this.still.delete(key);
          continue;
        }
        const looks = (this.still.get(key) ?? 0) + 1;
        this.still.set(key, looks);
        if (looks < (assigned.has(partition) ? 1 : OTHERS_AFTER)) continue;
        const own = targets.get(policy) ?? new Map<number, bigint>();
        targets.set(policy, own.set(partition, before.horizon));
      }
    }
    return targets;
  }
}

/** Partitions that hold nothing behind where any of these policies stands, as the relay says. */
export function emptyPartitions(
  targets: ReadonlyMap<string, ReadonlyMap<number, bigint>>,
  states: ReadonlyMap<string, PolicyState>,
  published: Published | undefined,
): ReadonlySet<number> {
  const empty = new Set<number>();
  if (!published) return empty;
  const holding = new Set<number>();
  for (const [policy, own] of targets) {
    for (const partition of own.keys()) {
      const at = states.get(policy)?.checkpoints.get(partition) ?? 0n;
      if ((published.heads.get(partition) ?? 0n) <= at) empty.add(partition);
      else holding.add(partition);
    }
  }
  for (const partition of holding) empty.delete(partition);
  return empty;
}
