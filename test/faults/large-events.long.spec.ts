import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { PostgresEventStore } from '#platform/event-store/postgres/postgres-event-store.adapter.js';
import { newId } from '#platform/kernel/ids.js';
import { MOST_EVENT_BYTES } from '#platform/kernel/sizes.js';
import { Program, yad } from '../end-to-end/processes.js';
import { describeWithKafka } from '../support/kafka.js';
import { createTestDatabase } from '../support/postgres.js';
import { App } from './app.js';

const execute = promisify(execFile);

/** Orders of 1.7 MB, and some as large as an event may be. The apps' heap holds 1.5 GB. */
const ORDERS = Number(process.env['YAD_TEST_LARGE_ORDERS'] ?? 1500);
const LARGEST = Math.ceil(ORDERS / 50);

const order = (lines: number, words: string, times: number): string =>
  JSON.stringify({
    ...{ currency: 'GBP', zone: 'Europe/London', kind: 'sale', net: String(lines) },
    lines: Array.from({ length: lines }, (_, i) => ({
      ...{ line: i + 1, sku: `S${i}`, description: words.repeat(times) },
      ...{ quantity: '1', unitPrice: '1' },
    })),
  });

interface Log {
  readonly url: string;
  readonly client: pg.Client;
  readonly head: bigint;
  drop(): Promise<void>;
}

/** A log of such orders in a database of its own. */
async function largeLog(): Promise<Log> {
  const database = await createTestDatabase();
  const store = await PostgresEventStore.connect({ url: database.url });
  const most = order(6840, 'شرح کالا و نکته ', 30);
  const channel = 'x'.repeat(MOST_EVENT_BYTES - Buffer.byteLength(most) - '"channel":"",'.length);
  for (const data of [order(2000, 'a line of an order with ', 34), JSON.stringify({ ...JSON.parse(most), channel })]) {
    const id = newId();
    const event = {
      ...{
        id: newId(),
        aggregate: 'order',
        aggregateId: id,
        revision: 0,
        type: 'crm.sales.order.placed',
        schemaVersion: 1,
      },
      ...{ occurredAt: new Date(), subject: id, data, personalData: null, meta: { actor: 'large' } },
    };
    await store.append([{ commandId: newId(), fingerprint: null, events: [event] }]);
  }
  await store.close();
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  // The others are copies, made where they lie.
  for (const [of, count] of [
    [1, ORDERS - 1],
    [2, LARGEST - 1],
  ]) {
    await client.query(
      `insert into store.events (position, aggregate, aggregate_id, revision, id, type, schema_version, occurred_at,
           recorded_at, subject, command_id, ordinal, fingerprint, meta, data, personal_data)
       select (select max(position) from store.events) + n, aggregate, gen_random_uuid(), 0, gen_random_uuid(), type,
           schema_version, occurred_at, recorded_at, null, gen_random_uuid(), 0, null, meta, data, personal_data
         from store.events, generate_series(1, $2) n where position = $1`,
      [of, count],
    );
  }
  const { rows } = await client.query(
    `select max(position)::text as head, count(*)::int as count, sum(octet_length(data::text)) as bytes,
            max(octet_length(data::text)) as most from store.events`,
  );
  const [{ head, count, bytes, most: largest }] = rows;
  expect(count).toBe(ORDERS + LARGEST);
  expect(Number(bytes)).toBeGreaterThan(1_700_000 * ORDERS);
  expect(MOST_EVENT_BYTES - largest).toBe(0);
  const drop = async (): Promise<void> => {
    await client.end();
    await database.drop();
  };
  return { url: database.url, client, head: BigInt(head), drop };
}

describe('a log of large orders', () => {
  let log: Log;
  beforeAll(async () => {
    log = await largeLog();
  }, 120_000);
  afterAll(() => log.drop());

  const untilRead = async (program: Program, least: () => Promise<bigint>): Promise<void> => {
    let ended: string | undefined;
    void program.ended.then(({ output }) => (ended = output));
    for (const end = Date.now() + 180_000; (await least()) < log.head; await sleep(250)) {
      if (ended !== undefined) throw new Error(`it ended: ${ended}`);
      if (Date.now() > end) throw new Error(`it has come to ${await least()} of ${log.head}: ${program.output}`);
    }
  };
  const readModels = async (): Promise<bigint> => {
    const { rows } = await log.client.query(
      `select coalesce(min(c.position), 0)::text as least from projections.checkpoints c
         join projections.builds b using (projection, generation) where b.status = 'live'`,
    );
    return BigInt(rows[0].least);
  };
  /** A reader of Kafka holds a partition whole when it holds its last event, which is seldom the last of the log. */
  const whereKafkaEnds = async (): Promise<bigint> => {
    const { rows } = await log.client.query(
      `select count(*)::int as behind from relay.heads h
         join projections.checkpoints c using (partition) join projections.builds b using (projection, generation)
        where b.status = 'live' and c.position < h.position`,
    );
    return rows[0].behind === 0 ? log.head : 0n;
  };
  const ordersRead = async (): Promise<number> =>
    (await log.client.query(`select count(*)::int as n from analytics.orders`)).rows[0].n;

  it('passes through the local bus, the read models, and the auditors’ answers within the heap', async () => {
    const app = await App.start('standalone', log.url);
    try {
      await untilRead(app.program, readModels);
      expect(await ordersRead()).toBe(ORDERS + LARGEST);
      const walk = async (limit: number, pages: number): Promise<number> => {
        let seen = 0;
        let cursor = '';
        for (let page = 0; page < pages; page++) {
          const { status, body } = await app.get(`/v1/audit/events?limit=${limit}${cursor}`, 60_000);
          expect(status).toBe(200);
          expect(body.data.length).toBeGreaterThan(0);
          seen += body.data.length;
          cursor = `&cursor=${encodeURIComponent(body.next)}`;
        }
        return seen;
      };
      const seen = await Promise.all(Array.from({ length: 6 }, () => walk(1000, 10)));
      expect(new Set(seen).size).toBe(1);
      const last = await app.get(`/v1/audit/events/${log.head}`);
      expect(JSON.stringify(last.body.data.data).length).toBeGreaterThan(3_000_000);
    } finally {
      await app.stop();
    }
    expect((await app.program.ended).code).toBe(0);
  }, 240_000);

  it('passes through a rebuild within the heap', async () => {
    await yad(['rebuild'], { DATABASE_URL: log.url });
    expect(await ordersRead()).toBe(ORDERS + LARGEST);
  }, 240_000);

  describeWithKafka('by way of Kafka', (brokers) => {
    it('passes through relay and readers within the heap', async () => {
      // One that no read model has seen.
      await log.drop();
      log = await largeLog();
      const env = { KAFKA_BROKERS: brokers.join(','), YAD_TOPIC: `yad.large.${newId()}` };
      const relay = new Program('relay/main.js', { env: { DATABASE_URL: log.url, ...env } });
      const analytics = new Program('analytics/main.js', { env: { DATABASE_URL: log.url, PORT: '0', ...env } });
      try {
        await relay.said(/relay: store ->/);
        await untilRead(relay, async () =>
          BigInt((await log.client.query(`select position::text from relay.state`)).rows[0].position),
        );
        await untilRead(analytics, whereKafkaEnds);
        expect(await ordersRead()).toBe(ORDERS + LARGEST);
      } finally {
        const ended = await Promise.all([relay.stop(), analytics.stop()]);
        expect(ended.map(({ code }) => code)).toEqual([0, 0]);
      }
    }, 420_000);
  });
});

/** Posts a file as a batch, from a process of its own: this one has to look at the clock meanwhile. */
async function sent(url: string, file: string): Promise<{ status: number; retryAfter: string | null; stored: number }> {
  const source = `
    import { readFileSync } from 'node:fs';
    const [, url, file] = process.argv;
    const headers = { 'content-type': 'application/json' };
    const answer = await fetch(url + '/v1/commands:batch', { method: 'POST', headers, body: readFileSync(file) });
    const { outcomes = [] } = await answer.json();
    const stored = outcomes.filter(({ status }) => status === 201).length;
    console.log(JSON.stringify({ status: answer.status, retryAfter: answer.headers.get('retry-after'), stored }));`;
  const { stdout } = await execute(process.execPath, ['--input-type=module', '-e', source, url, file]);
  return JSON.parse(stdout) as { status: number; retryAfter: string | null; stored: number };
}

describe('ten batches of 60 MB at once', () => {
  it('are refused beyond the bound, while other requests are answered within a second', async () => {
    const database = await createTestDatabase();
    const app = await App.start('operations', database.url);
    const folder = mkdtempSync(join(tmpdir(), 'yad-batches-'));
    try {
      const description = 'x'.repeat(6500);
      const fileOf = (name: number): string => {
        const items = Array.from({ length: 9000 }, (_, i) => ({
          command: 'OpenCase',
          input: { id: newId(), kind: 'question', channel: 'web', priority: 'normal', title: `t ${i}`, description },
        }));
        const file = join(folder, `${name}.json`);
        writeFileSync(file, JSON.stringify({ items }));
        return file;
      };
      const files = Array.from({ length: 10 }, (_, at) => fileOf(at));
      expect(statSync(files[0]!).size).toBeGreaterThan(58_000_000);
      let open = true;
      const waits: number[] = [];
      const others = (async () => {
        while (open) {
          const began = performance.now();
          const { status } = await app.get('/v1/audit/events?limit=1', 30_000);
          expect(status).toBe(200);
          waits.push(performance.now() - began);
          await sleep(50);
        }
      })();
      const answers = await Promise.all(files.map((file) => sent(app.url, file)));
      open = false;
      await others;
      const statuses = answers.map(({ status }) => status).toSorted();
      expect(statuses.filter((status) => status !== 200 && status !== 503)).toEqual([]);
      expect(statuses[0]).toBe(200);
      expect(statuses.filter((status) => status === 503).length).toBeGreaterThanOrEqual(5);
      for (const { status, retryAfter, stored } of answers) {
        expect({ retryAfter, stored }).toEqual(
          status === 503 ? { retryAfter: '1', stored: 0 } : { retryAfter: null, stored: 9000 },
        );
      }
      waits.sort((a, b) => a - b);
      // But for what a machine with two cores does beside it.
      expect(waits[Math.floor(waits.length * 0.95)]).toBeLessThan(1000);
      // The next finds room again.
      expect((await sent(app.url, fileOf(10))).status).toBe(200);
      console.log(`ten batches: ${statuses.join(', ')}; others waited at most ${waits.at(-1)!.toFixed(0)} ms`);
    } finally {
      await app.stop();
      await database.drop();
      rmSync(folder, { recursive: true, force: true });
    }
    expect((await app.program.ended).code).toBe(0);
  }, 240_000);
});
