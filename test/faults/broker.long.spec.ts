import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from '@jest/globals';
import kafkajs from 'kafkajs';
import { describeWithKafka } from '../support/kafka.js';
import { createTestDatabase } from '../support/postgres.js';
import { Fleet } from './fleet.js';
import { eventsOf, readModelsOf, Shop, wrongInLog } from './shop.js';

// The broker is one of its own, so that it can be stopped; the other only tells that there may be one.
describeWithKafka('a broker that stops, is killed, and loses its topic, during an import', () => {
  it('delays what is read, and loses and doubles nothing', async () => {
    const { startKafka } = await import('../../tools/kafka/kafka.mjs');
    const folder = mkdtempSync(join(tmpdir(), 'yad-faults-'));
    const dataDir = join(folder, 'kafka');
    let kafka = await startKafka({ port: 0, dataDir });
    const again = { port: kafka.port, dataDir };
    const database = await createTestDatabase();
    const topic = 'yad.events';
    const env = { DATABASE_URL: database.url, KAFKA_BROKERS: kafka.brokers, YAD_TOPIC: topic };
    const fleet = await Fleet.start(env);
    try {
      const shop = new Shop(folder, fleet);
      const trading = shop.trade();
      const meanwhile = (ms: number): Promise<unknown> => Promise.race([sleep(ms), trading]);
      await meanwhile(3000);
      await kafka.stop();
      await meanwhile(4000);
      kafka = await startKafka(again);
      await meanwhile(5000);
      await kafka.kill();
      await meanwhile(2000);
      kafka = await startKafka(again);
      await meanwhile(6000);
      const admin = new kafkajs.Kafka({ brokers: [kafka.brokers], logLevel: kafkajs.logLevel.NOTHING }).admin();
      await admin.connect();
      await admin.deleteTopics({ topics: [topic] });
      await meanwhile(6000);
      shop.close();
      await trading;

      const events = await eventsOf(database.url);
      expect(wrongInLog(events, shop)).toEqual([]);
      const agreed = { documents: shop.invoices, net: shop.net };
      expect(await readModelsOf(fleet, database.url, events.at(-1)!.position)).toEqual(agreed);
      // The relay has made the topic anew and sends to it.
      const offsets = await admin.fetchTopicOffsets(topic);
      expect(offsets.reduce((sum, { high }) => sum + Number(high), 0)).toBeGreaterThan(0);
      await admin.disconnect();
      console.log(`broker stopped, killed, topic deleted: ${shop.invoices} invoices, ${events.length} events`);
    } finally {
      fleet.retire();
      await fleet.stop();
      await kafka.stop();
      await database.drop();
      rmSync(folder, { recursive: true, force: true });
    }
  }, 600_000);
});
