import { afterAll, beforeAll, expect, it } from '@jest/globals';
import kafkajs from 'kafkajs';
import { HealthCheck } from '#apps/relay/health.js';
import { KafkaBus } from '#platform/event-bus/kafka/kafka-bus.adapter.js';
import { KafkaPublisher } from '#platform/event-bus/kafka/kafka-publisher.adapter.js';
import { LOOKED_AT, usualTopicSettings } from '#platform/event-bus/kafka/topic-settings.js';
import { MemoryRelayState } from '#platform/event-bus/relay/memory-relay-state.js';
import { MemoryEventStore } from '#platform/event-store/memory/memory-event-store.adapter.js';
import { newId } from '#platform/kernel/ids.js';
import { describeWithKafka } from '../../support/kafka.js';
import { until } from './test-consumer.js';

describeWithKafka('the topic', (brokers) => {
  const admin = new kafkajs.Kafka({ brokers, logLevel: kafkajs.logLevel.NOTHING }).admin();
  const topics: string[] = [];
  const said: string[] = [];
  const log = { warn: (message: string) => void said.push(message) };
  const store = new MemoryEventStore();
  beforeAll(() => admin.connect());
  afterAll(async () => {
    await admin.deleteTopics({ topics });
    await admin.disconnect();
  });
  const aTopic = (): string => {
    topics.push(`yad.test.${newId()}`);
    return topics.at(-1)!;
  };
  const open = async (topic: string, settings = usualTopicSettings): Promise<KafkaPublisher> => {
    const publisher = new KafkaPublisher({ store, brokers, topic, partitions: 2, settings, log });
    await publisher.open();
    return publisher;
  };
  const type = kafkajs.ConfigResourceTypes.TOPIC;
  const settingsOf = async (name: string): Promise<Record<string, string>> => {
    const resources = [{ type, name, configNames: [...LOOKED_AT, 'segment.ms'] }];
    const found = await admin.describeConfigs({ includeSynonyms: false, resources });
    const entries = found.resources[0]!.configEntries;
    return Object.fromEntries(entries.map(({ configName, configValue }) => [configName, configValue]));
  };

  it('is made as it was set, and nothing of it is warned of', async () => {
    const topic = aTopic();
    const publisher = await open(topic, { ...usualTopicSettings, retentionDays: 30, maxMessageBytes: 9_000_000 });
    expect(await settingsOf(topic)).toEqual({
      'cleanup.policy': 'delete',
      'retention.ms': String(30 * 86_400_000),
      'retention.bytes': '-1',
      'segment.ms': '86400000',
      'max.message.bytes': '9000000',
      'min.insync.replicas': '1',
      'message.timestamp.type': 'LogAppendTime',
      'unclean.leader.election.enable': 'false',
    });
    expect(publisher.warnings).toEqual([]);
    await publisher.close();
  });

  it('that others made, or changed, is held against what is needed: by relay and readers, at start and later', async () => {
    const topic = aTopic();
    const configEntries = [
      { name: 'cleanup.policy', value: 'compact' },
      { name: 'retention.ms', value: '3600000' },
      { name: 'max.message.bytes', value: '8000000' },
      { name: 'message.timestamp.type', value: 'LogAppendTime' },
    ];
    await admin.createTopics({ waitForLeaders: true, topics: [{ topic, numPartitions: 2, configEntries }] });
    const publisher = await open(topic);
    const expected = ['cleanup.policy is compact', 'retention.ms is 3600000'].map((each) => `topic ${topic}: ${each}`);
    const told = publisher.warnings.map((warning) => expected.find((each) => warning.startsWith(each)));
    expect(told).toEqual(expected);
    expect(said.filter((line) => line.includes(topic))).toHaveLength(2);
    const health = await new HealthCheck(
      { status: { role: 'active', position: 0n } },
      new MemoryRelayState(),
      store,
      publisher,
    ).look();
    expect(health).toMatchObject({ ready: true, warnings: publisher.warnings });
    const bus = new KafkaBus({ store, brokers, topic, partitions: 2, log });
    const subscription = await bus.subscribe(newId(), { checkpoints: async () => new Map(), deliver: async () => {} });
    for (const warning of publisher.warnings) expect(bus.note).toContain(warning);
    await subscription.close();
    await bus.close();

    const change = [{ name: 'cleanup.policy', value: 'delete' }, configEntries[2]!, configEntries[3]!];
    await admin.alterConfigs({ validateOnly: false, resources: [{ type, name: topic, configEntries: change }] });
    await until('the relay has seen it', () => publisher.warnings.length === 1, 20_000);
    // Without one of its own the topic has the broker's: a week.
    expect(publisher.warnings[0]).toContain('retention.ms is 604800000: YAD_TOPIC_RETENTION_DAYS is 14');
    await publisher.close();
  }, 60_000);

  it('that takes no message as large as an event may be ends the relay, with what to do', async () => {
    const topic = aTopic();
    await admin.createTopics({ waitForLeaders: true, topics: [{ topic, numPartitions: 2 }] });
    await expect(open(topic)).rejects.toThrow(/max.message.bytes is 1048588.*--add-config max.message.bytes=8388608/);
  });
});
