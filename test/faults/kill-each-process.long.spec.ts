import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { expect, it } from '@jest/globals';
import kafkajs from 'kafkajs';
import { readMessage } from '#platform/event-bus/kafka/cloud-event.js';
import type { StoredEvent } from '#platform/kernel/envelope.js';
import { newId } from '#platform/kernel/ids.js';
import { describeWithKafka } from '../support/kafka.js';
import { createTestDatabase } from '../support/postgres.js';
import { Fleet, members } from './fleet.js';
import { eventsOf, readModelsOf, Shop, wrongInLog } from './shop.js';

const KILLS = 50;
/** Events are held against the log here, which says more than a code does. */
const believing = { isOurs: () => true, isFromRelay: () => true, heardOf: () => {}, refusalOf: () => undefined };

describeWithKafka('kill -9 of each process at random, during an import', (brokers) => {
  it(`loses nothing and doubles nothing in ${KILLS} kills: store, Kafka and read models agree`, async () => {
    const database = await createTestDatabase();
    const folder = mkdtempSync(join(tmpdir(), 'yad-faults-'));
    const topic = `yad.test.${newId()}`;
    const env = { DATABASE_URL: database.url, KAFKA_BROKERS: brokers.join(','), YAD_TOPIC: topic };
    const began = Date.now();
    const fleet = await Fleet.start(env);
    try {
      const shop = new Shop(folder, fleet);
      const trading = shop.trade();
      const kills: Record<string, number> = { import: 0 };
      for (let i = 0; i < KILLS; i++) {
        await Promise.race([sleep(200 + Math.random() * 1300), trading]);
        const victim = [...members, 'import' as const][Math.floor(Math.random() * 4)]!;
        kills[victim] = (kills[victim] ?? 0) + 1;
        if (victim === 'import') shop.killImport();
        else await fleet.kill(victim);
      }
      shop.close();
      await trading;

      const events = await eventsOf(database.url);
      const head = events.at(-1)!.position;
      expect(wrongInLog(events, shop)).toEqual([]);
      expect(await readModelsOf(fleet, database.url, head)).toEqual({ documents: shop.invoices, net: shop.net });
      expect(await publishedWrongly(brokers, topic, events)).toEqual([]);
      console.log(
        `killed ${JSON.stringify(kills)}; ${shop.files} files, ${shop.invoices} invoices, ${events.length} events in ${Math.round((Date.now() - began) / 1000)} s`,
      );
    } finally {
      fleet.retire();
      await fleet.stop();
      await database.drop();
      rmSync(folder, { recursive: true, force: true });
    }
  }, 600_000);
});

/** What is wrong with a topic that should hold each event at least once, as stored, new ones in order. */
async function publishedWrongly(brokers: string[], topic: string, events: StoredEvent[]): Promise<string[]> {
  const kafka = new kafkajs.Kafka({ brokers, logLevel: kafkajs.logLevel.NOTHING });
  const wrong: string[] = [];
  const seen = new Set<bigint>();
  const reached = new Map<number, bigint>();
  const consumer = kafka.consumer({ groupId: `check-${newId()}` });
  await consumer.connect();
  await consumer.subscribe({ topics: [topic], fromBeginning: true });
  const complete = new Promise<void>((resolve) => {
    void consumer.run({
      eachMessage: async ({ partition, message }) => {
        const reading = readMessage(message, partition, 0n, believing);
        if (reading.is !== 'event') return void wrong.push(`message ${partition}/${message.offset} is no event`);
        const found = reading.message.event;
        const { position } = found;
        if (!seen.has(position)) {
          // A repeat goes back; what is new never does.
          if (position < (reached.get(partition) ?? 0n)) wrong.push(`position ${position} comes late`);
          reached.set(partition, position);
          const stored = events[Number(position) - 1];
          if (!isDeepStrictEqual(found, stored)) wrong.push(`position ${position} is not what is stored`);
          seen.add(position);
        }
        if (seen.size === events.length) resolve();
      },
    });
  });
  await Promise.race([complete, sleep(60_000, undefined, { ref: false })]);
  await consumer.disconnect();
  if (seen.size !== events.length) wrong.push(`${events.length - seen.size} events are not on Kafka`);
  const admin = kafka.admin();
  await admin.connect();
  await admin.deleteTopics({ topics: [topic] });
  await admin.disconnect();
  return wrong.slice(0, 10);
}
