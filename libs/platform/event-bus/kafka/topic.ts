import kafkajs, { type Kafka } from 'kafkajs';
import { pause } from '../pause.js';
import { kafkaErrorType } from './client.js';
import {
  configEntriesOf,
  findingsOf,
  LOOKED_AT,
  replicationOf,
  type TopicFindings,
  type TopicSettings,
} from './topic-settings.js';

export interface Topic {
  name: string;
  partitions: number;
  settings: TopicSettings;
}

/** The topic is not one that Yad can publish to: going on cannot help. */
export class UnfitTopic extends Error {}

/** The topic has fewer partitions than this process is set to: some customers' events have no place. */
export class PartitionsMismatch extends UnfitTopic {
  constructor(topic: string, expected: number, actual: number) {
    super(
      `topic ${topic} has ${actual} partitions, but this process is set to ${expected}: ` +
        `set YAD_PARTITIONS to ${actual} if nothing was published yet, or use another topic (YAD_TOPIC); ` +
        `a customer's events must stay in one partition`,
    );
  }
}

/** What an operator is told who added partitions. */
export const surplusOf = (topic: Topic, actual: number): string =>
  `kafka: topic ${topic.name} has ${actual} partitions, of which Yad goes on using the first ${topic.partitions}: ` +
  `a customer's events must stay in one partition, so the added ones stay empty and what others put there is passed ` +
  `over. YAD_PARTITIONS stays ${topic.partitions}; Kafka cannot take partitions away, only another topic is without them`;

const TRIES = 60;

/** What there is of the topic. */
export interface FoundTopic extends TopicFindings {
  readonly created: boolean;
  /** More than are asked for where somebody added some; those are left alone. */
  readonly partitions: number;
}

/**
 * Creates the topic where it is missing, also while an older one of that name is still being deleted.
 * @throws PartitionsMismatch
 */
export async function ensureTopic(kafka: Kafka, topic: Topic): Promise<FoundTopic> {
  const admin = kafka.admin();
  await admin.connect();
  try {
    for (let attempt = 1; ; attempt++) {
      const actual = await partitionsOf(admin, topic.name);
      if (actual !== undefined) {
        if (actual.length < topic.partitions) {
          throw new PartitionsMismatch(topic.name, topic.partitions, actual.length);
        }
        return { created: attempt > 1, ...(await look(admin, topic, actual)) };
      }
      if (attempt === TRIES) throw new Error(`topic ${topic.name} could not be created`);
      if (attempt > 1) await pause(200);
      await create(admin, topic);
    }
  } finally {
    await admin.disconnect();
  }
}

/** What there is of the topic now; undefined where there is none. */
export async function topicNow(kafka: Kafka, topic: Topic): Promise<Omit<FoundTopic, 'created'> | undefined> {
  const admin = kafka.admin();
  await admin.connect();
  try {
    const actual = await partitionsOf(admin, topic.name);
    return actual && (await look(admin, topic, actual));
  } finally {
    await admin.disconnect();
  }
}

type Admin = ReturnType<Kafka['admin']>;

/** A partition, and the brokers that have it. */
type Partition = { readonly replicas: readonly number[] };

async function look(
  admin: Admin,
  { name, settings }: Topic,
  partitions: readonly Partition[],
): Promise<Omit<FoundTopic, 'created'>> {
  const replication = Math.min(...partitions.map(({ replicas }) => replicas.length));
  const { brokers } = await admin.describeCluster();
  const found = { brokers: brokers.length, replication };
  const type = kafkajs.ConfigResourceTypes.TOPIC;
  try {
    const { resources } = await admin.describeConfigs({
      includeSynonyms: false,
      resources: [{ type, name, configNames: LOOKED_AT }],
    });
    const entries = resources.flatMap(({ configEntries }) => configEntries);
    const configs = new Map(entries.map(({ configName, configValue }) => [configName, configValue]));
    return { partitions: partitions.length, ...findingsOf(name, settings, { ...found, configs }) };
  } catch (error) {
    if (kafkaErrorType(error) !== 'TOPIC_AUTHORIZATION_FAILED') throw error;
    const { errors, warnings } = findingsOf(name, settings, { ...found, configs: new Map() });
    const unseen = `topic ${name}: its settings cannot be seen, so whether they are safe is not known; allow DescribeConfigs`;
    return { partitions: partitions.length, errors, warnings: [...warnings, unseen] };
  }
}

async function partitionsOf(admin: Admin, name: string): Promise<readonly Partition[] | undefined> {
  try {
    const { topics } = await admin.fetchTopicMetadata({ topics: [name] });
    const found = topics[0]?.partitions ?? [];
    return found.length > 0 ? found : undefined;
  } catch (error) {
    if (kafkaErrorType(error) === 'UNKNOWN_TOPIC_OR_PARTITION') return undefined;
    throw error;
  }
}

async function create(admin: Admin, topic: Topic): Promise<void> {
  const { brokers } = await admin.describeCluster();
  const replicationFactor = replicationOf(topic.settings, brokers.length);
  try {
    await admin.createTopics({
      waitForLeaders: true,
      topics: [
        {
          topic: topic.name,
          numPartitions: topic.partitions,
          replicationFactor,
          configEntries: configEntriesOf(topic.settings, replicationFactor),
        },
      ],
    });
  } catch (error) {
    // Another process was faster, or its leader is not yet known: the next look tells.
    const type = kafkaErrorType(error);
    if (type !== 'TOPIC_ALREADY_EXISTS' && type !== 'UNKNOWN_TOPIC_OR_PARTITION' && type !== 'LEADER_NOT_AVAILABLE')
      throw error;
  }
}
