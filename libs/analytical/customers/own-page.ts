import type { ReadModels } from '#platform/projections/definition/query.js';
import { Conditions } from '../query-parameters.js';
import { by, stretch, type Keyset, type Order, type Parameter } from './list-order.js';

export type Filter = 'kind' | 'status' | 'stage' | 'tag' | 'owner';
export type Filters = Partial<Record<Filter, string>>;

// Subqueries that give a value are looked up row by row: as joins, the planner would hash everybody for a few.
/** The condition of each filter on the row of one contact, in either table, with the value as `p`. */
export const conditions = {
  kind: (row: string, p: string) => `${row}.kind = ${p}`,
  // Of a merged contact: what it was.
  status: (row: string, p: string) => `coalesce(${row}.status_before, ${row}.status) = ${p}`,
  stage: (row: string, p: string) => `${row}.stage = ${p}`,
  tag: (row: string, p: string) => `${row}.tags ? ${p}`,
  owner: (row: string, p: string) => `${row}.owner = ${p}`,
} satisfies Record<Filter, (row: string, p: string) => string>;

export const given = (filters: Filters): [Filter, string][] =>
  (Object.keys(conditions) as Filter[]).flatMap((name) => (filters[name] === undefined ? [] : [[name, filters[name]]]));

export const bounds = {
  /** So many customers are few: looked up one by one, they cost no more than some pages. */
  few: 2_000,
  /** So few are looked up one by one rather than in an index of all. */
  lookedUp: 200,
  /** So many merged contacts are many: who is on the page is found sooner in order. */
  many: 5_000,
};

/**
 * The ways to a page. By `words`: the filters on kind, status and stage, of which there are some dozens of
 * combinations, each a stretch of one index that is in order. By `owner` or `tag`: a stretch of another one. By `order`:
 * everybody, as the list is ordered.
 */
type Way = 'words' | 'owner' | 'tag' | 'order';

const wordFilters = ['kind', 'status', 'stage'] as const;

/**
 * SQL of the combinations of kind, status and stage that there are, in an index on these: found by leaps, each of them
 * a stretch of the index.
 */
export const combinations = (table: string, where = 'kind is not null'): string => `p (kind, status, stage) as (
  (select kind, status, stage from ${table} where ${where} order by kind, status, stage limit 1)
  union all
  select n.* from p cross join lateral (
    select kind, status, stage from ${table}
     where ${where} and (kind, status, stage) > (p.kind, p.status, p.stage)
     order by kind, status, stage limit 1) n)`;

/** Conditions on combinations. Of contacts that are customers, a status is never `merged` unless it is asked for. */
function onWords({ kind, status, stage }: Filters, p: Parameter): string {
  const asked = { kind, status, stage };
  const parts = wordFilters.flatMap((name) => (asked[name] === undefined ? [] : [`p.${name} = ${p(asked[name])}`]));
  return [...parts, ...(status === undefined ? [`p.status <> 'merged'`] : [])].join(' and ');
}

export const theCombination = 'c.kind = p.kind and c.status = p.status and c.stage = p.stage';

/** Which way meets the fewest who are not wanted. */
export async function wayTo(read: ReadModels, filters: Filters, { ofTags }: Order): Promise<Way> {
  const { tag, owner } = filters;
  const ways: Way[] = [
    ...(tag === undefined ? [] : (['tag'] as const)),
    ...(owner === undefined ? [] : (['owner'] as const)),
    ...(wordFilters.some((name) => filters[name] !== undefined) ? (['words'] as const) : []),
  ];
  if (ways.length < 2 && (tag === undefined || ofTags)) return ways[0] ?? 'order';
  const where = new Conditions();
  const p: Parameter = (value) => where.parameter(value);
  const members: Record<Way, () => string> = {
    tag: () => `select from customer_tags where tag = ${p(tag)}`,
    owner: () => `select from customers where owner = ${p(owner)}`,
    words: () =>
      `select from p cross join lateral (select from customers c where ${theCombination} limit ${bounds.few}) c where ${onWords(filters, p)}`,
    order: () => 'select from customers',
  };
  const counts = ways.map(
    (way) => `(select count(*) from (${members[way]()} limit ${bounds.few}) c)::float8 as ${way}`,
  );
  const [sizes] = await read.rows<Record<Way, number>>(
    `${ways.includes('words') ? `with recursive ${combinations('customers')} ` : ''}select ${counts.join(', ')}`,
    where.parameters,
  );
  return (
    ways
      // Many who have a tag, and not in order, are met sooner on the way of the order.
      .filter((way) => way !== 'tag' || ofTags || sizes![way] < bounds.few)
      .toSorted((a, b) => sizes![a] - sizes![b])[0] ?? 'order'
  );
}

/** SQL of a page of contacts that meet every filter by themselves: the columns of the order. */
export function ownPage(
  way: Way,
  filters: Filters,
  order: Order,
  after: Keyset | undefined,
  most: number,
  where: Conditions,
): { recursive: string; sql: string } {
  const p: Parameter = (value) => where.parameter(value);
  const merged = filters.status === 'merged';
  const rest = given(filters).flatMap(([name, value]) => {
    if (name === way || (way === 'words' && (wordFilters as readonly string[]).includes(name))) return [];
    return [name === 'status' ? `c.status = ${p(value)}` : conditions[name]('c', p(value))];
  });
  const alias = way === 'tag' && order.ofTags ? 'g' : 'c';
  const notMerged = way === 'tag' ? 'g.merged_into is null' : `c.status <> 'merged'`;
  const isWanted = [
    'true',
    ...rest,
    ...(merged || way === 'words' ? [] : [notMerged]),
    stretch(order, after, undefined, p, alias),
  ].join(' and ');
  const keys = order.columns.map((column) => `${alias}.${column}`).join(', ');
  const sorted = (from: string): string =>
    `select ${keys} from ${from} and ${isWanted} order by ${by(order, alias)} limit ${p(most)}`;
  // Other filters are looked up for each who has the tag.
  const row =
    rest.length === 0 ? '' : `cross join lateral (select * from ${order.table} where subject = g.subject offset 0) c`;
  const statements: Record<Way, () => string> = {
    order: () => sorted(`${order.table} c where true`),
    owner: () => sorted(`${order.table} c where c.owner = ${p(filters.owner)}`),
    tag: () =>
      order.ofTags
        ? sorted(`customer_tags g ${row} where g.tag = ${p(filters.tag)}`)
        : sorted(`(select subject, merged_into from customer_tags where tag = ${p(filters.tag)} offset 0) g
            cross join lateral (select * from ${order.table} where subject = g.subject offset 0) c where true`),
    words: () => `select k.* from p cross join lateral (${sorted(`${order.table} c where ${theCombination}`)}) k
       where ${onWords(filters, p)} order by ${by(order, 'k')} limit ${p(most)}`,
  };
  return {
    recursive: way === 'words' ? `with recursive ${combinations(order.table)} ` : '',
    sql: statements[way](),
  };
}
