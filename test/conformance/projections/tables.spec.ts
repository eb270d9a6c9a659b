import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { erased } from '#platform/kernel/erased.js';
import { answersFrom } from '#platform/projections/definition/selection.js';
import { openReadModels, type TypeOrmReadModels } from '#platform/projections/queries/read-models.js';
import { entityOf } from '#platform/projections/tables/entity.js';
import {
  CountsByDay,
  counted,
  counts,
  Entries,
  feed,
  noted,
  PARTITIONS,
  subjectOf,
  timeline,
  World,
} from './fixture.js';

const day = '2026-01-01';
const subject = subjectOf(1);

describe('a table of a live build', () => {
  let world: World;
  let read: TypeOrmReadModels;
  beforeAll(async () => {
    world = await World.create();
    const group = await world.group(counts(), timeline());
    await world.append(1, counted({ amount: '1.50', day }));
    await world.append(1, noted({ text: 'a word' }));
    await world.append(1, noted({ text: erased }));
    const partitions = Array.from({ length: PARTITIONS }, (_, n) => n);
    await feed(group, { messages: await world.messages(), partitions });
    read = await openReadModels(world.url, [counts(), timeline()]);
  });
  afterAll(async () => {
    await read?.close();
    await world?.close();
  });

  it('is answered by its fields', async () => {
    const found = await answersFrom(read, CountsByDay, 'where subject = $1', [subject]);
    expect(found).toEqual([
      {
        ...{ day, events: 1, total: '1.5', lastPosition: '1', amounts: ['v1:1.50'] },
        lastAt: expect.stringMatching(/^2026-01-01T.*Z$/),
      },
    ]);
    expect(z.array(z.strictObject(CountsByDay.fields)).parse(found)).toEqual(found);
    const texts = (await answersFrom(read, Entries, 'order by position')).map(({ text }) => text);
    expect(texts).toEqual([null, 'a word', erased]);
  });

  it('is read by TypeORM as folds have it', async () => {
    const [row] = await read.dataSource.getRepository(entityOf(CountsByDay)).find();
    expect(row).toEqual({
      ...{ subject, day, events: 1, total: '1.50', last_position: 1n, amounts: ['v1:1.50'] },
      last_at: expect.any(Date),
    });
    const entries = await read.dataSource.getRepository(entityOf(Entries)).find({ order: { position: 'ASC' } });
    expect(entries.map(({ text }) => text)).toEqual([null, 'a word', erased]);
  });

  it('says what it holds to whoever looks at it with psql', async () => {
    const { rows } = await world.pool.query<{ about: string; column: string; words: string }>(
      `select obj_description(c.oid, 'pg_class') as about, attname as column, col_description(c.oid, attnum) as words
         from pg_class c join pg_namespace n on n.oid = relnamespace join pg_attribute a on a.attrelid = c.oid
        where relname in ('counts_by_day', 'entries') and nspname = 'analytics' and attname in ('total', 'text') order by 2`,
    );
    expect(rows).toEqual([
      { about: 'What happened', column: 'text', words: 'Personal.' },
      { about: 'Counts by customer and day', column: 'total', words: "What a day's amounts come to" },
    ]);
  });
});
