import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import kafkajs, { type Admin } from 'kafkajs';
import { KafkaBus } from '#platform/event-bus/kafka/kafka-bus.adapter.js';
import { KafkaPublisher } from '#platform/event-bus/kafka/kafka-publisher.adapter.js';
import type { BusPublisher } from '#platform/event-bus/event-bus.js';
import { MemoryRelayState } from '#platform/event-bus/relay/memory-relay-state.js';
import { Relay } from '#platform/event-bus/relay/relay.js';
import { MemoryEventStore } from '#platform/event-store/memory/memory-event-store.adapter.js';
import { newId } from '#platform/kernel/ids.js';
import { startKafka, type KafkaBroker } from '../../../tools/kafka/kafka.mjs';
import { append, positionsOf } from './event-bus.conformance.js';
import { TestConsumer, until } from './test-consumer.js';

const PARTITIONS = 4;
const log = { warn: process.env['YAD_TEST_LOG'] ? console.warn : (): void => {} };
const seconds = (since: number): number => Math.round((performance.now() - since) / 100) / 10;
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** A consumer that closes its gaps from the store, as the projection runtime does. */
class HealingConsumer extends TestConsumer {
  constructor(private readonly store: MemoryEventStore) {
    super();
    this.before = async ({ messages }) => {
      for (const { partition, previous } of messages) {
        const at = this.held.get(partition) ?? 0n;
        if (previous > at) await this.heal(partition, previous);
      }
    };
  }
  healed = 0;
  private async heal(partition: number, through: bigint): Promise<void> {
    const missing = (await positionsOf(this.store, PARTITIONS)).get(partition) ?? [];
    for (const position of missing) {
      if (position <= (this.held.get(partition) ?? 0n) || position > through) continue;
      this.held.set(partition, position);
      this.applied.set(partition, [...(this.applied.get(partition) ?? []), position]);
      this.ids.push((await this.store.readAll({ after: position - 1n, limit: 1 }))[0]!.id);
      this.healed++;
    }
  }
}

// A broker of its own, since it is stopped and killed.
describe('relay and Kafka when things go wrong', () => {
  const folder = mkdtempSync(join(tmpdir(), 'yad-kafka-'));
  let broker: KafkaBroker;
  let admin: Admin;
  let topic: string;
  let store: MemoryEventStore;
  let state: MemoryRelayState;
  let fatal: Error[];
  const ends: (() => Promise<unknown>)[] = [];

  const start = async (): Promise<void> => {
    broker = await startKafka({ dataDir: folder, port: broker?.port ?? 0 });
  };
  beforeAll(start, 180_000);
  afterAll(async () => {
    await broker.stop();
    rmSync(folder, { recursive: true, force: true });
  }, 60_000);
  beforeEach(() => {
    topic = `yad.test.${newId()}`;
    store = new MemoryEventStore();
    state = new MemoryRelayState();
    fatal = [];
    admin = new kafkajs.Kafka({ brokers: [broker.brokers], logLevel: kafkajs.logLevel.NOTHING }).admin();
  });
  afterEach(async () => {
    for (const end of ends.splice(0).toReversed()) await end();
    await admin.disconnect();
    expect(fatal).toEqual([]);
  }, 60_000);

  const options = (): {
    store: MemoryEventStore;
    brokers: string[];
    topic: string;
    partitions: number;
    log: typeof log;
  } => ({
    store,
    brokers: [broker.brokers],
    topic,
    partitions: PARTITIONS,
    log,
  });

  function relay(wrap: (publisher: BusPublisher) => BusPublisher = (each) => each, own = state): Relay {
    const publisher = new KafkaPublisher(options());
    const running = new Relay({ store, publisher: wrap(publisher), state: own, leaseMs: 1000, log });
    const ended = running.run();
    ended.catch(() => {});
    ends.push(async () => {
      running.close();
      await ended.catch(() => {});
      await publisher.close();
    });
    return running;
  }

  async function consume(consumer: TestConsumer, stallMs = 2000): Promise<void> {
    const eventAt = async (position: bigint) => (await store.readAll({ after: position - 1n, limit: 1 }))[0];
    const bus = new KafkaBus({
      ...options(),
      stallMs,
      published: { heads: () => state.heads(), eventAt },
      onFatal: (error) => fatal.push(error),
    });
    ends.push(() => bus.close());
    await bus.subscribe(`group-${topic}`, consumer);
  }

  const has = (consumer: TestConsumer, count: number) => (): boolean => consumer.total >= count;
  const expectAll = async (consumer: TestConsumer): Promise<void> => {
    const sort = (map: Map<number, bigint[]>): unknown => [...map].toSorted(([a], [b]) => a - b);
    expect(sort(consumer.applied)).toEqual(sort(await positionsOf(store, PARTITIONS)));
  };

  it.each(['stop', 'kill'] as const)(
    'goes on by itself after the broker was away for 8 s (%s)',
    async (how) => {
      relay();
      const consumer = new TestConsumer();
      await consume(consumer);
      await append(store, 500);
      await until('500 events', has(consumer, 500));
      await broker[how]();
      await append(store, 500);
      await sleep(8000);
      await start();
      const back = performance.now();
      await until('1000 events', has(consumer, 1000), 60_000);
      const took = seconds(back);
      console.log(`${how}: consumers were back ${took} s after the broker`);
      await append(store, 100);
      await until('1100 events', has(consumer, 1100));
      // Usually under 2 s; one that waits for the group's session to run out takes 10 s. Never coming back is the fault.
      expect(took).toBeLessThan(30);
      expect(consumer.gaps).toEqual([]);
      await expectAll(consumer);
    },
    120_000,
  );

  it('makes the topic again when it is deleted under way, and the consumer lacks nothing', async () => {
    relay();
    const consumer = new HealingConsumer(store);
    await consume(consumer);
    await append(store, 500);
    await until('500 events', has(consumer, 500));
    await admin.deleteTopics({ topics: [topic] });
    for (let i = 0; i < 20; i++) {
      await append(store, 50);
      await sleep(50);
    }
    await until('1500 events', has(consumer, 1500), 60_000);
    await expectAll(consumer);
  }, 120_000);

  it('gives from the store what Kafka lost when nothing more comes', async () => {
    relay();
    await append(store, 300);
    await until('all is published', async () => (await state.position()) === 300n);
    // Published and gone before anybody read it; no later event tells of the gap.
    await admin.deleteTopics({ topics: [topic] });
    const consumer = new HealingConsumer(store);
    await consume(consumer);
    await until('300 events', has(consumer, 300), 60_000);
    expect(consumer.healed).toBeGreaterThan(0);
    await expectAll(consumer);
  }, 120_000);

  it('a relay killed between publishing and recording causes repeats only', async () => {
    const dead = async (): Promise<never> => {
      throw new Error('killed');
    };
    const dying = Object.assign(Object.create(state) as MemoryRelayState, { checkpoint: dead, release: dead });
    let sent = 0;
    const first = relay(
      (publisher) => ({
        partitions: publisher.partitions,
        publish: async (messages) => {
          await publisher.publish(messages);
          sent += messages.length;
        },
        tellForks: (forks) => publisher.tellForks(forks),
        close: () => publisher.close(),
      }),
      dying,
    );
    const consumer = new TestConsumer();
    await consume(consumer);
    await append(store, 400);
    await until('the first has sent', () => sent === 400);
    first.close();
    relay();
    await append(store, 100);
    await until('500 events', has(consumer, 500), 30_000);
    await until('all is recorded', async () => (await state.position()) === 500n);
    await sleep(500);
    expect(consumer.total).toBe(500);
    expect(consumer.gaps).toEqual([]);
    const offsets = await admin.fetchTopicOffsets(topic);
    expect(offsets.reduce((sum, { offset }) => sum + Number(offset), 0)).toBe(900);
    await expectAll(consumer);
  }, 60_000);

  it('of two relays one is active, and the other takes over', async () => {
    const relays = [relay(), relay()];
    const consumer = new TestConsumer();
    await consume(consumer);
    await append(store, 300);
    await until('300 events', has(consumer, 300), 30_000);
    const roles = (): string[] => relays.map(({ status }) => status.role).toSorted();
    expect(roles()).toEqual(['active', 'waiting']);
    relays.find(({ status }) => status.role === 'active')!.close();
    await append(store, 300);
    await until('600 events', has(consumer, 600), 30_000);
    expect(roles()).toEqual(['active', 'ended']);
    expect(consumer.gaps).toEqual([]);
    await expectAll(consumer);
  }, 60_000);

  it('keeps its membership through a delivery longer than the session', async () => {
    relay();
    const consumer = new TestConsumer();
    let slept = false;
    consumer.before = async () => {
      if (slept) return;
      slept = true;
      await sleep(14_000);
    };
    await consume(consumer, 60_000);
    await append(store, 100);
    await until('100 events', has(consumer, 100), 40_000);
    await append(store, 100);
    await until('200 events', has(consumer, 200));
    // Handed over once: nothing was taken away and given again.
    expect(consumer.duplicates).toBe(0);
  }, 90_000);
});
