import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import { BeingBuilt, TookTooLong } from '#platform/kernel/errors.js';
import { migrate } from '#platform/postgres/migrations.js';
import { createPool, type Pool } from '#platform/postgres/pool.js';
import { projection } from '#platform/projections/definition/projection.js';
import { projectionSchema } from '#platform/projections/projections.migrations.js';
import { openReadModels, type TypeOrmReadModels } from '#platform/projections/queries/read-models.js';
import { createTestDatabase } from '../../support/postgres.js';

describe('reading the read models', () => {
  let database: Awaited<ReturnType<typeof createTestDatabase>>;
  let pool: Pool;
  let read: TypeOrmReadModels;
  beforeEach(async () => {
    database = await createTestDatabase();
    pool = createPool(database.url);
    await migrate(pool, projectionSchema.migrations);
    await pool.query(`create view analytics.colours as select 1 as id, 'red' as colour`);
    const colours = projection({ name: 'colours', version: 2, tables: [], on: [] });
    read = await openReadModels(database.url, [colours], 1, { lightMs: 300, heavyMs: 600 });
  });
  afterEach(async () => {
    await read.close();
    await pool.end();
    await database.drop();
  });

  const colours = () => read.rows('select * from colours where id = $1', [1]);

  it('answers what is asked in one turn, each its own, errors too', async () => {
    const asked = await Promise.allSettled([
      colours(),
      read.rows('select $1::int / 0', [1]),
      read.rows('select $1::text as said', ['yes']),
      read.rows('select nothing'),
      colours(),
    ]);
    expect(asked.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'rejected', 'fulfilled']);
    expect(asked[4]).toEqual({ status: 'fulfilled', value: [{ id: 1, colour: 'red' }] });
  });

  it('goes on when a view is swapped for one with other columns', async () => {
    await colours();
    await pool.query(`drop view analytics.colours;
      create view analytics.colours as select 1 as id, 'red' as colour, true as warm`);
    expect(await Promise.all([colours(), read.rows('select 2 as two'), colours()])).toEqual([
      [{ id: 1, colour: 'red', warm: true }],
      [{ two: 2 }],
      [{ id: 1, colour: 'red', warm: true }],
    ]);
  });

  it('says of what comes with a new version that it is being built, as long as it is', async () => {
    await pool.query(`insert into projections.builds (projection, generation, version, schema, status)
      values ('colours', 1, 1, 'rm_colours_g1', 'live'), ('colours', 2, 2, 'rm_colours_g2', 'building')`);
    expect(await colours()).toHaveLength(1);
    for (const ofTheNew of ['select warm from colours', 'select * from shades']) {
      await expect(read.rows(ofTheNew)).rejects.toEqual(new BeingBuilt(['colours']));
    }
    await pool.query(`update projections.builds set version = 2 where status = 'live'`);
    await expect(read.rows('select warm from colours')).rejects.toMatchObject({ code: '42703' });
  });

  it('tells what may have changed since an earlier state by the partitions that have moved', async () => {
    const beyond = '9223372036854775807';
    await pool.query(`insert into projections.builds (projection, generation, version, schema, status)
      values ('colours', 1, 2, 'rm_colours_g1', 'live'), ('colours', 2, 2, 'rm_colours_g2', 'building'), ('others', 1, 1, 'o', 'live')`);
    await pool.query(`insert into projections.checkpoints (projection, generation, partition, position, epoch)
      values ('colours', 1, 0, 50, 0), ('colours', 1, 1, 0, 0), ('colours', 1, 2, 70, 0), ('colours', 2, 0, 5, 0), ('others', 1, 0, 1, 0)`);
    const { now, changedAfter } = read.states!([projection({ name: 'colours', version: 2, tables: [], on: [] })]);
    const state = async (): Promise<string> => (await read.rows(`select ${now} as state`))[0]!['state'];
    const since = async (earlier: string) =>
      (await read.rows(`select ${changedAfter('$1::text')} as after`, [earlier]))[0]!['after'];
    const first = await state();
    expect(await since(first)).toBe(beyond);
    await pool.query(`update projections.checkpoints set position = 99 where projection = 'others' or generation = 2`);
    expect(await since(first)).toBe(beyond);
    await pool.query(`update projections.checkpoints set position = 90 where generation = 1 and partition = 2`);
    expect(await since(first)).toBe('70');
    await pool.query(`update projections.checkpoints set position = 91 where generation = 1 and partition = 0`);
    expect(await since(first)).toBe('50');
    const second = await state();
    expect(await since(second)).toBe(beyond);
    await pool.query(`update projections.checkpoints set epoch = 1 where projection = 'colours' and generation = 1`);
    expect([await since(first), await since(second)]).toEqual(['-1', '-1']);
    const third = await state();
    await pool.query(`update projections.builds set status = 'previous' where projection = 'colours' and generation = 1;
      update projections.builds set status = 'live' where projection = 'colours' and generation = 2`);
    expect(await since(third)).toBe('-1');
  });

  it('stops what takes too long, says so, and answers what was asked beside it', async () => {
    const asked = await Promise.allSettled([colours(), read.rows('select pg_sleep(5)'), colours()]);
    expect(asked[1]).toEqual({ status: 'rejected', reason: new TookTooLong() });
    expect(asked.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  });

  it('gives heavy questions more time, on connections that light ones do not wait for', async () => {
    const order: string[] = [];
    const note = (name: string) => (): number => order.push(name);
    const heavy = Array.from({ length: 4 }, () => read.heavy!.rows('select pg_sleep(0.4)').then(note('heavy')));
    await sleep(20);
    await colours().then(note('light'));
    await Promise.all(heavy);
    expect(order).toEqual(['light', 'heavy', 'heavy', 'heavy', 'heavy']);
    await expect(read.heavy!.rows('select pg_sleep(5)')).rejects.toEqual(new TookTooLong());
  });

  it('goes on when its connection was cut', async () => {
    await colours();
    await pool.query(`select pg_terminate_backend(pid) from pg_stat_activity
      where application_name = 'yad read models' and datname = current_database()`);
    await new Promise((resolve) => setTimeout(resolve, 50));
    await colours().catch(() => {});
    expect(await colours()).toHaveLength(1);
  });
});
