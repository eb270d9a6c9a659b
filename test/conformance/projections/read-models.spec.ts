import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import { BeingBuilt, TookTooLong } from '#platform/kernel/errors.js';
import { migrate } from '#platform/postgres/migrations.js';
import { createPool, type Pool } from '#platform/postgres/pool.js';
import type { ReadModels } from '#platform/projections/definition/query.js';
import { bigint, text, uuid } from '#platform/projections/definition/columns.js';
import { table } from '#platform/projections/definition/table.js';
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
    const { answer: states } = await read.inSnapshot([], false, async (inside) => inside.states!);
    const { now, changedAfter } = states([projection({ name: 'colours', version: 2, tables: [], on: [] })]);
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

  describe('in one snapshot', () => {
    const Palette = table('palette', { about: 'Colours of a painter', columns: { colour: text().key() } });
    const palette = projection({ name: 'palette', version: 1, tables: [Palette], on: [] });
    const write = (n: number) => `begin;
      insert into analytics.palette_rows values ('colour ${n}');
      update projections.checkpoints set position = ${n} where projection = 'palette';
      commit`;
    beforeEach(async () => {
      await pool.query(`create table analytics.palette_rows (colour text);
        create view analytics.palette as select * from analytics.palette_rows;
        insert into projections.builds (projection, generation, version, schema, status) values ('palette', 1, 1, 's', 'live');
        insert into projections.checkpoints (projection, generation, partition, position, epoch) values ('palette', 1, 0, 0, 0)`);
    });
    const count = async (inside: ReadModels): Promise<number> =>
      Number((await inside.rows('select count(*) as n from palette'))[0]!['n']);

    it('all statements see the same rows, and the checkpoints that go with them, whatever is written meanwhile', async () => {
      let writing = true;
      let written = 0;
      const writer = (async () => {
        while (writing) await pool.query(write(++written));
      })();
      for (let time = 0; time < 50; time++) {
        const { answer, checkpoints } = await read.inSnapshot([palette], false, async (inside) => {
          const first = await count(inside);
          await sleep(2);
          return [first, await count(inside), await count(inside)];
        });
        const position = Number(checkpoints.get('palette')!.get(0));
        expect(answer).toEqual([position, position, position]);
      }
      writing = false;
      await writer;
      // Else nothing was written meanwhile.
      expect(written).toBeGreaterThan(50);
    });

    it('says where the projections stand also where nothing is read', async () => {
      await pool.query(write(7));
      const { answer, checkpoints } = await read.inSnapshot([palette], false, async () => 'nothing');
      expect([answer, checkpoints]).toEqual(['nothing', new Map([['palette', new Map([[0, 7n]])]])]);
    });

    describe('where events are set aside', () => {
      const Past = table('belongings_past', { about: 'Whose it was', columns: { since: bigint(), until: bigint() } });
      const history = { table: Past, since: 'since', until: 'until' };
      const Belonging = table('belongings', { about: 'Whose it is', columns: { owner: uuid() }, history });
      const belongings = projection({ name: 'belongings', version: 1, tables: [Belonging, Past], on: [] });
      const park = (name: string, subject: string) =>
        pool.query(`insert into projections.dead_letters
            (projection, generation, position, subject, event_id, event_type, error, cause)
          values ('${name}', 1, 5, '${subject}', 'e', 't', 'broken', true)`);
      const isIncomplete = async (subjects?: readonly string[]): Promise<boolean> => {
        const about = subjects && (async () => subjects);
        return (await read.inSnapshot([palette, belongings], false, async () => 'answer', about)).isIncomplete;
      };
      beforeEach(() =>
        pool.query(`create view analytics.belongings as select 1; create view analytics.belongings_past as select 1;
          insert into projections.builds (projection, generation, version, schema, status)
            values ('belongings', 1, 1, 's', 'live')`),
      );

      it('says of answers about those concerned, and about everybody, that they are incomplete', async () => {
        expect([await isIncomplete(), await isIncomplete(['ann'])]).toEqual([false, false]);
        await park('palette', 'ann');
        expect([await isIncomplete(), await isIncomplete(['ben', 'ann']), await isIncomplete(['ben'])]).toEqual([
          true,
          true,
          false,
        ]);
        await pool.query(`update projections.builds set status = 'previous' where projection = 'palette'`);
        expect(await isIncomplete(['ann'])).toBe(false);
      });

      it('says it of all where what was set aside may tell that others belong to those', async () => {
        await park('belongings', 'ann');
        expect(await isIncomplete(['ben'])).toBe(true);
      });
    });

    it('says which version made the rows, also while a newer one is being built', async () => {
      await pool.query(`insert into projections.builds (projection, generation, version, schema, status)
        values ('palette', 2, 2, 't', 'building')`);
      const newer = projection({ name: 'palette', version: 2, tables: [Palette], on: [] });
      const { versions } = await read.inSnapshot([newer], false, async () => 'nothing');
      expect(versions).toEqual(new Map([['palette', 1]]));
    });

    it('a swap of what may be read waits for the end, also before the first statement on it', async () => {
      const swap = `begin; set local lock_timeout = '50ms';
        create or replace view analytics.palette as select * from analytics.palette_rows where false; commit`;
      await read.inSnapshot([palette], false, async (inside) => {
        await inside.rows('select 1');
        await expect(pool.query(swap)).rejects.toMatchObject({ code: '55P03' });
        await pool.query('rollback');
      });
      await pool.query(swap);
    });

    it('runs again whole where a view was swapped since its statement was prepared', async () => {
      let runs = 0;
      const ask = () =>
        read.inSnapshot([palette], false, async (inside) => {
          runs++;
          await inside.rows('select 1 as one');
          return inside.rows('select * from palette');
        });
      await ask();
      await pool.query(`drop view analytics.palette;
        create view analytics.palette as select colour, true as warm from analytics.palette_rows`);
      await pool.query(write(1));
      expect([(await ask()).answer, runs]).toEqual([[{ colour: 'colour 1', warm: true }], 3]);
    });

    it('does without a view that comes with a newer version, until it is read', async () => {
      const Frames = table('frames', { about: 'Not built yet', columns: { frame: text().key() } });
      const wider = projection({ name: 'palette', version: 2, tables: [Palette, Frames], on: [] });
      const counted = await read.inSnapshot([wider], false, count);
      expect(counted.answer).toBe(0);
      await expect(read.inSnapshot([wider], false, (inside) => inside.rows('select * from frames'))).rejects.toThrow();
    });

    it('tells why there is no connection, also where nothing was read', async () => {
      const other = await openReadModels(database.url, []);
      await other.close();
      await expect(other.inSnapshot([palette], false, async () => 'nothing')).rejects.toThrow(/pool/);
    });

    it('gives its connection back when the work fails, and tells the first error', async () => {
      for (let time = 0; time < 5; time++) {
        const failing = read.inSnapshot([palette], false, (inside) =>
          Promise.all([inside.rows('select 1 / 0'), inside.rows('select 1'), inside.rows('select nothing')]),
        );
        await expect(failing).rejects.toMatchObject({ code: '22012' });
      }
      expect((await read.inSnapshot([palette], false, count)).answer).toBe(0);
    });
  });

  it('stops what takes too long, says so, and answers what was asked beside it', async () => {
    const asked = await Promise.allSettled([colours(), read.rows('select pg_sleep(5)'), colours()]);
    expect(asked[1]).toEqual({ status: 'rejected', reason: new TookTooLong() });
    expect(asked.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  });

  it('gives heavy questions more time, on connections that light ones do not wait for', async () => {
    const order: string[] = [];
    const note = (name: string) => (): number => order.push(name);
    const heavily = (sql: string) => read.inSnapshot([], true, (inside) => inside.rows(sql));
    const heavy = Array.from({ length: 4 }, () => heavily('select pg_sleep(0.4)').then(note('heavy')));
    await sleep(20);
    await colours().then(note('light'));
    await Promise.all(heavy);
    expect(order).toEqual(['light', 'heavy', 'heavy', 'heavy', 'heavy']);
    await expect(heavily('select pg_sleep(5)')).rejects.toEqual(new TookTooLong());
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
