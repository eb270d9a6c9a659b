import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { PostgresEventStore } from '#platform/event-store/postgres/postgres-event-store.adapter.js';
import { createTestDatabase } from '../../support/postgres.js';
import { aRequest, eventStoreConformance } from './event-store.conformance.js';

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
      await store.append(Array.from({ length: 100 }, (_, n) => aRequest(`thing-${i}-${n}`, 0, 2)));
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

  it('starts several processes on one new database at once', async () => {
    const url = await aDatabase();
    const stores = await Promise.all([1, 2, 3].map(() => PostgresEventStore.connect({ url })));
    await Promise.all(stores.map((each) => each.close()));
  });

  // The plans that keep cost flat as the log grows: each look-up is one index, and none reads the table.
  it.each([
    ['the head', `select position, recorded_at from store.events order by position desc limit 1`, 'events_pkey'],
    [
      'a page',
      `select * from store.events where position > 10 and position <= 99999 order by position limit 100`,
      'events_pkey',
    ],
    [
      'a stream',
      `select * from store.events where stream = 'thing-1-1' and revision >= 0 and position <= 99 order by revision limit 9`,
      'events_stream_revision',
    ],
    [
      'a subject',
      `select * from store.events where subject = '0198f3a0-1b2c-7d3e-8f40-123456789abc' and position > 5 order by position limit 9`,
      'events_subject',
    ],
    [
      'a predecessor',
      `select 1 from unnest('{a}'::text[], '{1}'::int[]) a(stream, revision) where (select e.revision from store.events e where e.stream = a.stream and e.revision = a.revision) is null`,
      'events_stream_revision',
    ],
    [
      'a receipt',
      `select e.stream from store.events e where e.command_id = any('{0198f3a0-1b2c-7d3e-8f40-123456789abc}'::uuid[]) and e.ordinal = 0`,
      'events_command_ordinal',
    ],
  ])('reads %s by an index alone', async (_what, sql, index) => {
    const { rows } = await client.query(`explain (format json) ${sql}`);
    const plan = JSON.stringify(rows[0]['QUERY PLAN']);
    expect(plan).toContain(index);
    expect(plan).not.toContain('Seq Scan');
  });
});
