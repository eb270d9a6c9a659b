/** Committed offsets only spare reading again what is held, so a second's worth of repeats is a fair price. */
const EVERY_MS = 1_000;

/** The offset of each partition from which on a restart has to read. */
export type Offsets = ReadonlyMap<number, string>;

/**
 * Commits the offsets of what is held, once a second and also when nothing more comes: at rest the group shows no lag.
 * A commit that fails is made again with the next one.
 */
export class OffsetCommits {
  private due = new Map<number, string>();
  private committing: Promise<void> | undefined;
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly commit: (offsets: Offsets) => Promise<void>,
    private readonly everyMs = EVERY_MS,
  ) {}

  start(): void {
    this.timer ??= setInterval(() => void this.flush(), this.everyMs).unref();
  }

  stop(): void {
    clearInterval(this.timer);
    this.timer = undefined;
  }

  set(partition: number, offset: string): void {
    this.due.set(partition, offset);
  }

  /** The partitions are shared out anew: what was not committed is read again. */
  forget(): void {
    this.due = new Map();
  }

  /** Commits what is due. Never rejects. */
  async flush(): Promise<void> {
    while (this.committing) await this.committing;
    const { due } = this;
    if (due.size === 0) return;
    const offsets = new Map(due);
    due.clear();
    this.committing = this.commit(offsets)
      .catch(() => {
        // Later ones of the same partition say as much; those of an earlier sharing out nobody looks at any more.
        for (const [partition, offset] of offsets) if (!due.has(partition)) due.set(partition, offset);
      })
      .finally(() => (this.committing = undefined));
    await this.committing;
  }
}
