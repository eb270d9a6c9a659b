import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { BusMessage, Delivery } from '../event-bus.js';
import { DeliveryQueue } from './delivery-queue.js';

const message = (position: bigint) =>
  ({ partition: 0, event: { position, data: '{}', personalData: null }, previous: position - 1n }) as BusMessage;
const quiet = { warn: () => {} };

describe('the delivery queue', () => {
  let delivered: bigint[][];
  let letGo: () => void;
  let failures: number;
  let stop: AbortController;
  let queue: DeliveryQueue;
  beforeEach(() => {
    delivered = [];
    failures = 0;
    stop = new AbortController();
    const gate = new Promise<void>((resolve) => (letGo = resolve));
    const consumer = {
      checkpoints: async () => new Map<number, bigint>(),
      deliver: async ({ messages }: Delivery) => {
        await gate;
        if (failures-- > 0) throw new Error('away');
        delivered.push(messages.map(({ event }) => event.position));
      },
    };
    queue = new DeliveryQueue(consumer, 5, stop.signal, 'spec', quiet as any);
  });
  afterEach(() => stop.abort());

  const push = (position: bigint, isCurrent = () => true, heartbeat = async () => {}) =>
    queue.push({ partition: 0, messages: [message(position)], heartbeat, isCurrent });
  const soon = () => new Promise((resolve) => setTimeout(resolve, 20));

  it('is full by the size of what waits as well as by its number', async () => {
    const large = {
      ...message(1n),
      event: { position: 1n, data: 'x'.repeat(17_000_000), personalData: null },
    } as BusMessage;
    const first = queue.push({ partition: 0, messages: [large], heartbeat: async () => {}, isCurrent: () => true });
    expect(queue.full).toBe(true);
    letGo();
    await first;
    expect(queue.full).toBe(false);
  });

  it('delivers what has gathered together, in order', async () => {
    const first = push(1n);
    await soon();
    const more = [push(2n), push(3n)];
    letGo();
    expect(await Promise.all([first, ...more])).toEqual([true, true, true]);
    expect(delivered).toEqual([[1n], [2n, 3n]]);
  });

  it('delivers what is current beside what is not any more', async () => {
    const first = push(1n);
    await soon();
    const stale = push(2n, () => false);
    const current = push(3n);
    letGo();
    expect(await Promise.all([first, stale, current])).toEqual([true, false, true]);
    expect(delivered).toEqual([[1n], [3n]]);
  });

  it('tries again where the consumer fails, and tells who has lost the membership', async () => {
    failures = 2;
    letGo();
    expect(await push(1n)).toBe(true);
    failures = 1_000_000;
    const lost = push(2n, undefined, () => Promise.reject(new Error('rebalancing')));
    await expect(lost).rejects.toThrow('rebalancing');
  });
});
