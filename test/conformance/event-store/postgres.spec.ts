import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { PostgresEventStore } from '#platform/event-store/postgres/postgres-event-store.adapter.js';
import { statements } from '#platform/event-store/postgres/statements.js';
import { migrate } from '#platform/postgres/migrations.js';
import { createPool } from '#platform/postgres/pool.js';
import { createTestDatabase } from '../../support/postgres.js';
import { aRequest, anEvent, eventStoreConformance, thing } from './event-store.conformance.js';

const databases: { drop(): Promise<void> }[] = [];
afterAll(async () => {
  for (const database of databases) await database.drop();
});

async function aDatabase(): Promise<string> {
  const database = await createTestDatabase();
  databases.push(database);
  return database.url;
}

eventStoreConformance('PostgreSQL', async (clock) => PostgresEventStore.connect({ url: await aDatabase(), clock }));

describe('event store: what the database itself sees to', () => {
  let store: PostgresEventStore;
  let client: pg.Client;
  beforeAll(async () => {
    const url = await aDatabase();
    store = await PostgresEventStore.connect({ url });
    client = new pg.Client({ connectionString: url });
    await client.connect();
    for (let i = 0; i < 30; i++) {
      await store.append(Array.from({ length: 100 }, (_, n) => aRequest(thing(`${i}-${n}`), 0, 2)));
    }
  });
  afterAll(async () => {
    await client.end();
    await store.close();
  });

  it.each(['update store.events set type = type', 'delete from store.events', 'truncate store.events'])(
    'refuses: %s',
    async (sql) => {
      await expect(client.query(sql)).rejects.toThrow('events are never changed');
    },
  );

  it('tells who listens in other processes, after the last of many commits too', async () => {
    await client.query('listen yad_events');
    let [seen, wake] = [0n, (): void => {}];
    client.on('notification', async () => {
      const { rows } = await client.query<any>('select max(position)::text as position from store.events');
      seen = BigInt(rows[0].position);
      wake();
    });
    let last = 0n;
    for (let n = 0; n < 40; n++) {
      const [outcome] = await store.append([aRequest(thing(`told-${n}`))]);
      if (outcome!.kind === 'stored') last = outcome!.position;
    }
    // Nobody asks again: a commit that was left unsaid would be waited for until the test's time is up.
    while (seen < last) await new Promise<void>((resolve) => (wake = resolve));
    client.removeAllListeners('notification');
    await client.query('unlisten yad_events');
  });

  it('trusts what a connection has stored no longer than the connection lives', async () => {
    const url = await aDatabase();
    const [restored, admin] = [await PostgresEventStore.connect({ url }), createPool(url, { max: 1 })];
    await restored.append([aRequest(thing('kept')), aRequest(thing('lost'), 0, 2)]);
    expect(await restored.append([aRequest(thing('lost'), 2)])).toMatchObject([{ kind: 'stored' }]);
    // As after a fail-over that lost the last moment, or from an older backup.
    await admin.query(`begin; set local session_replication_role = replica;
      delete from store.events where aggregate_id = '${thing('lost').aggregateId}' and revision > 0; commit`);
    await admin.query(`select pg_terminate_backend(pid) from pg_stat_activity
      where application_name = 'yad store: append' and datname = current_database()`);
    await admin.end();
    const lost = aRequest(thing('lost'), 3);
    await new Promise((resolve) => setTimeout(resolve, 100));
    await restored.append([aRequest(thing('new'))]);
    expect(await restored.append([lost, aRequest(thing('kept'), 1)])).toMatchObject([
      { kind: 'conflict', stream: thing('lost') },
      { kind: 'stored' },
    ]);
    await restored.close();
  });

  it.each(['store/0001-events', 'store/0100-log', 'store/0200-log'])(
    'refuses a log of before, %s, and leaves it as it is',
    async (name) => {
      const url = await aDatabase();
      const old = createPool(url, { max: 1 });
      await migrate(old, [{ name, sql: 'create schema store; create table store.events ()' }]);
      await expect(PostgresEventStore.connect({ url })).rejects.toThrow('this log was made by an earlier Yad');
      expect(
        (await old.query('select count(*)::int as n from pg_tables where schemaname = $1', ['store'])).rows,
      ).toEqual([{ n: 1 }]);
      await old.end();
    },
  );

  it('starts several processes on one new database at once', async () => {
    const url = await aDatabase();
    const stores = await Promise.all([1, 2, 3].map(() => PostgresEventStore.connect({ url })));
    await Promise.all(stores.map((each) => each.close()));
  });

  // What keeps cost flat as the log grows. The plans are made on an empty database, as in a process that starts on one
  // and keeps them: a plan that reads the whole table is cheapest there, and ruinous later.
  it.each(Object.values(statements))(
    'plans $name by an index alone, even while the log is empty',
    async (statement) => {
      const url = await aDatabase();
      const pool = createPool(url, { max: 1, indexesOnly: true });
      const empty = await PostgresEventStore.connect({ url });
      try {
        const { name, text, parameters, index } = statement;
        await pool.query(`prepare "${name}"${parameters && `(${parameters})`} as ${text}`);
        const given = parameters.split(', ').map((type) => VALUES[type] ?? '');
        const { rows } = await pool.query(
          `explain (format json) execute "${name}"${parameters && `(${given.join(', ')})`}`,
        );
        const plan = JSON.stringify(rows[0]['QUERY PLAN']);
        expect(plan).toContain(index);
        expect(plan).not.toContain('Seq Scan');
      } finally {
        await empty.close();
        await pool.end();
      }
    },
  );

  it('asks for receipts and subjects at a cost that does not grow with the log', async () => {
    const touched = async (sql: string): Promise<number> => {
      const { rows } = await client.query(`explain (analyze, buffers, format json) ${sql}`);
      const top = rows[0]['QUERY PLAN'][0].Plan;
      return top['Shared Hit Blocks'] + top['Shared Read Blocks'];
    };
    const { rows } = await client.query(`select command_id, subject from store.events order by position limit 1`);
    const { command_id: id, subject } = rows[0];
    const own = thing('long').aggregateId;
    const events = Array.from({ length: 3000 }, (_, revision) => anEvent(thing('long'), revision, { subject: own }));
    const [last] = await store.append([{ ...aRequest(thing('long')), events }]);
    if (last?.kind !== 'stored') throw new Error('not stored');
    const firstPosition = last.position - 2_999n;
    await client.query('set enable_seqscan = off');
    // By types a span is looked at and no more: it is the span that costs, wherever in the log.
    for (const at of [0n, 2_900n]) {
      const ofTypes = statements.readTypes.text
        .replaceAll('$1', String(firstPosition + at))
        .replaceAll('$2', String(firstPosition + at + 50n))
        .replaceAll('$3', `'{nothing}'`)
        .replaceAll('$4', `'{nothing.}'`)
        .replaceAll('$5', '1000')
        .replaceAll('$6', '4096');
      expect(await touched(ofTypes)).toBeLessThan(30);
    }
    const receipts = statements.receipts.text.replaceAll('$1', `'{${id}}'`);
    expect(await touched(receipts)).toBeLessThan(30);
    const page = (of: string, after: bigint, through: bigint): string =>
      statements.readSubjects.text
        .replace('$1', `'{${of}}'`)
        .replaceAll('$2', String(after))
        .replaceAll('$3', String(through))
        .replaceAll('$4', '9')
        .replaceAll('$5', '4096');
    expect(await touched(page(subject, 0n, 99_999n))).toBeLessThan(30);
    // A stream as it was early in its life, as auditors ask for it: what came after is not looked at.
    const through = statements.readStreamThrough.text
      .replaceAll('$1', `'thing'`)
      .replaceAll('$2', `'${own}'`)
      .replaceAll('$3', '0')
      .replaceAll('$4', String(firstPosition + 5n))
      .replaceAll('$5', '1000')
      .replaceAll('$6', '4096');
    expect(await touched(through)).toBeLessThan(100);
    const spans = statements.readStreams.text
      .replace('$1', `'{thing,thing}'`)
      .replace('$2', `'{${own},${thing('0-0').aggregateId}}'`)
      .replace('$3', `'{0,0}'`)
      .replaceAll('$4', '16')
      .replaceAll('$5', '4096');
    expect(await touched(spans)).toBeLessThan(40);
    // Anywhere in a stream of thousands, a page costs a search of it.
    for (const at of [0n, 1_500n, 2_990n]) {
      expect(await touched(page(own, firstPosition + at, 99_999n))).toBeLessThan(150);
      expect(await touched(page(own, firstPosition + at, firstPosition + at + 5n))).toBeLessThan(150);
    }
  });
});

const VALUES: Record<string, string> = {
  bigint: '0',
  int: '10',
  text: `'a'`,
  'text[]': `'{a,b}'`,
  'int[]': `'{1,2}'`,
  bool: 'true',
  'bigint[]': `'{1,2}'`,
  uuid: `'0198f3a0-1b2c-7d3e-8f40-123456789abc'`,
  'uuid[]': `'{0198f3a0-1b2c-7d3e-8f40-123456789abc}'`,
  'bytea[]': `'{\\\\x01}'`,
};
