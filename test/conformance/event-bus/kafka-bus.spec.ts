import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import kafkajs from 'kafkajs';
import { KafkaBus } from '#platform/event-bus/kafka/kafka-bus.adapter.js';
import { KafkaPublisher } from '#platform/event-bus/kafka/kafka-publisher.adapter.js';
import { MemoryRelayState } from '#platform/event-bus/relay/memory-relay-state.js';
import { Relay } from '#platform/event-bus/relay/relay.js';
import { MemoryEventStore } from '#platform/event-store/memory/memory-event-store.adapter.js';
import { newId } from '#platform/kernel/ids.js';
import { describeWithKafka } from '../../support/kafka.js';
import { eventBusConformance } from './event-bus.conformance.js';

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
