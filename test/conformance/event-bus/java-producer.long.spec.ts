import { afterAll, beforeAll, expect, it } from '@jest/globals';
import fc from 'fast-check';
import kafkajs from 'kafkajs';
import { partitionOf } from '#platform/event-bus/event-bus.js';
import { newId } from '#platform/kernel/ids.js';
import { runJava } from '../../support/java.js';
import { describeWithKafka } from '../../support/kafka.js';

describeWithKafka('the Java producer', (brokers) => {
  const admin = new kafkajs.Kafka({ brokers, logLevel: kafkajs.logLevel.NOTHING }).admin();
  beforeAll(() => admin.connect());
  afterAll(() => admin.disconnect());

  it.each([6, 7, 100])('places every key where we do, of %d partitions', async (numPartitions) => {
    const topic = `yad.test.${newId()}`;
    await admin.createTopics({ waitForLeaders: true, topics: [{ topic, numPartitions }] });
    // Each a line of its own; `binary` has halves of characters, too, which every encoder replaces alike.
    const words = fc.string({ unit: 'binary', maxLength: 40 }).filter((word) => !/[\n\r\u0085\u2028\u2029]/.test(word));
    const keys = [
      ...Array.from({ length: 2000 }, () => newId()),
      ...fc.sample(words, 1500),
      ...['', 'a', 'ab', 'abc', 'Zoë', 'یاد', 'مشتری ۱۲۳', '😀', 'é'.repeat(200)],
    ];
    const placed = await runJava('Produce', [brokers.join(','), topic], keys.map((key) => `${key}\n`).join(''));
    expect(placed.map(Number)).toEqual(keys.map((key) => partitionOf(key, numPartitions)));
    await admin.deleteTopics({ topics: [topic] });
  });
});
