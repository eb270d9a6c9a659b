import { EventEmitter, once } from 'node:events';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { partitionOf, type EventBus, type Subscription } from '#platform/event-bus/event-bus.js';
import type { EventStore } from '#platform/event-store/event-store.js';
import { MemoryEventStore } from '#platform/event-store/memory/memory-event-store.adapter.js';
import { newId } from '#platform/kernel/ids.js';
import { aRequest } from '../event-store/event-store.conformance.js';
import { TestConsumer, until } from './test-consumer.js';

export interface OpenBus {
  bus: EventBus;
  /** Ends everything, the bus too. */
  close(): Promise<void>;
}

/** Appends one event to each of `count` new streams; their subjects spread over the partitions. */
export async function append(store: EventStore, count: number, data?: string): Promise<void> {
  const requests = Array.from({ length: count }, () => aRequest({ aggregate: 'thing', aggregateId: newId() }));
  for (const { events } of data === undefined ? [] : requests) for (const event of events) event.data = data!;
  await store.append(requests);
}

/** The positions of a store's events, per partition. */
export async function positionsOf(store: EventStore, partitions: number): Promise<Map<number, bigint[]>> {
  const expected = new Map<number, bigint[]>();
  for (const event of await store.readAll({ after: 0n, limit: 1_000_000 })) {
    const partition = partitionOf(event.subject, partitions);
    expected.set(partition, [...(expected.get(partition) ?? []), event.position]);
  }
  return expected;
}

const sorted = (map: Map<number, bigint[]>): [number, bigint[]][] => [...map].toSorted(([a], [b]) => a - b);

/** What every bus promises, whatever carries the news. `open` gives a bus over a store. */
export function eventBusConformance(name: string, open: (store: EventStore) => Promise<OpenBus>): void {
  describe(`event bus: ${name}`, () => {
    let store: MemoryEventStore;
    let opened: OpenBus;
    let bus: EventBus;
    beforeEach(async () => {
      store = new MemoryEventStore();
      opened = await open(store);
      bus = opened.bus;
    });
    afterEach(() => opened.close());

    const all =
      (...consumers: TestConsumer[]) =>
      async (): Promise<boolean> =>
        consumers.reduce((sum, { total }) => sum + total, 0) >= Number((await store.head()).position);

    it('delivers what was there and what comes, in order per partition, each message naming the one before', async () => {
      await append(store, 500);
      const consumer = new TestConsumer();
      await bus.subscribe('all', consumer);
      for (let i = 0; i < 20; i++) await append(store, 25);
      await until('1000 events', all(consumer));
      expect(sorted(consumer.applied)).toEqual(sorted(await positionsOf(store, bus.partitions)));
      expect(consumer.gaps).toEqual([]);
    });

    it('hands over the identical event', async () => {
      const consumer = new TestConsumer();
      const seen: unknown[] = [];
      consumer.onApplied = ({ event }) => seen.push(event);
      await bus.subscribe('identical', consumer);
      const request = aRequest({ aggregate: 'thing', aggregateId: newId() }, 0, 2);
      Object.assign(request.events[1]!, {
        data: '{"b":1.50,  "a":"\\u0000\\u2028 \u2028 سلام 😀"}',
        personalData: '{"name": "یاد"}',
        meta: { actor: 'a', onBehalfOf: 'b "c"', correlationId: 'e', causationId: 'f' },
        occurredAt: new Date('2011-12-09T12:50:00.123Z'),
      });
      await store.append([request]);
      await until('two events', all(consumer));
      expect(seen).toEqual(await store.readAll({ after: 0n, limit: 10 }));
    });

    it('gives every group everything, and a slow one holds back no other', async () => {
      const [fast, slow] = [new TestConsumer(), new TestConsumer()];
      const held = new EventEmitter();
      slow.before = async () => void (await once(held, 'release'));
      await bus.subscribe('fast', fast);
      await bus.subscribe('slow', slow);
      await append(store, 3000);
      await until('the fast one has all', all(fast));
      expect(slow.total).toBe(0);
      slow.before = () => {};
      held.emit('release');
      await until('the slow one has all', all(slow));
      expect(slow.gaps).toEqual([]);
    });

    it('brings a rejected delivery again, and loses nothing', async () => {
      const consumer = new TestConsumer();
      let failures = 0;
      consumer.before = () => {
        if (failures++ < 3) throw new Error('the database is away');
      };
      await bus.subscribe('rejecting', consumer);
      await append(store, 300);
      await until('300 events', all(consumer));
      expect(failures).toBeGreaterThan(3);
      expect(consumer.gaps).toEqual([]);
      expect(sorted(consumer.applied)).toEqual(sorted(await positionsOf(store, bus.partitions)));
    });

    it('starts from the checkpoints, whatever was read before', async () => {
      await append(store, 400);
      const held = new Map<number, bigint>();
      for (let partition = 0; partition < bus.partitions; partition++) held.set(partition, partition % 2 ? 300n : 100n);
      const consumer = new TestConsumer(new Map(held));
      await bus.subscribe('late', consumer);
      const expected = [...(await positionsOf(store, bus.partitions))].flatMap(([partition, positions]) =>
        positions.filter((position) => position > held.get(partition)!),
      );
      await until(`${expected.length} events`, () => consumer.total >= expected.length);
      expect([...consumer.applied.values()].flat().toSorted()).toEqual(expected.toSorted());
      expect(consumer.gaps).toEqual([]);
    });

    it('goes on after a restart of the consumer with what it has not yet', async () => {
      const consumer = new TestConsumer();
      const first = await bus.subscribe('restarted', consumer);
      await append(store, 200);
      await until('the first 200', all(consumer));
      await first.close();
      await append(store, 200);
      const before = consumer.deliveries;
      await new Promise((resolve) => setTimeout(resolve, 100));
      expect(consumer.deliveries).toBe(before);
      await bus.subscribe('restarted', consumer);
      await until('400 events', all(consumer));
      expect(consumer.gaps).toEqual([]);
      expect(sorted(consumer.applied)).toEqual(sorted(await positionsOf(store, bus.partitions)));
    });

    it('shares the partitions among members and gives those of one that leaves to the others', async () => {
      // One database, several processes: the checkpoints are common.
      const held = new Map<number, bigint>();
      const members = [new TestConsumer(held), new TestConsumer(held), new TestConsumer(held)];
      const subscriptions: Subscription[] = [];
      for (const member of members) subscriptions.push(await bus.subscribe('shared', member));
      const feeding = (async () => {
        for (let i = 0; i < 200 && !members.every(({ total }) => total > 0); i++) {
          await append(store, 60);
          await new Promise((resolve) => setTimeout(resolve, 50));
        }
      })();
      await until('each member has some', () => members.every(({ total }) => total > 0));
      await feeding;
      await subscriptions[0]!.close();
      const left = members[0]!.total;
      await append(store, 600);
      await until('all events by someone', all(...members), 30_000);
      expect(members[0]!.total).toBe(left);
      expect(members.flatMap(({ gaps }) => gaps)).toEqual([]);
      expect(new Set(members.flatMap(({ ids }) => ids)).size).toBe(Number((await store.head()).position));
    }, 60_000);
  });
}
