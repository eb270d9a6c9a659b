import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import kafkajs from 'kafkajs';
import { KafkaBus } from '#platform/event-bus/kafka/kafka-bus.adapter.js';
import { KafkaPublisher } from '#platform/event-bus/kafka/kafka-publisher.adapter.js';
import { MemoryRelayState } from '#platform/event-bus/relay/memory-relay-state.js';
import { Relay } from '#platform/event-bus/relay/relay.js';
import { MemoryEventStore } from '#platform/event-store/memory/memory-event-store.adapter.js';
import { newId } from '#platform/kernel/ids.js';
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
