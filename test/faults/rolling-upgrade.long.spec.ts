import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, expect, it } from '@jest/globals';
import { newId } from '#platform/kernel/ids.js';
import { createPool } from '#platform/postgres/pool.js';
import { Program, root } from '../end-to-end/processes.js';
import { describeWithKafka } from '../support/kafka.js';
import { createTestDatabase } from '../support/postgres.js';
import { App, until } from './app.js';

/** What is not there by then does not come by itself: on a busy machine most things take some seconds. */
const NEVER_MS = 90_000;
/** Pause of the load between two orders. */
const EVERY_MS = 50;

/** One question for each read model that has one, and the one that reads nearly all. */
const questions: Record<string, (customer: string) => string> = {
  profile: () => '/v1/customers?limit=1&',
  timeline: (customer) => `/v1/customers/${customer}/timeline?limit=1&`,
  cases: () => '/v1/cases?limit=1&',
  returns: () => '/v1/returns?limit=1&',
  'orders-by-customer-day': () => '/v1/analytics/sales-summary?currency=GBP&',
  orders: (customer) => `/v1/customers/${customer}/orders?limit=1&`,
  'customer 360': (customer) => `/v1/customers/${customer}?`,
};
const all = Object.keys(questions);
/** Those that read no orders. */
const others = all.filter((name) => name !== 'orders' && name !== 'customer 360');

// The next version of the apps is a fixture, which the build of the apps leaves out.
beforeAll(() => {
  const swc = join(root, 'node_modules', '@swc', 'cli', 'bin', 'swc.js');
  const args = [swc, 'test/fixtures/newer-app.fixture.ts', '--out-dir', 'dist', '--config-file', '.swcrc', '--quiet'];
  execFileSync(process.execPath, args, { cwd: root });
});

interface Sale {
  readonly customer: string;
  /** Of its last event. */
  readonly position: string;
}

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

    const over = new AbortController();
    let orders = 0;
    let operations!: App;
    const stored = async (path: string, body: unknown): Promise<string> => {
      const key = newId();
      for (;;) {
        over.signal.throwIfAborted();
        // An app that is being replaced is asked again in the other's place; the key makes that harmless.
        const answer = await operations.post(path, body, { 'idempotency-key': key }).catch(() => undefined);
        if (answer && answer.status < 300) return String(answer.body.position);
        if (answer && answer.status < 500) throw new Error(`${path}: ${JSON.stringify(answer.body)}`);
        await sleep(100);
      }
    };
    /** A customer orders, and the order is confirmed, which newer code tells in another version. */
    const sell = async (): Promise<Sale> => {
      const [customer, order] = [newId(), newId()];
      await stored('/v1/contacts', { id: customer, kind: 'person', name: { full: 'Ada' } });
      const lines = [{ sku: 'A', quantity: '1', unitPrice: '5' }];
      await stored('/v1/orders', { id: order, contact: customer, currency: 'GBP', zone: 'Europe/London', lines });
      const position = await stored(`/v1/orders/${order}/confirm`, {});
      orders++;
      return { customer, position };
    };
    const underLoad = async (): Promise<void> => {
      for (; !over.signal.aborted; await sleep(EVERY_MS)) await sell();
    };

    /** Each of these shows a sale of now, and one in each partition of the bus, for each of the questions. */
    const expectFresh = async (apps: readonly App[], names: readonly string[] = all): Promise<void> => {
      const sales = await Promise.all(Array.from({ length: 12 }, sell));
      const last = sales.reduce((latest, each) => (BigInt(each.position) > BigInt(latest.position) ? each : latest));
      const asked = apps.flatMap((app) => names.map((name) => ({ app, name })));
      await Promise.all(
        asked.map(({ app, name }) =>
          until(`${app.url} answers ${name} at ${last.position}`, NEVER_MS, async () => {
            const { status } = await app.get(`${questions[name]!(last.customer)}minPosition=${last.position}`);
            return status === 200;
          }),
        ),
      );
    };
    const paused = async (): Promise<string> => {
      const { rows } = await pool.query<{ names: string | null }>(
        `select string_agg(distinct projection, ' ') as names
           from projections.paused_partitions p join projections.builds b using (projection, generation)
           join projections.checkpoints c using (projection, generation, partition)
          where b.status = 'live' and c.position < p.position`,
      );
      return rows[0]!.names ?? '';
    };
    const liveVersion = async (): Promise<number> => {
      const { rows } = await pool.query<{ version: number }>(
        `select version from projections.builds where projection = 'orders-by-customer-day' and status = 'live'`,
      );
      return rows[0]!.version;
    };
    /** For whoever looks into a failure: where all builds stand, and what the apps say of it. */
    const tellState = async (): Promise<void> => {
      const { rows } = await pool.query<{ line: string }>(
        `select b.projection || ' ' || version || ' ' || status || ': ' || string_agg(position::text, ' ' order by partition) as line
           from projections.checkpoints join projections.builds b using (projection, generation)
          group by b.projection, b.generation order by 1`,
      );
      console.error(rows.map(({ line }) => line).join('\n'));
      for (const app of running) {
        const { body } = await app.get('/health/ready');
        console.error(`${app.url} ${JSON.stringify(body)}\n${app.program.output.slice(-3_000)}`);
      }
    };
    const began = Date.now();

    let load: Promise<void> | undefined;
    try {
      const [first, ...old] = await Promise.all([
        start('start', 'operations'),
        start('start', 'analytics'),
        start('start', 'analytics'),
      ]);
      operations = first!;
      load = underLoad();
      load.catch(() => {});
      await expectFresh(old);
      const version = await liveVersion();

      // Operations first: `orders` cannot read what it handles, and waits; nobody else does.
      const olderOperations = operations;
      operations = await start('newer', 'operations');
      await stop(olderOperations);
      await until('orders is paused', NEVER_MS, async () => (await paused()) === 'orders');
      const { customer, position } = await sell();
      const [waited] = await Promise.all([
        old[0]!.get(`${questions['orders']!(customer)}minPosition=${position}`),
        expectFresh(old, others),
      ]);
      // What is left out is never answered for.
      expect(waited.status).toBe(503);
      for (const app of old) {
        const { status, body } = await app.get('/health/ready');
        expect([status, body.checks['read models']]).toEqual([
          200,
          expect.stringMatching(/^ok; orders is paused at \d+ .*: crm\.sales\.order\.confirmed is of version 2 there/),
        ]);
      }

      // One newer process is enough for all, whichever partitions it has.
      let next = [await start('newer', 'analytics')];
      await expectFresh([...old, ...next]);
      await until('the newer version is live', NEVER_MS, async () => (await liveVersion()) === version + 1);
      await expectFresh([...old, ...next]);
      const [second] = await Promise.all([start('newer', 'analytics'), stop(old[0]!)]);
      next.push(second);
      await expectFresh([old[1]!, ...next]);
      await stop(old[1]!);
      await expectFresh(next);
      expect(await paused()).toBe('');

      // Taken back, in the other order: one older process is as good, and when it is alone its version is live again.
      const newerOperations = operations;
      const [older, again] = await Promise.all([start('start', 'operations'), start('start', 'analytics')]);
      operations = older;
      await stop(newerOperations);
      await expectFresh([again, ...next]);
      expect(await liveVersion()).toBe(version + 1);
      await stop(...next);
      await expectFresh(
        [again],
        others.filter((name) => name !== 'orders-by-customer-day'),
      );
      await expectFresh([again]);
      expect(await liveVersion()).toBe(version);

      // And upgraded again: everything is what the log says.
      const [last] = await Promise.all([start('newer', 'analytics'), stop(again)]);
      next = [last];
      await expectFresh(next);
      expect([await liveVersion(), await paused()]).toEqual([version + 1, '']);
      over.abort();
      await load.catch((error: unknown) => expect(error).toBe(over.signal.reason));
      const { rows } = await pool.query(
        `select (select count(*) from analytics.timeline)::int as entries, (select count(*) from store.events)::int as events`,
      );
      expect(rows[0].entries).toBe(rows[0].events);
      const verified = await new Program('../test/fixtures/newer-app.fixture.js', {
        env: { DATABASE_URL: database.url, YAD_TEST_APP: 'verify' },
      }).ended;
      expect(verified.output).toMatch(/dead letters: 0/);
      const told = verified.output.split('\n').filter((line) => /^[a-z0-9-]+: /.test(line));
      expect(told.length).toBeGreaterThan(2);
      expect(told.filter((line) => !line.endsWith(': equal'))).toEqual([]);
      const seconds = Math.round((Date.now() - began) / 1_000);
      console.log(`${orders} orders, upgraded, taken back and upgraded again in ${seconds} s`);
    } catch (error) {
      await tellState().catch(() => {});
      throw error;
    } finally {
      over.abort();
      await load?.catch(() => {});
      await stop(...running);
      await relay.stop();
      await pool.end();
      await database.drop();
    }
  }, 600_000);
});
