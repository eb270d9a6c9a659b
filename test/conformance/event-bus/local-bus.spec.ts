import { describe, expect, it } from '@jest/globals';
import { LocalBus } from '#platform/event-bus/local/local-bus.adapter.js';
import { MemoryEventStore } from '#platform/event-store/memory/memory-event-store.adapter.js';
import { append, eventBusConformance } from './event-bus.conformance.js';
import { TestConsumer, until } from './test-consumer.js';

const log = { warn: (): void => {} };

eventBusConformance('local', async (store) => {
  const bus = new LocalBus(store, { log });
  return { bus, close: () => bus.close() };
});

eventBusConformance('local, small pages and next to no memory', async (store) => {
  const bus = new LocalBus(store, { log, partitions: 3, pageSize: 7, keep: 10 });
  return { bus, close: () => bus.close() };
});

eventBusConformance('local, as much memory as one event takes', async (store) => {
  const bus = new LocalBus(store, { log, partitions: 3, keepCharacters: 1 });
  return { bus, close: () => bus.close() };
});

describe('local bus', () => {
  it('keeps no more events than its memory has room for, by their size', async () => {
    const store = new MemoryEventStore();
    const keepCharacters = 4_000_000;
    const bus = new LocalBus(store, { log, keepCharacters });
    const [fast, slow] = [new TestConsumer(), new TestConsumer()];
    let open!: () => void;
    const gate = new Promise<void>((resolve) => (open = resolve));
    let largest = 0;
    slow.before = ({ messages }) => {
      const size = messages.reduce((sum, { event }) => sum + event.data.length, 0);
      largest = Math.max(largest, size);
      return gate;
    };
    await Promise.all([bus.subscribe('fast', fast), bus.subscribe('slow', slow)]);
    const data = JSON.stringify({ text: 'x'.repeat(1_000_000) });
    for (let i = 0; i < 30; i++) await append(store, 1, data);
    await until('the fast one has all', () => fast.total === 30);
    const kept = (bus as unknown as { shared: { recent: unknown[] } }).shared;
    expect(kept.recent.length).toBeLessThanOrEqual(8);
    open();
    await until('the slow one has all', () => slow.total === 30);
    expect(largest).toBeLessThan(9_000_000);
    await bus.close();
  });

  it('reads the log once for three projections, both what was there and the news', async () => {
    const store = new MemoryEventStore();
    await append(store, 5000);
    let read = 0;
    const counted = new Proxy(store, {
      get(target, name: keyof MemoryEventStore) {
        if (name !== 'readAll') return typeof target[name] === 'function' ? target[name].bind(counted) : target[name];
        return async (options: Parameters<MemoryEventStore['readAll']>[0]) => {
          const page = await target.readAll(options);
          read += page.length;
          return page;
        };
      },
    });
    const bus = new LocalBus(counted, { log });
    const consumers = [new TestConsumer(), new TestConsumer(), new TestConsumer()];
    await Promise.all(consumers.map((consumer, i) => bus.subscribe(`projection-${i}`, consumer)));
    await until('the past', () => consumers.every(({ total }) => total === 5000));
    for (let i = 0; i < 50; i++) await append(store, 20);
    await until('the news', () => consumers.every(({ total }) => total === 6000));
    await bus.close();
    expect(read).toBe(6000);
  });

  it('moves the checkpoint of partitions without events', async () => {
    const store = new MemoryEventStore();
    const bus = new LocalBus(store, { log, partitions: 5 });
    const consumer = new TestConsumer();
    await bus.subscribe('idle', consumer);
    await append(store, 1);
    await until('all partitions at 1', () => [0, 1, 2, 3, 4].every((partition) => consumer.held.get(partition) === 1n));
    await bus.close();
  });
});
