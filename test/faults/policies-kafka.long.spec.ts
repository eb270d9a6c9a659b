import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from '@jest/globals';
import pg from 'pg';
import { newId } from '#platform/kernel/ids.js';
import { Program } from '../end-to-end/processes.js';
import { describeWithKafka } from '../support/kafka.js';
import { createTestDatabase } from '../support/postgres.js';
import { App, until } from './app.js';
import { allSent, trade, wrongIn } from './policy-load.js';

const PARTITIONS = 6;

describeWithKafka('policies that read from Kafka', (brokers) => {
  // One process takes commands, two share the partitions for the policies, and one of these is killed.
  it('share out the partitions; when one is killed, each event has had its command once', async () => {
    const database = await createTestDatabase();
    const topic = `yad.test.${newId()}`;
    const env = { KAFKA_BROKERS: brokers.join(','), YAD_TOPIC: topic, YAD_PARTITIONS: String(PARTITIONS) };
    const pool = new pg.Pool({ connectionString: database.url, max: 2 });
    pool.on('error', () => {});
    const server = await App.start('operations', database.url, { ...env, YAD_POLICIES: 'off' });
    const relay = new Program('relay/main.js', { env: { ...env, DATABASE_URL: database.url } });
    const start = (): Promise<App> => App.start('operations', database.url, { ...env, YAD_POLICIES: 'kafka' });
    const stop = new AbortController();
    const trading: Promise<void>[] = [];
    const running: App[] = [];
    try {
      running.push(await start(), await start());
      for (const each of running) {
        await until('it has partitions of its own', 60_000, async () => (await partitionsOf(each)) === PARTITIONS / 2);
      }
      for (let shop = 0; shop < 3; shop++) trading.push(trade(server, stop.signal));
      await sleep(4_000);
      const [victim, survivor] = running as [App, App];
      victim.program.signal('SIGKILL');
      await victim.program.ended;
      await sleep(4_000);
      // It comes back while the other is still at it.
      running.push(await start());
      await sleep(2_000);
      stop.abort();
      await Promise.all(trading);
      await allSent(pool, 60_000);
      const { found, counts } = await wrongIn(pool);
      console.log(JSON.stringify(counts));
      expect(found).toEqual([]);
      expect(counts.snoozed).toBeGreaterThan(20);
      expect(counts.replies).toBeGreaterThan(20);
      expect(await survivor.notReady()).toBeUndefined();
    } finally {
      stop.abort();
      await Promise.allSettled(trading);
      await Promise.all(running.map((each) => each.stop().catch(() => {})));
      await relay.stop();
      await server.stop();
      await pool.end();
      await database.drop();
    }
  }, 180_000);
});

/** How many partitions the bus has given to a process, as its metrics say. */
async function partitionsOf(app: App): Promise<number> {
  const { body } = await app.get('/metrics');
  return Number(/^yad_policy_partitions\S* (\d+)/m.exec(String(body))?.[1] ?? 0);
}
