import { describe, expect, it } from '@jest/globals';
import { tablesNamed, withBefore } from './table-names.js';

const tables = new Set(['orders', 'alias', 'odd"name']);
const named = (sql: string) => [...tablesNamed(sql, tables)];

describe('the tables that a text names', () => {
  it('are found wherever they stand, and in whatever spelling', () => {
    expect(named('select * from orders o, ALIAS a')).toEqual(['orders', 'alias']);
    expect(named('select (select count(*) from "orders") as n')).toEqual(['orders']);
    expect(named('select * from "odd""name"')).toEqual(['odd"name']);
    expect(named('select 1 from x left JOIN orders using (id)')).toEqual(['orders']);
    expect(named('select 1 from ((orders) join (alias) on true)')).toEqual(['orders', 'alias']);
  });

  it('are not what stands in a literal or a comment, or is a part of something else', () => {
    expect(named(`select 'from orders', 'it''s orders' -- orders\n /* from alias */ from x`)).toEqual([]);
    expect(named('select d.orders, d . alias, "Orders", orders_of, $1 from d')).toEqual([]);
    expect(named('select sum(orders) as alias from d where orders > 1 order by orders')).toEqual([]);
  });

  it('may be columns in a list too, which only costs something', () => {
    expect(named('select id, orders from x')).toEqual(['orders']);
  });

  it.each([
    'with orders as (select 1) select * from orders',
    'with recursive x as (select 1), "orders" (id) as not materialized (select 1) select 1',
    'with alias as materialized (select 1) select 1',
  ])('are refused where the text has rows of that name of its own: %s', (sql) => {
    expect(() => named(sql)).toThrow(/is the name of a table and of rows of the query's own/);
  });

  it.each(["select E'\\'', * from orders", 'select $$ from orders $$', 'select $a$ from orders $a$'])(
    'are refused in quotes that are not read: %s',
    (sql) => {
      expect(() => named(sql)).toThrow(/is written without/);
    },
  );
});

describe('definitions before a text', () => {
  const ours = ['a as (select 1)', 'b as (select 2)'];

  it('are the first of its own, which may be recursive', () => {
    expect(withBefore('select 1', [])).toBe('select 1');
    expect(withBefore('select 1', ours)).toBe('with a as (select 1),\nb as (select 2)\nselect 1');
    expect(withBefore(' -- why\n with c as (select 3) select 1', ours)).toBe(
      'with a as (select 1),\nb as (select 2),\nc as (select 3) select 1',
    );
    expect(withBefore('WITH RECURSIVE c as (select 3) select 1', ours)).toBe(
      'with recursive a as (select 1),\nb as (select 2),\nc as (select 3) select 1',
    );
    expect(withBefore('select without from x', ours)).toMatch(/^with a .*\nselect without/s);
  });
});
