import { createClient } from '#platform/event-bus/kafka/client.js';
import { ensureTopic } from '#platform/event-bus/kafka/topic.js';
import { usualTopicSettings } from '#platform/event-bus/kafka/topic-settings.js';
import { newId } from '#platform/kernel/ids.js';
import { percentile } from './measure.js';
import { paced } from './paced.js';

const PARTITIONS = 6;

/**
 * What Kafka itself takes from producing to consuming, by kafkajs with the relay's and the read models' settings (one
 * send under way with all that has gathered, acknowledged by all replicas; fetches wait for one byte). Milliseconds.
 */
export async function kafkaLatency(
  brokers: string[],
  perSecond: number,
  seconds: number,
): Promise<{ p50: number; p99: number }> {
  const kafka = createClient({ brokers, clientId: 'yad-bench' }, { retries: 5 });
  const topic = { name: `yad.bench.${newId()}`, partitions: PARTITIONS, settings: usualTopicSettings };
  await ensureTopic(kafka, topic);
  const producer = kafka.producer({
    idempotent: false,
    maxInFlightRequests: 1,
    createPartitioner:
      () =>
      ({ message }) =>
        message.partition!,
  });
  const consumer = kafka.consumer({ groupId: topic.name, minBytes: 1, maxWaitTimeInMs: 250 });
  const sentAt: number[] = [];
  const arrived: number[] = [];
  try {
    await Promise.all([producer.connect(), consumer.connect()]);
    await consumer.subscribe({ topics: [topic.name], fromBeginning: true });
    const joined = new Promise((resolve) => consumer.on(consumer.events.GROUP_JOIN, resolve));
    await consumer.run({
      autoCommit: false,
      partitionsConsumedConcurrently: PARTITIONS,
      eachBatch: async ({ batch }) => {
        const now = performance.now();
        for (const { key } of batch.messages) arrived.push(now - sentAt[Number(key)]!);
      },
    });
    await joined;
    const value = 'x'.repeat(300);
    let gathered: number[] = [];
    let sending: Promise<void> | undefined;
    const sendAll = async (): Promise<void> => {
      while (gathered.length > 0) {
        const messages = gathered.map((at) => ({ key: String(at), partition: at % PARTITIONS, value }));
        gathered = [];
        await producer.send({ topic: topic.name, acks: -1, messages });
      }
      sending = undefined;
    };
    const fire = async (): Promise<void> => {
      gathered.push(sentAt.push(performance.now()) - 1);
      await (sending ??= sendAll());
    };
    await paced(perSecond, 2, fire);
    const warm = sentAt.length;
    await until(() => arrived.length >= warm);
    arrived.length = 0;
    await paced(perSecond, seconds, fire);
    await until(() => arrived.length >= sentAt.length - warm);
    arrived.sort((a, b) => a - b);
    return { p50: percentile(arrived, 0.5), p99: percentile(arrived, 0.99) };
  } finally {
    await Promise.all([producer.disconnect(), consumer.disconnect()]);
    const admin = kafka.admin();
    await admin.connect();
    await admin.deleteTopics({ topics: [topic.name] });
    await admin.disconnect();
  }
}

async function until(done: () => boolean): Promise<void> {
  for (const end = Date.now() + 30_000; !done();) {
    if (Date.now() > end) throw new Error('messages did not arrive within half a minute');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
