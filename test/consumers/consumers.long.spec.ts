import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import kafkajs from 'kafkajs';
import { erasureOrdered } from '#contracts/privacy/erasure.events.js';
import { PostgresEventStore } from '#platform/event-store/postgres/postgres-event-store.adapter.js';
import type { DomainEvent } from '#platform/kernel/event-contract.js';
import { newId } from '#platform/kernel/ids.js';
import { createPool, type Pool } from '#platform/postgres/pool.js';
import { storedForm } from '#test/fixtures/stored-form.fixture.js';
import { ensureJars, findJava } from '../../tools/kafka/jars.mjs';
import { Program, root, yad } from '../end-to-end/processes.js';
import { App, until } from '../faults/app.js';
import { describeWithKafka } from '../support/kafka.js';
import { createTestDatabase } from '../support/postgres.js';

// The consumers of docs/guides/consumers.md, each a process of its own, as services of others would be. Both must keep
// what the commands say, whatever happens to them, to the topic and to the log.

/** What a consumer has of one customer, merged contacts and walk-in orders counted in. */
interface Kept {
  name: string | null;
  orders: number;
  net: string;
}
type Report = Record<string, Kept>;

interface Row {
  name: string | null;
  sameAs: string | null;
  orders: number;
  net: number;
}

/** Adds up along who is the same as whom, as the guide says: when one is asked. */
function reportOf(rows: ReadonlyMap<string, Row>): Report {
  const report: Report = {};
  const owner = (subject: string): string => {
    const target = rows.get(subject)?.sameAs;
    return target ? owner(target) : subject;
  };
  for (const [subject, { orders, net }] of rows) {
    const to = owner(subject);
    const kept = (report[to] ??= { name: rows.get(to)?.name ?? null, orders: 0, net: '0' });
    kept.orders += orders;
    kept.net = String(Number(kept.net) + net);
  }
  return report;
}

describeWithKafka('consumers of the topic that are not Yad', (brokers) => {
  const folder = mkdtempSync(join(tmpdir(), 'yad-consumers-'));
  const topic = `yad.test.${newId()}`;
  const kafka = new kafkajs.Kafka({ brokers, logLevel: kafkajs.logLevel.NOTHING });
  const running = new Set<ChildProcess>();
  let database: Awaited<ReturnType<typeof createTestDatabase>>;
  let kept: Awaited<ReturnType<typeof createTestDatabase>>;
  let tables: Pool;
  let store: PostgresEventStore;
  let operations: App;
  let relay: Program;
  let java: readonly string[];
  const complaints: string[] = [];

  beforeAll(async () => {
    [database, kept] = [await createTestDatabase(), await createTestDatabase()];
    await startApps();
    tables = createPool(kept.url, { max: 1, role: 'read' });
    const swc = join(root, 'node_modules', '@swc', 'cli', 'bin', 'swc.js');
    const source = ['test/consumers/typescript', '--out-dir', 'dist', '--config-file', '.swcrc', '--quiet'];
    execFileSync(process.execPath, [swc, ...source], { cwd: root });
    const libs = await ensureJars(process.env['YAD_KAFKA_DIR'] ?? '.kafka', () => {});
    const classes = join(folder, 'classes');
    const javac = findJava().replace(/java$/, 'javac');
    execFileSync(javac, ['-cp', join(libs, '*'), '-d', classes, 'test/consumers/java/CustomersConsumer.java']);
    java = ['-XX:+UseSerialGC', '-Dlog4j2.level=ERROR', '-cp', `${classes}:${join(libs, '*')}`, 'CustomersConsumer'];
  }, 120_000);

  /** Always on the same port, as consumers know them by their address. */
  async function startApps(): Promise<void> {
    const env = { KAFKA_BROKERS: brokers.join(','), YAD_TOPIC: topic, YAD_PARTITIONS: '6' };
    const port = operations ? new URL(operations.url).port : '0';
    operations = await App.start('operations', database.url, { ...env, PORT: port });
    relay = new Program('relay/main.js', { env: { DATABASE_URL: database.url, PORT: '0', ...env } });
    await relay.said(/relay: store -> (\S+)/);
    store = await PostgresEventStore.connect({ url: database.url });
  }

  /** Stores an event that no command writes yet. */
  async function append(subject: string, event: DomainEvent<any>): Promise<void> {
    const { type, version: schemaVersion } = event.contract;
    const place = { id: newId(), aggregate: 'erasure', aggregateId: newId(), revision: 0, subject };
    const events = [
      { ...place, type, schemaVersion, occurredAt: new Date(), ...storedForm(event), meta: { actor: 'privacy' } },
    ];
    const [outcome] = await store.append([{ commandId: newId(), fingerprint: null, events }]);
    expect(outcome!.kind).toBe('stored');
  }

  /** As a database that was restored from a copy: the events after a position are not there, and were never. */
  async function loseEventsAfter(position: bigint): Promise<void> {
    const admin = createPool(database.url, { max: 1, role: 'admin' });
    await admin.query('alter table store.events disable trigger events_are_immutable');
    await admin.query('delete from store.events where position > $1', [position]);
    await admin.query('alter table store.events enable trigger events_are_immutable');
    await admin.end();
  }

  const sentOf = async (admin: ReturnType<typeof kafka.admin>): Promise<bigint> => {
    const offsets = await admin.fetchTopicOffsets(topic);
    return offsets.reduce((sum, { high }) => sum + BigInt(high), 0n);
  };

  afterAll(async () => {
    for (const each of running) each.kill('SIGKILL');
    await Promise.all([operations?.stop(), relay?.stop()]);
    await store?.close();
    await tables?.end();
    await database?.drop();
    await kept?.drop();
    const admin = kafka.admin();
    await admin.connect();
    await admin.deleteTopics({ topics: [topic] }).catch(() => {});
    await admin.disconnect();
    rmSync(folder, { recursive: true, force: true });
  }, 60_000);

  const start = (program: string, args: readonly string[]): ChildProcess => {
    const { NODE_OPTIONS: _jest, ...own } = process.env;
    const env = {
      ...own,
      ...{ KAFKA_BROKERS: brokers.join(','), YAD_TOPIC: topic, YAD_URL: operations.url },
      ...{ DATABASE_URL: kept.url, STATE: join(folder, 'customers.json') },
    };
    const child = spawn(program, args, { cwd: root, env, stdio: ['ignore', 'ignore', 'pipe'] });
    child.stderr!.on('data', (text) => complaints.push(String(text)));
    running.add(child);
    child.on('exit', () => running.delete(child));
    return child;
  };
  const startAll = (): ChildProcess[] => [
    start(process.execPath, ['dist/test/consumers/typescript/consumer.js']),
    start(findJava(), java),
  ];
  const end = (children: readonly ChildProcess[], signal: NodeJS.Signals): Promise<unknown> =>
    Promise.all(
      children.map((child) => {
        const ended = new Promise((resolve) => child.once('exit', resolve));
        child.kill(signal);
        return ended;
      }),
    );

  const reports = {
    typescript: async (): Promise<Report> => {
      const { rows } = await tables.query(
        `select c.subject, c.name, c.same_as, coalesce(s.orders, 0) as orders, coalesce(s.net, 0)::float8 as net
           from customers c left join sales s on s.subject = c.subject and s.currency = 'GBP'`,
      );
      return reportOf(new Map(rows.map(({ subject, same_as: sameAs, ...row }: any) => [subject, { ...row, sameAs }])));
    },
    java: async (): Promise<Report> => {
      const { customers } = JSON.parse(readFileSync(join(folder, 'customers.json'), 'utf8'));
      return reportOf(
        new Map(
          Object.entries<any>(customers).map(([subject, { name, sameAs, orders, net }]) => [
            subject,
            { name, sameAs, orders: orders.GBP ?? 0, net: Number(net.GBP ?? 0) },
          ]),
        ),
      );
    },
  };
  /** Waits until both have what is expected of these customers, and nothing of anybody else. */
  const expectBoth = async (expected: ReadonlyMap<string, Kept>): Promise<void> => {
    const all = Object.fromEntries([...expected].toSorted());
    for (const [name, report] of Object.entries(reports)) {
      let last: unknown;
      await until(`${name} keeps what was sent`, 60_000, async () => {
        last = Object.fromEntries(Object.entries(await report()).toSorted());
        return JSON.stringify(last) === JSON.stringify(all);
      }).catch(() => undefined);
      expect({ of: name, ...(last as object) }).toEqual({ of: name, ...all });
    }
  };

  const expected = new Map<string, Kept>();
  const send = async (path: string, body: object): Promise<any> => {
    const { status, body: answer } = await operations.post(path, body);
    if (status >= 300) throw new Error(`POST ${path}: ${status} ${JSON.stringify(answer)}`);
    return answer;
  };
  const register = async (name: string): Promise<string> => {
    const { id } = await send('/v1/contacts', { kind: 'person', name: { full: name } });
    expected.set(id, { name, orders: 0, net: '0' });
    return id;
  };
  /** Records a sale; of a walk-in where no customer is named. */
  const sell = async (pounds: number, contact?: string): Promise<string> => {
    const lines = [{ sku: 'CUP', quantity: '1', unitPrice: String(pounds) }];
    const sale = { contact, currency: 'GBP', zone: 'Europe/London', lines };
    const { id } = await send('/v1/sales', sale);
    count(contact ?? id, pounds);
    return id;
  };
  const count = (whose: string, pounds: number, orders = 1): void => {
    const before = expected.get(whose) ?? { name: null, orders: 0, net: '0' };
    const after = { ...before, orders: before.orders + orders, net: String(Number(before.net) + pounds) };
    expected.set(whose, after);
  };

  const customers: string[] = [];
  let consumers: ChildProcess[] = [];

  it('keep what the commands say, from the first event on', async () => {
    for (let n = 0; n < 20; n++) customers.push(await register(`Customer ${n}`));
    for (let n = 0; n < 40; n++) await sell(n + 1, customers[n % 20]);
    consumers = startAll();
    await expectBoth(expected);
  }, 180_000);

  it('count merged contacts and attached walk-in orders in, and an undone one out again', async () => {
    const [ada, twin, eve] = [await register('Ada'), await register('Ada L.'), await register('Eve')];
    await sell(10, ada);
    await sell(20, twin);
    const [first, second] = [await sell(30), await sell(40)];
    await send(`/v1/contacts/${twin}/merge`, { into: ada });
    await send(`/v1/orders/${first}/attach`, { contact: twin });
    await send(`/v1/orders/${second}/attach`, { contact: eve });
    const merged = new Map(expected);
    for (const gone of [twin, first, second]) merged.delete(gone);
    merged.set(ada, { name: 'Ada', orders: 3, net: '60' });
    merged.set(eve, { name: 'Eve', orders: 1, net: '40' });
    await expectBoth(merged);
    await send(`/v1/contacts/${twin}/unmerge`, { from: ada });
    await send(`/v1/orders/${second}/detach`, {});
    expected.delete(first);
    count(twin, 30);
    await expectBoth(expected);
    await send(`/v1/orders/${first}/detach`, {});
    count(twin, -30, -1);
    count(first, 30);
    await expectBoth(expected);
  }, 180_000);

  it('miss nothing and count nothing twice when they are killed at any moment', async () => {
    const load = { done: false };
    const loaded = (async () => {
      for (let n = 0; !load.done; n++) await sell(1 + (n % 7), customers[n % 20]);
    })();
    for (let kill = 0; kill < 3; kill++) {
      await new Promise((resolve) => setTimeout(resolve, 1_500));
      await end(consumers, 'SIGKILL');
      consumers = startAll();
    }
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    load.done = true;
    await loaded;
    await expectBoth(expected);
  }, 180_000);

  it('fill from the feed what the topic no longer has when they come back', async () => {
    await end(consumers, 'SIGTERM');
    for (let n = 0; n < 30; n++) await sell(3, customers[n % 20]);
    const last = await register('After the gap');
    const admin = kafka.admin();
    await admin.connect();
    // As after the retention: what was sent while they were away is gone, to the last message.
    await until(
      'the relay has sent it all',
      30_000,
      async () => (await sentOf(admin)) >= (await store.head()).position,
    );
    const ends = await admin.fetchTopicOffsets(topic);
    await admin.deleteTopicRecords({
      topic,
      partitions: ends.map(({ partition, high }) => ({ partition, offset: high })),
    });
    await admin.disconnect();
    consumers = startAll();
    await expectBoth(expected);
    // … and while they run: the next message tells that some before it are missing.
    await sell(5, last);
    await expectBoth(expected);
  }, 180_000);

  it('forget the name of whom an erasure was ordered for, and keep the figures', async () => {
    const subject = customers[0]!;
    const event = erasureOrdered({ request: newId(), classes: ['profile', 'note'], ground: 'requested' });
    await append(subject, event);
    expected.set(subject, { ...expected.get(subject)!, name: null });
    await expectBoth(expected);
  }, 120_000);

  it('undo what the log has lost by a restore, and go on with what came after', async () => {
    await expectBoth(expected);
    const kept = new Map(expected);
    const { position: forkedAt } = await store.head();
    for (let n = 0; n < 10; n++) await sell(100, customers[n % 20]);
    await register('Never was');
    await expectBoth(expected);
    await Promise.all([operations.stop(), relay.stop()]);
    await store.close();
    await loseEventsAfter(forkedAt);
    await yad(['log', 'continue', '--restored'], { DATABASE_URL: database.url });
    expected.clear();
    for (const [id, each] of kept) expected.set(id, each);
    await startApps();
    await sell(7, customers[1]);
    await expectBoth(expected);
  }, 180_000);

  it('complain of nothing that is not said above', async () => {
    await end(consumers, 'SIGTERM');
    // What a server was asked that was stopped, or a broker that had just begun, is tried again: no error of theirs.
    const said = complaints
      .join('')
      .split('\n')
      .filter((line) => /Exception|Error/.test(line));
    expect(said.filter((line) => !/ECONNREFUSED|fetch failed|ConnectException|coordinator/.test(line))).toEqual([]);
  });
});
