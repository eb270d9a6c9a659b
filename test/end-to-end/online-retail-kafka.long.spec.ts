import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import kafkajs from 'kafkajs';
import { newId } from '#platform/kernel/ids.js';
import { describeWithKafka } from '../support/kafka.js';
import { createTestDatabase } from '../support/postgres.js';
import { answersOf, describeWithFile, expectPublished, file, headOf, importInto } from './online-retail.js';
import { Program } from './processes.js';

/** An answer, with its freshness; read models of then may take their time. */
async function answerOf(url: string, path: string): Promise<any> {
  const response = await fetch(`${url}/v1${path}`, { headers: { prefer: 'wait=60' } });
  const body = (await response.json()) as any;
  if (response.status !== 200) throw new Error(`${path}: ${response.status} ${JSON.stringify(body)}`);
  return body;
}

/** Questions about everybody and about one, answered while events come in. */
async function answersMidway(url: string): Promise<{ path: string; body: any }[]> {
  let first: any;
  do {
    await sleep(200);
    first = await answerOf(url, '/customers?limit=3');
  } while (BigInt(first.freshness.position) < 5_000n);
  const [{ id }] = first.data;
  const paths = [
    '/analytics/sales-summary?currency=GBP',
    '/analytics/rfm?currency=GBP&day=2011-06-01',
    `/customers/${id}`,
    `/customers/${id}/timeline?limit=5`,
    `/customers/${id}/orders?limit=5`,
  ];
  return Promise.all(paths.map(async (path) => ({ path, body: await answerOf(url, path) })));
}

describeWithKafka('a year of a shop, with Kafka in between', (brokers) => {
  describeWithFile('operations, relay and analytics, each a process', () => {
    const topic = `yad.test.${newId()}`;
    const folder = mkdtempSync(join(tmpdir(), 'yad-end-to-end-'));
    const programs: Program[] = [];
    let database: Awaited<ReturnType<typeof createTestDatabase>>;
    let operations: string;
    let analytics: string;
    beforeAll(async () => {
      database = await createTestDatabase();
      const env = {
        DATABASE_URL: database.url,
        KAFKA_BROKERS: brokers.join(','),
        YAD_TOPIC: topic,
        YAD_PARTITIONS: '6',
        // What follows by itself would be events of its own.
        YAD_POLICIES: 'off',
        PORT: '0',
      };
      const start = async (main: string, ready: RegExp): Promise<string> => {
        const program = new Program(main, { env, cwd: folder });
        programs.push(program);
        return (await program.said(ready))[1]!;
      };
      operations = await start('operations/main.js', /operations answers on (http:\S+),/);
      await start('relay/main.js', /relay: store -> (\S+)/);
      analytics = await start('analytics/main.js', /analytics answers on (http:[^\s";,]+)/);
    }, 120_000);
    afterAll(async () => {
      const ended = await Promise.all(programs.map((program) => program.stop()));
      await database?.drop();
      rmSync(folder, { recursive: true, force: true });
      const admin = new kafkajs.Kafka({ brokers, logLevel: kafkajs.logLevel.NOTHING }).admin();
      await admin.connect();
      // Where a program did not come up there may be no topic; that one is reported, and not this.
      await admin.deleteTopics({ topics: [topic] }).catch(() => {});
      await admin.disconnect();
      expect(ended.map(({ code }) => code)).toEqual([0, 0, 0]);
    }, 120_000);

    it('give the published figures, and the topic holds each event once', async () => {
      const importing = importInto(operations, folder);
      const midway = answersMidway(analytics);
      midway.catch(() => {});
      const { position, seconds } = await importing;
      const began = performance.now();
      expectPublished(await answersOf(analytics, position));
      const answered = seconds + (performance.now() - began) / 1000;
      console.log(
        `Online Retail over Kafka: imported in ${seconds.toFixed(1)} s, answered after ${answered.toFixed(1)} s`,
      );
      expect(await headOf(operations)).toBe(position);
      expect(existsSync(join(folder, `${file.split('/').at(-1)}.refused.csv`))).toBe(false);
      // Of all that went over the topic nothing was left out, and without a fault nothing was sent twice.
      const admin = new kafkajs.Kafka({ brokers, logLevel: kafkajs.logLevel.NOTHING }).admin();
      await admin.connect();
      const offsets = await admin.fetchTopicOffsets(topic);
      await admin.disconnect();
      const sent = offsets.reduce((sum, { high }) => sum + BigInt(high), 0n);
      expect(String(sent)).toBe(position);
      for (const { output } of programs) expect(output).not.toMatch(/read models:|relay: .*Error/);
      // What was answered while the year came in, with the partitions wherever they were, is answered again.
      for (const { path, body } of await midway) {
        const again = await answerOf(analytics, `${path}${path.includes('?') ? '&' : '?'}asOf=${body.freshness.asOf}`);
        expect([path, again.data, again.freshness]).toEqual([path, body.data, body.freshness]);
        const now = await answerOf(analytics, path);
        expect(BigInt(now.freshness.position)).toBeGreaterThan(BigInt(body.freshness.position));
      }
    });
  });
});
