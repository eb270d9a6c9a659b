import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import type { ReadModels } from '#platform/projections/definition/query.js';
import { fillReadModels } from '#test/fixtures/growth.fixture.js';
import { createTestDatabase } from '../../test/support/postgres.js';
import { queries } from './index.js';

/** Pages of 8 kB that a list of 100 may look at, whatever it is asked for: fifteen a row; with merged contacts, thirty. */
const MOST = 1_500;
const MOST_WITH_MERGES = 3_000;
/** By recency those who have a tag are looked up one by one: four pages each of 600. */
const LOOKED_UP = 3_000;

const ofCustomers: Record<string, string>[] = [
  {},
  { status: 'blocked' },
  { status: 'active' },
  { kind: 'organisation' },
  { stage: 'lapsed' },
  { owner: 'rare' },
  { owner: 'staff4' },
  { tag: 'gem' },
  { tag: 'club' },
  { tag: 'news' },
  { tag: 'gem', status: 'active' },
];
const filters: Record<string, Record<string, string>[]> = {
  Customers: ['id', 'name', 'recency'].flatMap((sort) => ofCustomers.map((filter) => ({ sort, ...filter }))),
  // A third of all events are hers.
  CustomerTimeline: [{ id: '$one' }, { id: '$one', to: '2026-01-01T00:00:00Z' }],
  Orders: [{}, { status: 'on-hold' }, { kind: 'adjustment' }, { currency: 'CHF' }, { number: 'N77' }],
  Returns: [{}, { status: 'denied' }, { currency: 'CHF' }],
  Cases: [{}, { status: 'snoozed' }, { open: 'true' }, { kind: 'incident' }, { queue: 'rare' }, { assignee: 'rare' }],
};

describe.each([
  ['without merges', { merged: 0, attached: 0 }, MOST],
  ['with a tenth of all contacts merged', { merged: 10, attached: 4_000 }, MOST_WITH_MERGES],
])('lists over 20,000 customers %s', (_title, merges, most) => {
  let database: Awaited<ReturnType<typeof createTestDatabase>>;
  let client: pg.Client;
  beforeAll(async () => {
    database = await createTestDatabase();
    client = new pg.Client({ connectionString: database.url });
    client.on('error', () => {});
    await client.connect();
    await fillReadModels(client, { customers: 20_000, ...merges });
  }, 120_000);
  afterAll(async () => {
    await client.end();
    await database.drop();
  });

  it.each(Object.entries(filters).flatMap(([name, all]) => all.map((filter) => [name, filter] as const)))(
    '%s %j: the first pages read no more than their rows, on one processor',
    async (name, given) => {
      const { rows } = await client.query(`select md5('c1')::uuid as id`);
      const filter = given['id'] ? { ...given, id: rows[0].id } : given;
      const query = queries.find((each) => each.name === name)!;
      const cost = { pages: 0, plans: '' };
      const read: ReadModels = {
        rows: async (sql, values = []) => {
          const explained = await client.query(`explain (analyze, buffers, format json) ${sql}`, [...values]);
          const { Plan } = explained.rows[0]['QUERY PLAN'][0];
          cost.pages += Plan['Shared Hit Blocks'] + Plan['Shared Read Blocks'];
          cost.plans += JSON.stringify(Plan);
          return (await client.query(sql, [...values])).rows;
        },
      };
      const ask = async (after?: (string | number)[]): Promise<any> =>
        query.run(query.parameters.parse(filter), { read, after, now: new Date('2026-06-01T00:00:00Z') });
      let { next } = await ask();
      const first = cost.pages;
      // On through the list, as somebody does who walks it.
      for (let page = 0; next && page < 3; page++) ({ next } = await ask(next));
      const isLookedUp = given['sort'] === 'recency' && given['tag'] === 'club';
      const bound = isLookedUp ? Math.max(most, LOOKED_UP) : most;
      expect({ first, isLittle: first < bound }).toEqual({ first, isLittle: true });
      const rest = cost.pages - first;
      expect({ rest, isLittle: rest < 3 * bound }).toEqual({ rest, isLittle: true });
      expect(cost.plans).not.toContain('Gather');
    },
    60_000,
  );
});
