import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { beforeAll, expect, it } from '@jest/globals';
import { newId } from '#platform/kernel/ids.js';
import { createPool } from '#platform/postgres/pool.js';
import { Program, root } from '../end-to-end/processes.js';
import { describeWithKafka } from '../support/kafka.js';
import { createTestDatabase } from '../support/postgres.js';
import { App, until } from './app.js';

/** So soon a read model that nothing keeps back shows what was stored, however busy the machine is. */
const FRESH_MS = 20_000;

// The next version of the apps is a fixture, which the build of the apps leaves out.
beforeAll(() => {
  const swc = join(root, 'node_modules', '@swc', 'cli', 'bin', 'swc.js');
  const args = [swc, 'test/fixtures/newer-app.fixture.ts', '--out-dir', 'dist', '--config-file', '.swcrc', '--quiet'];
  execFileSync(process.execPath, args, { cwd: root });
});

describeWithKafka('a rolling upgrade and a rollback of two versions of the apps, under load', (brokers) => {
  it('loses nothing and freezes nobody', async () => {
    const database = await createTestDatabase();
    const env = { KAFKA_BROKERS: brokers.join(','), YAD_TOPIC: `yad.test.${newId()}` };
    const pool = createPool(database.url, { max: 1, role: 'read' });
    const relay = new Program('relay/main.js', { env: { DATABASE_URL: database.url, PORT: '0', ...env } });
    const running = new Set<App>();
    const start = async (what: 'start' | 'newer', name: 'operations' | 'analytics'): Promise<App> => {
      const app = await App[what](name, database.url, env);
      running.add(app);
      return app;
    };
    const stop = async (...apps: App[]): Promise<void> => {
      for (const app of apps) running.delete(app);
      await Promise.all(apps.map((app) => app.stop()));
    };
    /** The customer is shown by each of these, and soon. */
    const expectFresh = async (customer: string, position: string, apps: readonly App[]): Promise<void> => {
      for (const app of apps) {
        const asked = async () => {
          const { status } = await app.get(`/v1/customers/${customer}?minPosition=${position}`);
          return status === 200;
        };
        await until(`${app.url} shows ${customer} at ${position}: ${app.program.output.slice(-500)}`, FRESH_MS, asked);
      }
    };
    let orders = 0;
    let trading = true;
    let operations: App[] = [];
    /** Each customer orders, and the order is confirmed, which newer code tells in another version. */
    const trade = async (): Promise<{ customer: string; position: string }> => {
      const app = operations[orders % operations.length]!;
      const [customer, order] = [newId(), newId()];
      const stored = async (path: string, body: unknown): Promise<string> => {
        const key = newId();
        let position = '';
        await until(`${path} is taken`, 60_000, async () => {
          const by = operations.includes(app) ? app : operations[0]!;
          const answer = await by.post(path, body, { 'idempotency-key': key });
          if (answer.status >= 400 && answer.status < 500) throw new Error(JSON.stringify(answer.body));
          position = String(answer.body.position);
          return answer.status < 300;
        });
        return position;
      };
      await stored('/v1/contacts', { id: customer, kind: 'person', name: { full: 'Ada' } });
      const lines = [{ sku: 'A', quantity: '1', unitPrice: '5' }];
      await stored('/v1/orders', { id: order, contact: customer, currency: 'GBP', zone: 'Europe/London', lines });
      const position = await stored(`/v1/orders/${order}/confirm`, {});
      orders++;
      return { customer, position };
    };
    const paused = async (): Promise<string[]> =>
      (
        await pool.query<{ projection: string }>(
          `select distinct projection from projections.paused_partitions p join projections.builds b using (projection, generation)
             join projections.checkpoints c using (projection, generation, partition)
            where b.status = 'live' and c.position < p.position order by 1`,
        )
      ).rows.map(({ projection }) => projection);
    try {
      operations = [await start('start', 'operations')];
      const old = [await start('start', 'analytics'), await start('start', 'analytics')];
      const load = (async () => {
        while (trading) await trade();
      })();
      let last = await trade();
      await expectFresh(last.customer, last.position, old);

      // Operations first: `orders` cannot read what it handles, and waits; nobody else does.
      operations = [await start('newer', 'operations')];
      await stop([...running].find((app) => app !== operations[0] && !old.includes(app))!);
      for (let i = 0; i < 30; i++) last = await trade();
      await until('orders is paused', 30_000, async () => (await paused()).join() === 'orders');
      last = await trade();
      await expectFresh(last.customer, last.position, old);
      const notes = await Promise.all(old.map((app) => app.get('/health/ready')));
      for (const { status, body } of notes) {
        expect([status, body.checks['read models']]).toEqual([
          200,
          expect.stringMatching(/^ok; orders is paused at \d+ .*: crm\.sales\.order\.confirmed is of version 2 there/),
        ]);
      }
      const [left] = old;
      const waited = await left!.get(`/v1/orders?contact=${last.customer}&minPosition=${last.position}`, 60_000);
      expect(waited.status).not.toBe(200);

      // Then analytics, one after the other; `orders-by-customer-day` is built anew beside.
      const next = [await start('newer', 'analytics')];
      for (const each of old) {
        await stop(each);
        last = await trade();
        const alive = [...next, ...old.filter((app) => running.has(app))];
        await expectFresh(last.customer, last.position, alive);
        next.push(await start('newer', 'analytics'));
      }
      await until('nothing is paused', 60_000, async () => (await paused()).length === 0);
      const raised = async (): Promise<boolean> =>
        (
          await pool.query(
            `select from projections.builds where projection = 'orders-by-customer-day' and status = 'live' and generation > 1`,
          )
        ).rowCount === 1;
      await until('the newer version is live', 60_000, raised);

      // Taken back: what the older code makes goes on, and says what it does not make.
      const newerOperations = operations;
      operations = [await start('start', 'operations')];
      const again = [await start('start', 'analytics')];
      await stop(...newerOperations, ...next);
      for (let i = 0; i < 10; i++) last = await trade();
      await expectFresh(last.customer, last.position, again);
      const { status, body } = await again[0]!.get('/health/ready');
      expect([status, body.checks['read models']]).toEqual([
        200,
        expect.stringContaining('orders-by-customer-day is live in version'),
      ]);

      // And upgraded again: everything is what the log says.
      const final = await start('newer', 'analytics');
      await stop(...again);
      trading = false;
      await load;
      last = await trade();
      await expectFresh(last.customer, last.position, [final]);
      await until('nothing is paused', 60_000, async () => (await paused()).length === 0);
      const verified = await new Program('../test/fixtures/newer-app.fixture.js', {
        env: { DATABASE_URL: database.url, YAD_TEST_APP: 'verify' },
      }).ended;
      expect(verified.output).toMatch(/dead letters: 0/);
      const told = verified.output
        .split('\n')
        .filter((line) => line.includes(': ') && !line.startsWith('dead letters'));
      expect(told.length).toBeGreaterThan(2);
      expect(told.filter((line) => !line.endsWith(': equal'))).toEqual([]);
      console.log(`${orders} orders, upgraded, taken back and upgraded again`);
    } finally {
      trading = false;
      await stop(...running);
      await relay.stop();
      await pool.end();
      await database.drop();
    }
  }, 600_000);
});
