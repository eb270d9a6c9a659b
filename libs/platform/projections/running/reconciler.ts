import type { Log } from '#platform/event-bus/consuming/log-reading.js';
import { OverduePartitions, type Look } from './overdue-partitions.js';
import type { Progress } from './progress.js';
import type { ProjectionGroup } from './projection-group.js';

/**
 * Looks every second whether something that should long be applied is not: a message lost, a topic gone, a broker
 * away, a process of another version that does not write what the bus brings it. What it finds missing is read from the
 * store, so that such a loss is only a delay.
 */
export class Reconciler {
  private before: Look | undefined;
  private readonly overdue = new OverduePartitions();
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
    for (const member of this.group.members) {
      if (member.isAlone) continue;
      const { name, writer } = member;
      for (const [partition, at] of projectionStatus.checkpoints.get(name) ?? []) {
        if (at >= (writer.pauses.at(partition) ?? at + 1n)) this.group.passed(name);
      }
      const due = this.overdue.of(member, this.group.assigned, before, now);
      if (due.size > 0) targets.set(name, due);
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
