import { afterAll, beforeAll, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { createTestDatabase } from '../../../test/support/postgres.js';
import { encodeArray, type ArrayType } from './arrays.js';
import { copyIn, CopyRows, type CopyType } from './copy-rows.js';
import { createPool, inTransaction, type Pool } from './pool.js';

let database: Awaited<ReturnType<typeof createTestDatabase>>;
let pool: Pool;
beforeAll(async () => {
  database = await createTestDatabase();
  pool = createPool(database.url);
});
afterAll(async () => {
  await pool.end();
  await database.drop();
});

const int = (bits: number) => fc.integer({ min: -(2 ** (bits - 1)), max: 2 ** (bits - 1) - 1 });
const text = fc.string({ unit: 'grapheme', maxLength: 200 }).map((value) => value.replaceAll('\0', ''));
const decimalText = fc
  .tuple(fc.boolean(), fc.bigInt({ min: 0n, max: 10n ** 30n }), fc.stringMatching(/^\d{0,12}$/))
  .map(([negative, whole, part]) => `${negative ? '-' : ''}${whole}${part === '' ? '' : `.${part}`}`);
const instant = fc.date({
  min: new Date('1000-01-01T00:00:00Z'),
  max: new Date('9998-12-31T00:00:00Z'),
  noInvalidDate: true,
});

/** Each way into a COPY, the column's type, and the same value as an array's element with the cast that it needs. */
const columns: {
  copy: CopyType;
  sql: string;
  value: fc.Arbitrary<any>;
  array: ArrayType;
  element?: (value: any) => unknown;
}[] = [
  { copy: 'text', sql: 'text', value: text, array: 'text' },
  { copy: 'uuid', sql: 'uuid', value: fc.uuid(), array: 'uuid' },
  { copy: 'int2', sql: 'int2', value: int(16), array: 'int2' },
  { copy: 'int4', sql: 'int4', value: int(32), array: 'int4' },
  { copy: 'int8', sql: 'int8', value: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), array: 'int8' },
  { copy: 'bool', sql: 'bool', value: fc.boolean(), array: 'bool' },
  { copy: 'timestamptz', sql: 'timestamptz', value: instant, array: 'timestamptz' },
  { copy: 'date', sql: 'date', value: instant.map((date) => date.toISOString().slice(0, 10)), array: 'date' },
  { copy: 'json', sql: 'json', value: text.map((value) => JSON.stringify({ value })), array: 'json' },
  { copy: 'jsonb', sql: 'jsonb', value: text.map((value) => JSON.stringify([value])), array: 'jsonb' },
  { copy: 'bytea', sql: 'bytea', value: fc.uint8Array().map((bytes) => Buffer.from(bytes)), array: 'bytea' },
  { copy: 'numeric', sql: 'numeric', value: decimalText, array: 'text' },
  { copy: 'float8', sql: 'double precision', value: fc.double({ noNaN: true }), array: 'text', element: String },
  {
    copy: 'raw',
    sql: 'text[]',
    value: fc.array(text, { minLength: 1 }).map((items) => encodeArray('text', items)),
    array: 'bytea',
  },
];

it('carries every value as a parameter does', async () => {
  const names = columns.map((_, at) => `c${at}`).join(', ');
  const row = fc.tuple(...columns.map(({ value }) => fc.option(value)));
  await fc.assert(
    fc.asyncProperty(fc.array(row, { minLength: 1, maxLength: 40 }), (rows) =>
      inTransaction(pool, async (client) => {
        await client.query(
          `create temp table copied (n serial, ${columns.map(({ sql }, at) => `c${at} ${sql}`)}) on commit drop`,
        );
        const copied = new CopyRows();
        for (const values of rows) {
          copied.row(columns.length);
          columns.forEach(({ copy }, at) => copied.field(copy, values[at]));
        }
        expect(copied.count).toBe(rows.length);
        await copyIn(client, 'copied', names, copied.take());
        expect(copied.count).toBe(0);
        for (const [at, { copy, sql, array, element = (value: unknown) => value }] of columns.entries()) {
          const values = rows.map((given) => given[at]);
          const { rows: found } = await client.query<any>(`select c${at}::text as found from copied order by n`);
          if (copy === 'raw') {
            expect(found.map((each: any) => each.found === null)).toEqual(values.map((value) => value === null));
            continue;
          }
          const wanted = await client.query<any>(
            `select v::${sql}::text as found from unnest($1::${array}[]) with ordinality as u(v, n) order by n`,
            [
              encodeArray(
                array,
                values.map((value) => (value === null ? null : element(value))),
              ),
            ],
          );
          expect([sql, found]).toEqual([sql, wanted.rows]);
        }
      }),
    ),
    { numRuns: 40 },
  );
});

it('goes on over the bounds of its chunks', async () => {
  const copied = new CopyRows();
  const long = 'é'.repeat(100_000);
  for (let n = 0; n < 5_000; n++) {
    copied.row(2);
    copied.field('int4', n);
    copied.field('text', n % 1000 === 0 ? long : `row ${n}`);
  }
  await inTransaction(pool, async (client) => {
    await client.query(`create temp table copied (n int, t text) on commit drop`);
    await copyIn(client, 'copied', 'n, t', copied.take());
    const { rows } = await client.query<any>(
      `select count(*)::int as rows, sum(n)::int as sum, count(*) filter (where t = $1)::int as long from copied`,
      [long],
    );
    expect(rows[0]).toEqual({ rows: 5_000, sum: 12_497_500, long: 5 });
  });
});

it('refuses what is not of the type, and leaves the transaction to its owner', async () => {
  const copied = new CopyRows();
  copied.row(1);
  for (const wrong of ['', '-', '1e5', '1.2.3', 'NaN', '٣']) {
    expect(() => copied.field('numeric', wrong)).toThrow(RangeError);
  }
  expect(() => copied.field('uuid', '0198f3a0')).toThrow(RangeError);
  const refused = inTransaction(pool, async (client) => {
    await client.query(`create temp table copied (n int primary key) on commit drop`);
    const twice = new CopyRows();
    for (let i = 0; i < 2; i++) {
      twice.row(1);
      twice.field('int4', 7);
    }
    await copyIn(client, 'copied', 'n', twice.take());
  });
  await expect(refused).rejects.toMatchObject({ code: '23505' });
  expect((await pool.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
});
