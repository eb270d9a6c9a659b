import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import kafkajs from 'kafkajs';
import { KafkaBus } from '#platform/event-bus/kafka/kafka-bus.adapter.js';
import { KafkaPublisher } from '#platform/event-bus/kafka/kafka-publisher.adapter.js';
import { MemoryRelayState } from '#platform/event-bus/relay/memory-relay-state.js';
import { Relay } from '#platform/event-bus/relay/relay.js';
import { MemoryEventStore } from '#platform/event-store/memory/memory-event-store.adapter.js';
import { newId } from '#platform/kernel/ids.js';
import { toKafkaMessage } from '#platform/event-bus/kafka/cloud-event.js';
import { MessageAuthenticator } from '#platform/event-bus/kafka/message-authenticator.js';
import { LogIdentity } from '#platform/event-store/log-identity.js';
import { describeWithKafka } from '../../support/kafka.js';
import { append, eventBusConformance } from './event-bus.conformance.js';
import { TestConsumer, until } from './test-consumer.js';

const log = { warn: process.env['YAD_TEST_LOG'] ? console.warn : (): void => {} };

describeWithKafka('on a real broker', (brokers) => {
  const topics: string[] = [];
  const admin = new kafkajs.Kafka({ brokers, logLevel: kafkajs.logLevel.NOTHING }).admin();
  beforeAll(() => admin.connect());
  afterAll(async () => {
    await admin.deleteTopics({ topics });
    await admin.disconnect();
  });

  eventBusConformance('relay and Kafka', async (store) => {
    const topic = `yad.test.${newId()}`;
    topics.push(topic);
    const options = { store, brokers, topic, partitions: 4, log };
    const publisher = new KafkaPublisher(options);
    const relay = new Relay({ store, publisher, state: new MemoryRelayState(), log });
    const running = relay.run();
    const bus = new KafkaBus({
      ...options,
      onFatal: (error) => {
        throw error;
      },
    });
    return {
      bus,
      close: async () => {
        relay.close();
        await running;
        await Promise.all([bus.close(), publisher.close()]);
      },
    };
  });

  describe('kafka bus', () => {
    it('goes on in the same partitions when some are added to the live topic, and says so within seconds', async () => {
      const topic = `yad.test.${newId()}`;
      topics.push(topic);
      const store = new MemoryEventStore();
      const state = new MemoryRelayState();
      const said: string[] = [];
      const telling = { warn: (message: string) => void said.push(message) };
      const open = async (partitions = 4) => {
        const options = { store, brokers, topic, partitions, log: telling };
        const publisher = new KafkaPublisher(options);
        const relay = new Relay({ store, publisher, state, log: telling, leaseMs: 500 });
        const running = relay.run();
        running.catch(() => {});
        const bus = new KafkaBus({ ...options, onFatal: (error) => said.push(`fatal: ${error.message}`) });
        const close = async () => {
          relay.close();
          await running.catch(() => {});
          await Promise.all([bus.close(), publisher.close()]);
        };
        return { bus, running, close };
      };
      const consumer = new TestConsumer();
      const first = await open();
      await first.bus.subscribe('any', consumer);
      await append(store, 50);
      await until('the first are there', () => consumer.total === 50);
      await admin.createPartitions({ topicPartitions: [{ topic, count: 9 }] });
      const told = () => said.filter((line) => line.includes('has 9 partitions')).length;
      // The relay by its own look, the reader by the group's new sharing.
      await until('both have told', () => told() >= 2, 30_000);
      expect(said.join('\n')).toMatch(/goes on using the first 4.*YAD_PARTITIONS stays 4/);
      for (let i = 0; i < 5; i++) await append(store, 20);
      await until('those after it are there', () => consumer.total === 150);
      await first.close();
      // Processes that start now do likewise.
      const second = await open();
      await second.bus.subscribe('any', consumer);
      await append(store, 50);
      await until('those after a restart are there', () => consumer.total === 200);
      await second.close();
      expect(consumer.gaps).toEqual([]);
      expect([...consumer.applied.keys()].toSorted()).toEqual([0, 1, 2, 3]);
      expect(said.filter((line) => line.startsWith('fatal'))).toEqual([]);
      // Whoever sets the number as the topic has it now would part customers from their past.
      const wrong = await open(9);
      await expect(wrong.running).rejects.toThrow(/YAD_PARTITIONS as before/);
      await wrong.close();
    });

    const aTopic = (): string => {
      const topic = `yad.test.${newId()}`;
      topics.push(topic);
      return topic;
    };

    /** Messages that a group has not committed, by what the broker says. */
    async function lagOf(group: string, topic: string): Promise<number> {
      const ends = await admin.fetchTopicOffsets(topic);
      const [{ partitions }] = (await admin.fetchOffsets({ groupId: group, topics: [topic] })) as [any];
      const committed = new Map<number, number>(partitions.map((each: any) => [each.partition, Number(each.offset)]));
      return ends.reduce((lag, { partition, low, high }) => {
        const from = committed.get(partition) ?? -1;
        return lag + Number(high) - (from < 0 ? Number(low) : from);
      }, 0);
    }

    async function join(
      store: MemoryEventStore,
      topic: string,
      { group = `group-${newId()}`, consumer = new TestConsumer() } = {},
    ): Promise<{ consumer: TestConsumer; bus: KafkaBus; group: string }> {
      const options = { store, brokers, topic, partitions: 4, log };
      const publisher = new KafkaPublisher(options);
      const relay = new Relay({ store, publisher, state: new MemoryRelayState(), log });
      const running = relay.run();
      const bus = new KafkaBus({ ...options, onFatal: () => {} });
      await bus.subscribe(group, consumer);
      closes.push(async () => {
        relay.close();
        await running;
        await Promise.all([bus.close(), publisher.close()]);
      });
      return { consumer, bus, group };
    }
    const closes: (() => Promise<void>)[] = [];
    afterEach(async () => {
      for (const close of closes.splice(0)) await close();
    });

    it('shows no lag at rest, also of what was held already or is passed over', async () => {
      const topic = aTopic();
      const store = new MemoryEventStore();
      const first = await join(store, topic);
      for (let i = 1; i <= 5; i++) {
        await append(store, 40);
        await until('all is there', () => first.consumer.total >= 40 * i);
      }
      await until('the group shows no lag', async () => (await lagOf(first.group, topic)) === 0);
      // A group that holds everything already, and messages of another log behind it.
      const second = await join(store, topic, { consumer: new TestConsumer(new Map(first.consumer.held)) });
      await until('what is held shows no lag', async () => (await lagOf(second.group, topic)) === 0);
      const other = new MemoryEventStore();
      const third = await join(other, topic);
      await append(other, 40);
      await until('the other log has its own', () => third.consumer.total >= 40);
      for (const { group } of [first, second, third]) {
        await until('foreign messages show no lag', async () => (await lagOf(group, topic)) === 0);
      }
      expect([second.consumer.total, second.consumer.gaps]).toEqual([0, []]);
    }, 90_000);

    it('two systems on one topic never mix: each passes over what is the other’s, and counts it', async () => {
      const topic = aTopic();
      const [production, staging] = [new MemoryEventStore(), new MemoryEventStore()];
      const [one, other] = [await join(production, topic), await join(staging, topic)];
      await append(production, 300);
      await append(staging, 200);
      await append(production, 100);
      await until('production has its own', () => one.consumer.total >= 400);
      await until('staging has its own', () => other.consumer.total >= 200);
      await until('both have passed over the other’s', () => {
        const [a, b] = [one.bus.refusals['of another log'], other.bus.refusals['of another log']];
        return (a ?? 0) >= 200 && (b ?? 0) >= 400;
      });
      for (const [store, { consumer }] of [[production, one] as const, [staging, other] as const]) {
        const events = await store.readAll({ after: 0n, limit: 1000 });
        expect(new Set(consumer.ids)).toEqual(new Set(events.map(({ id }) => id)));
        expect(consumer.gaps).toEqual([]);
      }
      expect(one.bus.note).toMatch(/^messages passed over: \d+ of another log$/);
    });

    it('what was never appended is not believed, wherever it says that it stands', async () => {
      const topic = aTopic();
      const store = new MemoryEventStore();
      const { consumer, bus } = await join(store, topic);
      await append(store, 40);
      await until('the first are there', () => consumer.total >= 40);
      // As somebody who may write to the topic, and has read it: with the log's id, without its key.
      const forger = new MessageAuthenticator({
        identity: new LogIdentity(store.identity.id, Buffer.from('guessed'), store.identity.incarnations),
        refreshIdentity: async () => store.identity,
      });
      const [event] = await store.readAll({ after: 39n, limit: 1 });
      const forged = [
        { position: 9_000_000_000n, previous: 40n },
        { position: 41n, previous: 40n },
        { position: 42n, previous: 9_000_000_000n },
      ].flatMap(({ position, previous }) =>
        [0, 1, 2, 3].map((partition) => {
          const heads = new Map([[partition, 9_000_000_000n]]);
          const published = { position: 9_000_000_000n, heads };
          return toKafkaMessage(
            { event: { ...event!, position, id: newId() }, partition, previous, published },
            forger,
          );
        }),
      );
      const producer = new kafkajs.Kafka({ brokers, logLevel: kafkajs.logLevel.NOTHING }).producer();
      await producer.connect();
      await producer.send({ topic, messages: forged });
      await producer.send({ topic, messages: [{ value: 'no event at all', partition: 0 }] });
      await producer.disconnect();
      await append(store, 40);
      await until('what was appended is there', () => consumer.total >= 80);
      await until('the forged are counted', () => (bus.refusals['not from the relay'] ?? 0) >= 12);
      const events = await store.readAll({ after: 0n, limit: 1000 });
      expect(new Set(consumer.ids)).toEqual(new Set(events.map(({ id }) => id)));
      expect(consumer.gaps).toEqual([]);
      expect(bus.refusals['not readable']).toBe(1);
      expect(Math.max(...[...consumer.held.values()].map(Number))).toBeLessThanOrEqual(80);
    });

    it('what a failover lost is passed over, though it is still on the topic', async () => {
      const topic = aTopic();
      const store = new MemoryEventStore();
      const first = await join(store, topic);
      await append(store, 100);
      await until('all is on the topic', () => first.consumer.total >= 100);
      store.failOver(60n);
      await append(store, 30);
      // As a process that starts now, whose read models hold nothing.
      const { consumer, bus } = await join(store, topic);
      await until('it has what the log holds', () => consumer.total >= 90);
      const events = await store.readAll({ after: 0n, limit: 1000 });
      expect(new Set(consumer.ids)).toEqual(new Set(events.map(({ id }) => id)));
      expect(bus.refusals['of a lost incarnation']).toBe(40);
    });

    it('refuses a topic with another number of partitions, and says what to do', async () => {
      const topic = `yad.test.${newId()}`;
      topics.push(topic);
      await admin.createTopics({ topics: [{ topic, numPartitions: 2 }] });
      const bus = new KafkaBus({
        store: new MemoryEventStore(),
        brokers,
        topic,
        partitions: 6,
        onFatal: () => {},
        log,
      });
      const consumer = { checkpoints: async () => new Map(), deliver: async () => {} };
      await expect(bus.subscribe('any', consumer)).rejects.toThrow(/has 2 partitions.*set to 6.*YAD_PARTITIONS to 2/);
    });
  });
});
