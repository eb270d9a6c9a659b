import type { Kafka } from 'kafkajs';
import { pause } from '../backoff.js';
import { kafkaErrorType } from './client.js';

export interface Topic {
  name: string;
  partitions: number;
  /** Copies of each message; the broker's default when absent. */
  replicationFactor?: number;
}

/** The topic has fewer partitions than this process is set to: some customers' events have no place. */
export class PartitionsMismatch extends Error {
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

/** An event may be as large as the store takes it, and a little more for the envelope. */
const MAX_MESSAGE_BYTES = 8 * 1024 * 1024;
const TRIES = 60;

/** What there is of the topic. */
export interface FoundTopic {
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
        if (actual < topic.partitions) throw new PartitionsMismatch(topic.name, topic.partitions, actual);
        return { created: attempt > 1, partitions: actual };
      }
      if (attempt === TRIES) throw new Error(`topic ${topic.name} could not be created`);
      if (attempt > 1) await pause(200);
      await create(admin, topic);
    }
  } finally {
    await admin.disconnect();
  }
}

/** How many partitions the topic has now; undefined where there is none. */
export async function partitionsNow(kafka: Kafka, topic: Topic): Promise<number | undefined> {
  const admin = kafka.admin();
  await admin.connect();
  try {
    return await partitionsOf(admin, topic.name);
  } finally {
    await admin.disconnect();
  }
}

type Admin = ReturnType<Kafka['admin']>;

async function partitionsOf(admin: Admin, name: string): Promise<number | undefined> {
  try {
    const { topics } = await admin.fetchTopicMetadata({ topics: [name] });
    return topics[0]?.partitions.length || undefined;
  } catch (error) {
    if (kafkaErrorType(error) === 'UNKNOWN_TOPIC_OR_PARTITION') return undefined;
    throw error;
  }
}

async function create(admin: Admin, topic: Topic): Promise<void> {
  try {
    await admin.createTopics({
      waitForLeaders: true,
      topics: [
        {
          topic: topic.name,
          numPartitions: topic.partitions,
          replicationFactor: topic.replicationFactor ?? -1,
          configEntries: [{ name: 'max.message.bytes', value: String(MAX_MESSAGE_BYTES) }],
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
