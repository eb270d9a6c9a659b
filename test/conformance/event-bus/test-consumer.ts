import type { BusMessage, Consumer, Delivery } from '#platform/event-bus/event-bus.js';

/**
 * A consumer as the projection runtime is one: keeps its checkpoints, drops what it holds, and checks on every
 * message that nothing between the checkpoint and it is missing.
 */
export class TestConsumer implements Consumer {
  /** Positions in the order in which they became durable, per partition. */
  readonly applied = new Map<number, bigint[]>();
  readonly ids: string[] = [];
  duplicates = 0;
  /** Messages whose predecessor was neither held nor handed over. */
  readonly gaps: BusMessage[] = [];
  deliveries = 0;
  /** Called before a delivery becomes durable; may wait or throw. */
  before: (delivery: Delivery) => Promise<void> | void = () => {};
  onApplied: (message: BusMessage) => void = () => {};

  constructor(readonly held: Map<number, bigint> = new Map()) {}

  async checkpoints(partitions: readonly number[]): Promise<ReadonlyMap<number, bigint>> {
    return new Map(partitions.map((partition) => [partition, this.held.get(partition) ?? 0n]));
  }

  async deliver(delivery: Delivery): Promise<void> {
    this.deliveries++;
    await this.before(delivery);
    for (const message of delivery.messages) {
      const { partition, event, previous } = message;
      if (!delivery.partitions.includes(partition)) throw new Error(`partition ${partition} is not in the delivery`);
      const at = this.held.get(partition) ?? 0n;
      if (event.position <= at) {
        this.duplicates++;
        continue;
      }
      if (previous > at) this.gaps.push(message);
      this.held.set(partition, event.position);
      const list = this.applied.get(partition) ?? [];
      list.push(event.position);
      this.applied.set(partition, list);
      this.ids.push(event.id);
      this.onApplied(message);
    }
    if (delivery.through === undefined) return;
    for (const partition of delivery.partitions) {
      if (delivery.through < (this.held.get(partition) ?? 0n)) throw new Error('through takes the checkpoint back');
      this.held.set(partition, delivery.through);
    }
  }

  get total(): number {
    return this.ids.length;
  }
}

/** Resolves when the condition holds; fails, naming what was waited for, when it does not in time. */
export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
  timeoutMs = 15_000,
): Promise<void> {
  const end = Date.now() + timeoutMs;
  while (!(await condition())) {
    if (Date.now() > end) throw new Error(`waited ${timeoutMs} ms in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
