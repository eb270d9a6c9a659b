/** What was not needed for so long is left to whoever the bus has assigned it to. */
const LET_GO_MS = 30_000;
/** After a failure others' partitions are left alone for so long. */
const REFUSED_MS = 30_000;

/**
 * Partitions of one projection that this process writes though the bus has assigned them to another, as they stand
 * still there: it runs code of another version, or is about to be found dead. Should it write again, the checkpoint's
 * compare-and-set keeps the two apart.
 */
export class AdoptedPartitions implements Iterable<number> {
  /** By partition: when something had last to be done there. */
  private readonly needed = new Map<number, number>();
  private refusedUntil = -Infinity;

  constructor(private readonly now: () => number = performance.now.bind(performance)) {}

  has(partition: number): boolean {
    return this.needed.has(partition);
  }

  [Symbol.iterator](): Iterator<number> {
    return this.needed.keys();
  }

  /** Something is to be done in one. @returns false while it must not be, after a failure */
  take(partition: number): boolean {
    const now = this.now();
    if (now < this.refusedUntil) return false;
    this.needed.set(partition, now);
    return true;
  }

  /** Lets go of those that others look after again. */
  letGo(assigned: ReadonlySet<number>): void {
    const now = this.now();
    for (const [partition, at] of this.needed) {
      if (assigned.has(partition) || now - at > LET_GO_MS) this.needed.delete(partition);
    }
  }

  /** What is in them may not be written here: one's own partitions must not wait for that. @returns whether there were any */
  fail(): boolean {
    if (this.needed.size === 0) return false;
    this.needed.clear();
    this.refusedUntil = this.now() + REFUSED_MS;
    return true;
  }
}
