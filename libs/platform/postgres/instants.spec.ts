import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { createTestDatabase } from '../../../test/support/postgres.js';
import { encodeArray } from './arrays.js';
import { copyIn, CopyRows } from './copy-rows.js';
import { fitsTimestamp, instantOfText, writeInstant } from './instants.js';
import { createPool, inTransaction, type Pool } from './pool.js';

/** All dates that PostgreSQL can hold, most of them from years that somebody names. */
const instant = fc.oneof(
  fc.constantFrom(
    ...[-210_866_803_200_000, 8.64e15, -62_135_596_800_001, -62_167_219_200_000].map((ms) => new Date(ms)),
  ),
  fc.date({ min: new Date(-210_866_803_200_000), noInvalidDate: true }),
  fc.date({ min: new Date('0999-12-31T00:00:00Z'), max: new Date('9999-01-01T00:00:00Z'), noInvalidDate: true }),
);

describe('instants', () => {
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

  it('are written as exact microseconds since 2000', () => {
    fc.assert(
      fc.property(instant, (date) => {
        const out = Buffer.alloc(8);
        writeInstant(out, date, 0);
        expect(out.readBigInt64BE()).toBe((BigInt(date.getTime()) - 946_684_800_000n) * 1000n);
      }),
    );
  });

  it('far dates keep their milliseconds, in arrays and in COPY, whatever the zone that they are read in', async () => {
    const zones = fc.constantFrom('UTC', 'Asia/Tehran', 'Europe/Amsterdam', 'America/St_Johns', 'Pacific/Apia');
    await fc.assert(
      fc.asyncProperty(fc.array(instant, { minLength: 1, maxLength: 50 }), zones, (dates, zone) =>
        inTransaction(pool, async (client) => {
          await client.query(`create temp table kept (n serial, at timestamptz) on commit drop`);
          const rows = new CopyRows();
          for (const date of dates) {
            rows.row(1);
            rows.field('timestamptz', date);
          }
          await copyIn(client, 'kept', 'at', rows.take());
          await client.query(`insert into kept (at) select * from unnest($1::timestamptz[])`, [
            encodeArray('timestamptz', dates),
          ]);
          await client.query(`set local timezone = '${zone}'`);
          const found = await client.query<any>(`select at::text as at from kept order by n`);
          expect(found.rows.map(({ at }: any) => instantOfText(at).getTime())).toEqual(
            [...dates, ...dates].map((date) => date.getTime()),
          );
        }),
      ),
      { numRuns: 30 },
    );
  });

  it('tells apart what the database cannot hold and what is no date', () => {
    expect(fitsTimestamp(new Date(-210_866_803_200_000))).toBe(true);
    for (const date of [new Date(-210_866_803_200_001), new Date(NaN)]) {
      expect(fitsTimestamp(date)).toBe(false);
      expect(() => writeInstant(Buffer.alloc(8), date, 0)).toThrow(RangeError);
    }
    const texts = ['infinity', '-infinity', 'Fri Dec 09 12:50:00 2011 UTC', '09/12/2011 12:50:00+00', ''];
    for (const text of [...texts, '275761-01-01 00:00:00+00']) expect(() => instantOfText(text)).toThrow(RangeError);
  });
});
