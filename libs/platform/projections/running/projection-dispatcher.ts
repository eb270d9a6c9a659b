import type { Consumer, Delivery } from '#platform/event-bus/event-bus.js';
import { max } from '../builds/catch-up.js';
import type { DecodedEvents } from '../folding/decoded-events.js';
import type { ProjectionWorker } from './projection-worker.js';

/**
 * All workers of a process as one consumer, so that the bus is read and its events decoded once. A worker that fails
 * or lags holds nobody up: what it missed is a gap to it, which it reads from the store.
 */
export class ProjectionDispatcher implements Consumer {
  private readonly workers = new Set<ProjectionWorker>();

  constructor(
    private readonly decoded: DecodedEvents,
    private readonly onError: (error: unknown) => void,
    private readonly onDelivery: (delivery: Delivery) => void = () => {},
  ) {}

  [Symbol.iterator](): Iterator<ProjectionWorker> {
    return this.workers.values();
  }

  add(worker: ProjectionWorker): void {
    this.workers.add(worker);
  }

  /** Where the foremost worker is; the others close the gap from the store. */
  async checkpoints(partitions: readonly number[]): Promise<ReadonlyMap<number, bigint>> {
    const workers = [...this.workers];
    const held = await Promise.all(workers.map((worker) => worker.checkpoints(partitions)));
    const foremost = new Map(
      partitions.map((partition) => [partition, max(held.map((positions) => positions.get(partition)!))]),
    );
    for (const worker of workers) {
      worker.startedAt(foremost);
      worker.reconcile(foremost).catch(this.onError);
    }
    return foremost;
  }

  async deliver(delivery: Delivery): Promise<void> {
    this.onDelivery(delivery);
    const outcomes = await Promise.allSettled([...this.workers].map((worker) => worker.deliver(delivery)));
    this.decoded.forget(delivery.messages.map(({ event }) => event));
    const failures = outcomes.filter((outcome) => outcome.status === 'rejected');
    for (const { reason } of failures) this.onError(reason);
    if (failures.length > 0 && failures.length === outcomes.length) throw failures[0]!.reason;
  }

  async close(): Promise<void> {
    await Promise.all([...this.workers].map((worker) => worker.close()));
  }
}
