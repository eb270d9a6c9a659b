import { describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { boolean, count, decimal, personalText, text } from './columns.js';
import { projection } from './projection.js';
import { table } from './table.js';
import { describeTables } from '../tables/describe-tables.js';
import { commentsSql, createIndexesSql, createTableSql } from '../tables/ddl.js';

const Visits = table('visits', {
  about: 'How often a customer came',
  subject: 'The customer',
  columns: {
    shop: text(z.enum(['yazd', 'shiraz'])).key(),
    is_known: boolean().as('known').describe("By the shop's people"),
    spent_there: decimal(),
    remark: personalText().nullable().describe('In a few words'),
    times: count().default(1),
  },
  indexes: [
    ['shop', 'subject'],
    { columns: ['times'], where: 'times > 1' },
    { columns: ['times'], where: 'times > 9' },
  ],
});
const [shape] = describeTables(projection({ name: 'visits', version: 1, tables: [Visits], on: [] }));

describe('a table, from one declaration', () => {
  it('has its columns in the database, the subject first in its key', () => {
    expect(createTableSql(shape!, 's')).toBe(
      'create table "s"."visits" ("subject" uuid not null, "shop" text collate "C" not null, "is_known" boolean not null, ' +
        '"spent_there" numeric not null, "remark" text, "times" integer not null, primary key ("subject", "shop"))',
    );
  });

  it('has an index of its own for each condition', () => {
    const names = createIndexesSql(shape!, 's').map((sql) => /exists (\S+) on/.exec(sql)![1]);
    expect(names[0]).toBe('"visits_shop_subject"');
    expect(new Set(names).size).toBe(3);
  });

  it('says in the database what its columns are, and which are personal', () => {
    expect(commentsSql(shape!, 's').split(';\n')).toEqual([
      `comment on table "s"."visits" is 'How often a customer came'`,
      `comment on column "s"."visits"."subject" is 'The customer'`,
      `comment on column "s"."visits"."is_known" is 'By the shop''s people'`,
      `comment on column "s"."visits"."remark" is 'Personal. In a few words'`,
    ]);
    expect([...Visits.personal]).toEqual(['remark']);
  });

  it('gives the select list and the fields of an answer', () => {
    expect(Visits.select('v')).toBe(
      'v.shop as "shop", v.is_known as "known", trim_scale(v.spent_there)::text as "spentThere", v.remark as "remark", v.times as "times"',
    );
    expect(Visits.select('v', ['known'])).toBe('v.is_known as "known"');
    expect(Visits.column('known')).toBe('is_known');
    const answer = z.strictObject(Visits.fields);
    const shown = { shop: 'yazd', known: true, spentThere: '1.5', remark: null, times: 2 };
    expect(answer.parse(shown)).toEqual(shown);
    expect(answer.parse({ ...shown, remark: { erased: true } })).toMatchObject({ remark: { erased: true } });
    for (const wrong of [{ shop: 'tabriz' }, { spentThere: 1.5 }, { times: -1 }]) {
      expect(answer.safeParse({ ...shown, ...wrong }).success).toBe(false);
    }
    expect(answer.shape.known.description).toBe("By the shop's people");
  });

  it('gives the rows of folds, whose types are those of the columns', () => {
    const subject = '0198f3a0-1b2c-7d3e-8f40-123456789abc';
    const { fold, key } = Visits.change({ subject, shop: 'yazd' }, (row) => {
      const remark: string | null = typeof row?.remark === 'string' ? row.remark : null;
      return { subject, shop: 'yazd', is_known: false, spent_there: '0', remark, times: (row?.times ?? 0) + 1 };
    });
    expect(shape!.row(fold(undefined)!, key, null)).toMatchObject({ is_known: false, times: 1 });
    // @ts-expect-error: the key lacks the shop
    Visits.change({ subject }, () => null);
    // @ts-expect-error: a decimal is no number
    Visits.change({ subject, shop: 'yazd' }, (row) => ({ ...row!, spent_there: 1 }));
  });

  it.each([
    ['a subject of its own', { subject: text() }, "has the column 'subject' already"],
    [
      'two columns that answers would call the same',
      { is_on: text(), state: text().as('isOn') },
      "two columns are shown as 'isOn'",
    ],
    ['a name that needs quotes', { 'is-on': text() }, "'is-on' is not a name"],
  ])('is refused with %s', (_what, columns, message) => {
    expect(() => table('visits', { about: '', columns: columns as Record<string, ReturnType<typeof text>> })).toThrow(
      message,
    );
  });
});
