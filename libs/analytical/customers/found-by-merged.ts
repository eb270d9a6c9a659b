import type { ReadModels } from '#platform/projections/definition/query.js';
import { MERGED, MERGES, SURVIVES } from '../profile/customer.table.js';
import { Conditions } from '../query-parameters.js';
import { by, stretch, type Keyset, type Order, type Parameter } from './list-order.js';
import { bounds, combinations, conditions, given, theCombination, type Filter, type Filters } from './own-page.js';

/** SQL of a step down: `m.subject` of each contact that was merged into one. */
const mergedOf = (survivor: string): string =>
  `lateral (select subject from customers where merged_into = ${survivor} offset 0) m`;

/** SQL: a customer meets a filter by itself, or by a contact that was merged into it, however many merges away. */
const metByFamily = (name: Filter, p: string): string => `(${conditions[name]('c', p)} or exists (
  with recursive down (subject) as (
    select m.subject from ${mergedOf('c.subject')}
    union select m.subject from down cross join ${mergedOf('down.subject')})
  select from down where (select ${conditions[name]('d', p)} from customers d where d.subject = down.subject)))`;

/** SQL of whose the merged contacts are that meet a filter: the contacts that they were merged into. */
const targets = (name: Filter, p: string): string =>
  name === 'tag'
    ? `select merged_into from customer_tags where tag = ${p} and ${MERGED}`
    : `select merged_into from customers where ${name === 'status' ? 'status_before' : name} = ${p} and ${MERGED}`;

/** SQL of the contacts that a merge concerns and that meet one filter. */
function concerned(name: Filter, p: string): string {
  const byWords = (where: string): string => `(with recursive ${combinations('customers', MERGES)}
    select c.subject from p cross join lateral (
      select subject from customers c where ${MERGES} and ${theCombination} limit ${bounds.few}) c where ${where} limit ${bounds.few})`;
  switch (name) {
    case 'kind':
    case 'stage':
      return byWords(`p.${name} = ${p}`);
    case 'status':
      return `(select subject from customers where status_before = ${p} limit ${bounds.few}) union all ${byWords(`p.status = ${p}`)}`;
    case 'owner':
      return `select subject from customers where ${MERGES} and owner = ${p}`;
    case 'tag':
      return `select c.subject from (select subject from customer_tags where tag = ${p} limit ${bounds.few}) g
        cross join lateral (select subject from customers where subject = g.subject and ${MERGES} offset 0) c`;
  }
}

/** By which filter those are found who have merged duplicates. */
export interface Start {
  readonly filter: Filter;
  /** How many contacts that a merge concerns meet it; the bound of the count: that or more. */
  readonly size: number;
}

/** The filter that the fewest of those whom merges concern meet; undefined where nothing is filtered. */
export async function rarest(read: ReadModels, filters: Filters): Promise<Start | undefined> {
  const asked = given(filters);
  if (asked.length === 0 || filters.status === 'merged') return undefined;
  const where = new Conditions();
  const counts = asked.map(([name, value]) => {
    const p = where.parameter(value);
    if (asked.length === 1)
      return `(select count(*) from (${targets(name, p)} limit ${bounds.many}) c)::float8 as "${name}"`;
    const size = `(select count(*) from (select from (${concerned(name, p)}) c limit ${bounds.few}) c)`;
    // Of a tag that many have, nobody knows how many of them are merged.
    const all = `(select count(*) from (select from customer_tags where tag = ${p} limit ${bounds.few}) g)`;
    return `${name === 'tag' ? `case when ${all} = ${bounds.few} then ${bounds.few} else ${size} end` : size}::float8 as "${name}"`;
  });
  const [sizes] = await read.rows<Record<Filter, number>>(`select ${counts.join(', ')}`, where.parameters);
  const [[filter, size]] = Object.entries(sizes!).toSorted(([, a], [, b]) => a - b) as [[Filter, number]];
  return { filter, size };
}

/**
 * SQL for `with recursive` of the customers to whom merged contacts lead that meet one filter: `s`, into whom they were
 * merged, and `up`, into whom those were merged in turn. Those in between are few: merged, and with duplicates.
 */
const ledTo = (
  name: Filter,
  p: string,
): string => `s as materialized (select distinct t.merged_into as subject from (${targets(name, p)}) t),
  i as materialized (select subject, merged_into from customers where ${MERGED} and merged_duplicates > 0),
  up (subject) as (
    select i.merged_into from i where i.subject in (select subject from s)
    union
    select i.merged_into from up join i on i.subject = up.subject)`;

/**
 * Those whom one filter finds only by a contact that was merged into them. Where they are few, each is looked up; else
 * those who have merged duplicates are gone through in order, of whom the index tells no more than who they are.
 */
function foundByOne(
  { filter, size }: Start,
  value: string,
  order: Order,
  place: (alias: string) => string,
  most: number,
  p: Parameter,
): string {
  const given = p(value);
  const keys = order.columns.join(', ');
  const candidates =
    size <= bounds.lookedUp
      ? `(select subject from s union select subject from up) k`
      : `(select ${keys} from ${order.table} o
           where ${SURVIVES} and ${place('o')} and (o.subject in (select subject from s) or o.subject in (select subject from up))
           order by ${by(order, 'o')} offset 0) k`;
  const sorted = size <= bounds.lookedUp ? 'c' : 'k';
  return `with recursive ${ledTo(filter, given)}
    select ${order.columns.map((column) => `c.${column}`).join(', ')} from ${candidates}
      cross join lateral (select * from ${order.table} where subject = k.subject and ${SURVIVES} offset 0) c
     where ${place('c')} and (${conditions[filter]('c', given)}) is not true
     order by ${by(order, sorted)} limit ${p(most)}`;
}

/**
 * Those whom the filters find only by a contact that was merged into them: a customer is all of its contacts, so each
 * filter asks each of them, and two filters may be met by two of them. Looked for apart from the page, and no further
 * than its last row. Where few contacts that a merge concerns meet one of the filters, their customers are looked at;
 * else those who have merged duplicates, in order: the page is then a short stretch, or many of them belong on it.
 */
export async function foundByMerged(
  read: ReadModels,
  filters: Filters,
  order: Order,
  after: Keyset | undefined,
  page: readonly Record<string, any>[],
  most: number,
  start: Start,
): Promise<Record<string, any>[]> {
  const asked = given(filters);
  const where = new Conditions();
  const p: Parameter = (value) => where.parameter(value);
  const last = page.length < most ? undefined : order.place(page.at(-1)!);
  const place = (alias: string): string => stretch(order, after, last, p, alias);
  const { filter, size } = start;
  if (asked.length === 1 && size < bounds.many) {
    return read.rows(foundByOne(start, asked[0]![1], order, place, most, p), where.parameters);
  }
  const parameters = asked.map(([name, value]) => [name, p(value)] as const);
  const own = parameters.map(([name, value]) => conditions[name]('c', value)).join(' and ');
  const few = asked.length > 1 && size < bounds.few;
  // Who leads to a customer from a contact that meets the filter need not be asked whether one does.
  const families = parameters.flatMap(([name, value]) =>
    few && name === filter ? [] : [`and ${metByFamily(name, value)}`],
  );
  const isWanted = `c.merged_duplicates > 0 and c.status <> 'merged' and ${place('c')} and (${own}) is not true ${families.join(' ')}`;
  const keys = order.columns.map((column) => `c.${column}`).join(', ');
  const sorted = (from: string): string =>
    `select ${keys} from ${from} where ${isWanted} order by ${by(order, 'c')} limit ${p(most)}`;
  if (!few) return read.rows(sorted(`${order.table} c`), where.parameters);
  return read.rows(
    `with recursive start as materialized (${concerned(filter, parameters.find(([name]) => name === filter)![1])}),
       up (subject) as (
         select subject from start
         union
         select c.merged_into from up cross join lateral (
           select merged_into from customers where subject = up.subject and ${MERGED} offset 0) c)
       ${sorted(`up few cross join lateral (select * from ${order.table} where subject = few.subject offset 0) c`)}`,
    where.parameters,
  );
}
