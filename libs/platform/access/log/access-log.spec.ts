import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createPool, type Pool } from '#platform/postgres/pool.js';
import { createTestDatabase } from '#test/support/postgres.js';
import type { AccessEntry } from '../access-log.js';
import { PostgresAccessEntries } from './postgres-access-entries.adapter.js';

const seen = (actor: string, why: string): AccessEntry => ({
  ...{ outcome: 'seen', actor, roles: ['auditor', 'admin'], operation: 'GetContact', about: 'id=1' },
  ...{ by: 'reveal', why, request: 'r-1', count: 1 },
});

describe('the entries of the access log, in PostgreSQL', () => {
  let database: Awaited<ReturnType<typeof createTestDatabase>>;
  let entries: PostgresAccessEntries;
  let pool: Pool;
  beforeAll(async () => {
    database = await createTestDatabase();
    entries = await PostgresAccessEntries.connect(database.url);
    pool = createPool(database.url);
  }, 60_000);
  afterAll(async () => {
    await entries?.close();
    await pool?.end();
    await database?.drop();
  });

  it('are read as they were written, the newest first, by who asked and in pages without a gap', async () => {
    const many = Array.from({ length: 25 }, (_, at) => seen(at % 2 === 0 ? 'ada' : 'ben', `reason ${at}`));
    await entries.add(many);
    await entries.add([{ outcome: 'unauthenticated', operation: 'GetContact', count: 3 }]);
    const [newest] = await entries.page({ limit: 1 });
    expect(newest).toEqual({
      ...{ outcome: 'unauthenticated', operation: 'GetContact', count: 3 },
      ...{ id: expect.any(String), at: expect.any(Date) },
    });
    const found: string[] = [];
    let before: { at: Date; id: string } | undefined;
    for (;;) {
      const page = await entries.page({ actor: 'ada', before, limit: 4 });
      found.push(...page.map(({ why }) => why!));
      before = page.at(-1);
      if (page.length < 4) break;
    }
    const ofAda = many.filter(({ actor }) => actor === 'ada');
    expect(found).toEqual(ofAda.map(({ why }) => why).toReversed());
    const [first] = await entries.page({ actor: 'ada', limit: 1 });
    expect(first).toMatchObject({ ...ofAda.at(-1), roles: ['auditor', 'admin'] });
    expect(await entries.page({ outcome: 'forbidden', limit: 9 })).toEqual([]);
    expect(await entries.page({ to: new Date(Date.now() - 3_600_000), limit: 9 })).toEqual([]);
  });

  it('are never changed, in whichever partition they are named', async () => {
    await entries.add([seen('ada', 'to stay')]);
    const { rows } = await pool.query<{ name: string }>(
      `select 'access_log.entries' as name union all
       select inhrelid::regclass::text from pg_inherits where inhparent = 'access_log.entries'::regclass`,
    );
    expect(rows.length).toBeGreaterThan(40);
    for (const { name } of rows) {
      for (const sql of [`update ${name} set why = 'another'`, `delete from ${name}`, `truncate ${name}`]) {
        await expect(pool.query(sql)).rejects.toThrow('the access log is never changed');
      }
    }
  });

  it('are kept by the quarter, and a quarter goes as a whole', async () => {
    const partitionOf = async (at: string) =>
      (
        await pool.query<{ name: string }>(
          `insert into access_log.entries (at, outcome, operation, count) values ($1, 'seen', 'x', 1)
           returning tableoid::regclass::text as name`,
          [at],
        )
      ).rows[0]!.name;
    expect(await partitionOf('2026-12-31T23:59:59Z')).toBe('access_log.entries_2026_q4');
    expect(await partitionOf('2027-01-01T00:00:00Z')).toBe('access_log.entries_2027_q1');
    expect(await partitionOf('2040-01-01T00:00:00Z')).toBe('access_log.entries_of_other_times');
    await pool.query('drop table access_log.entries_2027_q1');
    const at = new Date('2027-01-01T00:00:00Z');
    expect(await entries.page({ from: at, to: new Date(at.getTime() + 1), limit: 9 })).toEqual([]);
  });
});
