import type { Consumer, Delivery } from '#platform/event-bus/event-bus.js';
import { max } from '../builds/catch-up.js';
import type { DecodedEvents } from '../folding/decoded-events.js';
import type { Lane } from './projection-worker.js';

/**
 * All lanes of a process as one consumer, so that the bus is read and its events decoded once. A lane that fails
 * or lags holds nobody up: what it missed is a gap to it, which it reads from the store.
 */
export class Lanes implements Consumer {
  private readonly lanes = new Set<Lane>();

  constructor(
    private readonly decoded: DecodedEvents,
    private readonly onTrouble: (error: unknown) => void,
    private readonly onDelivery: (delivery: Delivery) => void = () => {},
  ) {}

  [Symbol.iterator](): Iterator<Lane> {
    return this.lanes.values();
  }

  add(lane: Lane): void {
    this.lanes.add(lane);
  }

  /** Where the foremost lane is; the others close the gap from the store. */
  async checkpoints(partitions: readonly number[]): Promise<ReadonlyMap<number, bigint>> {
    const lanes = [...this.lanes];
    const held = await Promise.all(lanes.map((lane) => lane.checkpoints(partitions)));
    const foremost = new Map(
      partitions.map((partition) => [partition, max(held.map((positions) => positions.get(partition)!))]),
    );
    for (const lane of lanes) {
      lane.startedAt(foremost);
      lane.reconcile(foremost).catch(this.onTrouble);
    }
    return foremost;
  }

  async deliver(delivery: Delivery): Promise<void> {
    this.onDelivery(delivery);
    const outcomes = await Promise.allSettled([...this.lanes].map((lane) => lane.deliver(delivery)));
    this.decoded.forget(delivery.messages.map(({ event }) => event));
    const failures = outcomes.filter((outcome) => outcome.status === 'rejected');
    for (const { reason } of failures) this.onTrouble(reason);
    if (failures.length > 0 && failures.length === outcomes.length) throw failures[0]!.reason;
  }

  async close(): Promise<void> {
    await Promise.all([...this.lanes].map((lane) => lane.close()));
  }
}
