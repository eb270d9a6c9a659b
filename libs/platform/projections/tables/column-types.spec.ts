import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { createTestDatabase } from '#test/support/postgres.js';
import { encodeArray } from '#platform/postgres/arrays.js';
import { copyIn, CopyRows } from '#platform/postgres/copy-rows.js';
import { createPool, inTransaction, type Pool } from '#platform/postgres/pool.js';
import { day, instant, type ColumnType } from './column-types.js';

describe('columns of dates', () => {
  let database: Awaited<ReturnType<typeof createTestDatabase>>;
  let pool: Pool;
  beforeAll(async () => {
    database = await createTestDatabase();
    pool = createPool(database.url);
  });
  afterAll(async () => {
    await pool?.end();
    await database?.drop();
  });

  it.each<[ColumnType, Date]>([
    [instant, new Date('-004000-01-01T00:00:00Z')],
    [day, new Date('0001-01-01T00:00:00Z')],
  ])('give a far $sql back as it was folded, written either way', async (type, min) => {
    const max = new Date('9999-12-31T23:59:59.999Z');
    const values = fc.array(fc.date({ min, max, noInvalidDate: true }).map(type.canonical), { minLength: 1 });
    await fc.assert(
      fc.asyncProperty(values, (folded) =>
        inTransaction(pool, async (client) => {
          await client.query(`create temp table kept (n serial, at ${type.sql}) on commit drop`);
          const rows = new CopyRows();
          for (const value of folded) {
            rows.row(1);
            rows.field(type.copy, type.copyValue(value));
          }
          await copyIn(client, 'kept', 'at', rows.take());
          const encoded = encodeArray(type.array, folded.map(type.encode));
          await client.query(`insert into kept (at) select * from unnest($1::${type.array}[])`, [encoded]);
          const found = await client.query<any>(`select at::text as at from kept order by n`);
          expect(found.rows.map(({ at }: any) => type.parse(at))).toEqual([...folded, ...folded]);
        }),
      ),
      { numRuns: 30 },
    );
  });

  it('refuse at the fold what the database would refuse or give back as another', () => {
    for (const odd of ['0000-12-31', '10000-01-01', '2026-02-30', new Date('+010000-01-01T00:00:00Z')]) {
      expect(() => day.canonical(odd)).toThrow(TypeError);
    }
    for (const odd of ['infinity', new Date(NaN), new Date('-009000-01-01T00:00:00Z')]) {
      expect(() => instant.canonical(odd)).toThrow(TypeError);
    }
  });
});
