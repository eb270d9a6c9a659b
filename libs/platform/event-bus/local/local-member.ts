import type { StoredEvent } from '#platform/kernel/envelope.js';
import { backoff } from '#platform/kernel/backoff.js';
import type { BusLog } from '../bus-log.js';
import { pause } from '../pause.js';
import { partitionOf, type BusMessage, type Consumer, type Delivery } from '../event-bus.js';
import type { SharedLog } from './shared-log.js';

/** One member of a group: reads the shared log by itself, so that a slow one holds back nobody else. */
export class LocalMember {
  assigned: readonly number[] = [];
  private stop = new AbortController();
  private running: Promise<void> = Promise.resolve();

  constructor(
    private readonly shared: SharedLog,
    private readonly consumer: Consumer,
    private readonly partitions: number,
    private readonly group: string,
    private readonly log: BusLog,
  ) {}

  /** Reads these partitions from now on. Resolves when the delivery of the earlier assignment has ended. */
  async assign(partitions: readonly number[]): Promise<void> {
    if (partitions.length === this.assigned.length && partitions.every((p) => this.assigned.includes(p))) return;
    this.assigned = partitions;
    this.stop.abort();
    const stop = (this.stop = new AbortController());
    await this.running;
    if (partitions.length > 0 && !stop.signal.aborted) this.running = this.run(partitions, stop.signal);
  }

  private async run(partitions: readonly number[], signal: AbortSignal): Promise<void> {
    const held = await this.retry(() => this.consumer.checkpoints(partitions), signal);
    if (!held) return;
    const chain = Array.from<bigint | undefined>({ length: this.partitions });
    for (const partition of partitions) chain[partition] = held.get(partition) ?? 0n;
    let position = chain.reduce<bigint>((least, at) => (at !== undefined && at < least ? at : least), MAX);
    while (!signal.aborted) {
      const page = await this.retry(() => this.shared.read(position, signal), signal);
      if (!page || page.length === 0) return;
      const last = page.at(-1)!.position;
      this.shared.readAhead(last);
      const delivery = toDelivery(page, chain, last);
      position = last;
      if (delivery.partitions.length === 0) continue;
      if ((await this.retry(() => this.consumer.deliver(delivery).then(() => true), signal)) !== true) return;
    }
  }

  /** Tries until it succeeds; undefined when the assignment ended before. */
  private async retry<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T | undefined> {
    for (let failures = 1; !signal.aborted; failures++) {
      try {
        return await work();
      } catch (error) {
        this.log.warn(`local bus: ${this.group} could not go on, trying again (${failures})`, error);
        await pause(backoff(failures), signal);
      }
    }
    return undefined;
  }
}

const MAX = 9_223_372_036_854_775_807n;

/**
 * What a page holds for this member. `chain` has, per partition, the position before the next message (at first the
 * checkpoint) and is moved on; it is undefined for partitions of others.
 */
function toDelivery(page: readonly StoredEvent[], chain: (bigint | undefined)[], through: bigint): Delivery {
  const messages: BusMessage[] = [];
  for (const event of page) {
    const partition = partitionOf(event.subject, chain.length);
    const previous = chain[partition];
    if (previous === undefined || event.position <= previous) continue;
    messages.push({ partition, event, previous });
    chain[partition] = event.position;
  }
  // A partition whose checkpoint is beyond this page is left out: `through` must never take a checkpoint back.
  const partitions: number[] = [];
  chain.forEach((at, partition) => {
    if (at !== undefined && at <= through) partitions.push(partition);
  });
  return { messages, through, partitions };
}
