import type { BusLog } from '../bus-log.js';
import type { BusMessage } from '../event-bus.js';
import type { PublishedPositions } from './kafka-member.js';

export interface Stalled {
  /** The partitions to look at now; none while a delivery or restart is under way. */
  partitions(): readonly number[];
  /** Up to where each of its partitions was handed over. */
  reached(): Promise<ReadonlyMap<number, bigint>>;
  restart(partitions: readonly number[]): void;
  deliver(message: BusMessage): Promise<void>;
  log: BusLog;
}

interface PartitionLag {
  at: bigint;
  since: number;
  restarted: boolean;
}

/**
 * Watches the lag, not the liveness: kafkajs has been seen to fetch nothing and look well (#659), and a topic deleted
 * under way or a lost tail leave nothing to fetch. A partition that stands behind what the
 * relay has published is first restarted; if that does not help, its latest event is handed over from the store, and
 * its `previous` makes the consumer read what it lacks.
 */
export class StallWatch {
  private readonly lags = new Map<number, PartitionLag>();
  private timer: NodeJS.Timeout | undefined;
  private looking = false;

  constructor(
    private readonly published: PublishedPositions,
    private readonly stallMs: number,
    private readonly member: Stalled,
  ) {}

  start(): void {
    this.timer ??= setInterval(() => {
      if (this.looking) return;
      this.looking = true;
      this.look()
        .catch((error: unknown) => this.member.log.warn('kafka: the lag cannot be told', error))
        .finally(() => (this.looking = false));
    }, this.stallMs / 4);
  }

  stop(): void {
    clearInterval(this.timer);
  }

  private async look(): Promise<void> {
    const partitions = this.member.partitions();
    if (partitions.length === 0) return;
    // Heads first: a delivery between the two looks then cannot make a partition seem behind.
    const heads = await this.published.heads();
    const reached = await this.member.reached();
    const now = performance.now();
    const stalled: number[] = [];
    for (const partition of partitions) {
      const at = reached.get(partition) ?? 0n;
      const known = this.lags.get(partition);
      if (at >= (heads.get(partition) ?? 0n)) this.lags.delete(partition);
      else if (known?.at !== at) this.lags.set(partition, { at, since: now, restarted: false });
      else if (now - known.since > this.stallMs) stalled.push(partition);
    }
    if (stalled.length === 0) return;
    const stuck = stalled.filter((partition) => this.lags.get(partition)!.restarted);
    for (const partition of stalled) Object.assign(this.lags.get(partition)!, { since: now, restarted: true });
    if (stuck.length < stalled.length) return this.member.restart(stalled);
    for (const partition of stuck) {
      const position = heads.get(partition)!;
      const event = await this.published.eventAt(position);
      if (!event) continue;
      this.member.log.warn(`kafka: partition ${partition} gets ${position} from the store: it did not come by Kafka`);
      await this.member.deliver({ partition, event, previous: position - 1n });
    }
  }
}
