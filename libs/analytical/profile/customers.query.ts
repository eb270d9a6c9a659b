import { z } from 'zod';
import { ContactKind, ContactStatus, LifecycleStage, Staff, Tag } from '#contracts/contacts/contact-terms.js';
import { Id } from '#platform/kernel/ids.js';
import { textOf } from '#platform/projections/definition/personal.js';
import { pagedQuery, type ReadModels } from '#platform/projections/definition/query.js';
import { answerOf } from '#platform/projections/definition/selection.js';
import { aliases } from '../aliases/aliases.projection.js';
import { aliasOf, aliasesTo, LONGEST_CHAIN } from '../aliases/family.js';
import { Conditions, limit, pageOf } from '../query-parameters.js';
import { Customer, CustomerActivity, MERGES } from './customer.table.js';
import { profile } from './profile.projection.js';

const MOST_MERGED = 20;

const { kind, status, stage, tags, owner, name } = Customer.fields;
const { firstSeenAt, lastEventAt } = CustomerActivity.fields;
/** What the filters see of one contact. */
const filtered = { id: Id, kind, stage, tags, owner };

export const CustomerListed = z
  .object({
    ...filtered,
    status,
    name,
    firstSeenAt,
    lastEventAt,
    mergedFrom: z
      .array(z.object({ ...filtered, status: status.describe('Before it was merged') }))
      .describe(`Contacts merged into this one, with what each brought along; at most ${MOST_MERGED}`),
  })
  .meta({ id: 'CustomerListed' });
type CustomerListed = z.infer<typeof CustomerListed>;

type Merged = CustomerListed['mergedFrom'][number];
/** A row of the list; beside what is shown, whether merges concern it. */
type Listed = Omit<CustomerListed, 'mergedFrom'> & { mergedDuplicates: number };

/** A place in a list: what its keyset holds. */
type Keyset = readonly (string | number)[];
type Parameter = (value: unknown) => string;

/** An order of the list. The id ends each, so that every row has its own place. */
interface Order {
  /** The table that has the order and the filters, and so an index of each filter with the order. */
  readonly table: 'customers' | 'customer_activity';
  readonly columns: readonly string[];
  readonly rising: boolean;
  /** The values of the columns at a place. */
  readonly at: (keyset: Keyset, p: Parameter) => string[];
  readonly keyset: (row: Listed) => Keyset;
}

const orders: Record<'id' | 'name' | 'recency', Order> = {
  id: {
    table: 'customers',
    columns: ['subject'],
    rising: true,
    at: ([id], p) => [`${p(id)}::uuid`],
    keyset: (r) => [r.id],
  },
  name: {
    table: 'customers',
    columns: ['name', 'subject'],
    rising: true,
    at: ([id, name], p) => [p(name), `${p(id)}::uuid`],
    keyset: (r) => [r.id, textOf(r.name ?? '')],
  },
  recency: {
    table: 'customer_activity',
    columns: ['last_event_at', 'subject'],
    rising: false,
    at: ([id, at], p) => [`${p(at)}::timestamptz`, `${p(id)}::uuid`],
    keyset: (r) => [r.id, r.lastEventAt],
  },
};

const by = ({ columns, rising }: Order, alias: string): string =>
  columns.map((column) => `${alias}.${column}${rising ? '' : ' desc'}`).join(', ');

/** The part of an order that a page is looked for in: behind the page before, and no further than a row if one is known. */
function stretch(order: Order, after: Keyset | undefined, last: Listed | undefined, p: Parameter, alias = 'c'): string {
  const { columns, rising, at, keyset } = order;
  const key = `(${columns.map((column) => `${alias}.${column}`).join(', ')})`;
  const row = (place: Keyset): string => `(${at(place, p).join(', ')})`;
  const start = after ? `${key} ${rising ? '>' : '<'} ${row(after)}` : 'true';
  return last ? `${start} and ${key} ${rising ? '<=' : '>='} ${row(keyset(last))}` : start;
}

type Filter = 'kind' | 'status' | 'stage' | 'tag' | 'owner';
type Filters = Partial<Record<Filter, string>>;

// Subqueries that give a value are looked up row by row: as joins, the planner would hash everybody for a few.
/** The condition of each filter on the row of one contact, in either table, with the value as `p`. */
const conditions = {
  kind: (row: string, p: string) => `${row}.kind = ${p}`,
  // Of a merged contact: what it was.
  status: (row: string, p: string) => `coalesce(${row}.status_before, ${row}.status) = ${p}`,
  stage: (row: string, p: string) => `${row}.stage = ${p}`,
  tag: (row: string, p: string) =>
    `(select true from customer_tags g where g.subject = ${row}.subject and g.tag = ${p})`,
  owner: (row: string, p: string) => `${row}.owner = ${p}`,
} satisfies Record<Filter, (row: string, p: string) => string>;

const given = (filters: Filters): [Filter, string][] =>
  (Object.keys(conditions) as Filter[]).flatMap((name) => (filters[name] === undefined ? [] : [[name, filters[name]]]));

/** So many customers are few: looked up one by one, they cost no more than a page. */
const FEW = 2_000;

/**
 * The ways to a page. By `words`: the filters on kind, status and stage, of which there are some dozens of
 * combinations, each a stretch of one index that is in order. By `owner`: a stretch of another one. By `tag`: all who
 * have it. By `order`: everybody, as the list is ordered.
 */
type Way = 'words' | 'owner' | 'tag' | 'order';

const wordFilters = ['kind', 'status', 'stage'] as const;

/**
 * SQL of the combinations of kind, status and stage that there are, in an index on these: found by leaps, each of them
 * a stretch of the index.
 */
const combinations = (table: string, where = 'kind is not null'): string => `p (kind, status, stage) as (
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

const theCombination = 'c.kind = p.kind and c.status = p.status and c.stage = p.stage';

/** Which way meets the fewest who are not wanted. */
async function wayTo(read: ReadModels, filters: Filters, order: Order): Promise<Way> {
  const { tag, owner } = filters;
  const ways: Way[] = [
    ...(tag === undefined ? [] : (['tag'] as const)),
    ...(owner === undefined ? [] : (['owner'] as const)),
    ...(wordFilters.some((name) => filters[name] !== undefined) ? (['words'] as const) : []),
  ];
  if (ways.length === 0) return 'order';
  if (ways.length === 1 && (tag === undefined || order === orders.id)) return ways[0]!;
  const where = new Conditions();
  const p: Parameter = (value) => where.parameter(value);
  const members: Record<Way, () => string> = {
    tag: () => `select from customer_tags where tag = ${p(tag)}`,
    owner: () => `select from customers where owner = ${p(owner)}`,
    words: () =>
      `select from p cross join lateral (select from customers c where ${theCombination} limit ${FEW}) c where ${onWords(filters, p)}`,
    order: () => 'select from customers',
  };
  const counts = ways.map((way) => `(select count(*) from (${members[way]()} limit ${FEW}) c)::float8 as ${way}`);
  const [sizes] = await read.rows<Record<Way, number>>(
    `${ways.includes('words') ? `with recursive ${combinations('customers')} ` : ''}select ${counts.join(', ')}`,
    where.parameters,
  );
  const sized = ways
    // Many who have a tag are not in the order of names or of time: they are met on the way of the order.
    .filter((way) => way !== 'tag' || sizes![way] < FEW || order === orders.id)
    .toSorted((a, b) => sizes![a] - sizes![b]);
  return sized[0] ?? 'order';
}

/** A page of contacts that meet every filter by themselves. */
async function ownPage(
  read: ReadModels,
  way: Way,
  filters: Filters,
  order: Order,
  after: Keyset | undefined,
  most: number,
): Promise<Listed[]> {
  const where = new Conditions();
  const p: Parameter = (value) => where.parameter(value);
  const merged = filters.status === 'merged';
  const rest = given(filters).flatMap(([name, value]) => {
    if (name === way || (way === 'words' && (wordFilters as readonly string[]).includes(name))) return [];
    return [name === 'status' ? `c.status = ${p(value)}` : conditions[name]('c', p(value))];
  });
  // By id, the index of tags is in order itself.
  const alias = way === 'tag' && order === orders.id ? 'g' : 'c';
  const isWanted = [
    ...rest,
    ...(merged || way === 'words' ? [] : [`c.status <> 'merged'`]),
    stretch(order, after, undefined, p, alias),
  ].join(' and ');
  const keys = order.columns.map((column) => `c.${column}`).join(', ');
  const sorted = (from: string): string =>
    `select ${keys} from ${from} and ${isWanted} order by ${by(order, alias)} limit ${p(most)}`;
  const tagged = (): string => `select subject from customer_tags where tag = ${p(filters.tag)}`;
  const statements: Record<Way, () => string> = {
    order: () => sorted(`${order.table} c where true`),
    owner: () => sorted(`${order.table} c where c.owner = ${p(filters.owner)}`),
    tag: () =>
      alias === 'g'
        ? sorted(`customer_tags g join customers c on c.subject = g.subject where g.tag = ${p(filters.tag)}`)
        : sorted(`(${tagged()} offset 0) g join ${order.table} c using (subject) where true`),
    words: () => `select k.* from p cross join lateral (${sorted(`${order.table} c where ${theCombination}`)}) k
       where ${onWords(filters, p)} order by ${by(order, 'k')} limit ${p(most)}`,
  };
  const statement = statements[way]();
  return listedBy(
    read,
    `${way === 'words' ? `with recursive ${combinations(order.table)} ` : ''}select ${columns}
       from (${statement}) s join customers c on c.subject = s.subject join customer_activity v on v.subject = s.subject
      order by ${sortOfRows(order)}`,
    where.parameters,
  );
}

const sortOfRows = (order: Order): string => by(order, order.table === 'customers' ? 'c' : 'v');
const columns = `c.subject as id, ${Customer.select('c', ['kind', 'status', 'stage', 'name', 'tags', 'owner', 'mergedDuplicates'])},
  ${CustomerActivity.select('v', ['firstSeenAt', 'lastEventAt'])}`;

async function listedBy(read: ReadModels, sql: string, parameters: readonly unknown[]): Promise<Listed[]> {
  return (await read.rows(sql, parameters)).map((row) => answerOf<Listed>(row));
}

/** The rows of these customers, in order. */
const listed = (read: ReadModels, subjects: readonly string[], order: Order, most: number): Promise<Listed[]> =>
  listedBy(
    read,
    `select ${columns} from unnest($1::uuid[]) as s (subject)
       join customers c on c.subject = s.subject join customer_activity v on v.subject = s.subject
      order by ${sortOfRows(order)} limit $2`,
    [subjects, most],
  );

/** SQL: a customer meets a filter by itself, or by a contact that was merged into it, however many merges away. */
const metByFamily = (name: Filter, p: string): string => `(${conditions[name]('c', p)} or exists (
  with recursive down (subject) as (
    select a.subject from alias a where a.target = c.subject
    union select a.subject from down cross join ${aliasesTo('down.subject')})
  select from down where (select ${conditions[name]('d', p)} from customers d where d.subject = down.subject)))`;

/** SQL of the contacts that a merge concerns and that meet one filter. */
function concerned(name: Filter, p: string): string {
  const byWords = (where: string): string => `(with recursive ${combinations('customers', MERGES)}
    select c.subject from p cross join lateral (
      select subject from customers c where ${MERGES} and ${theCombination} limit ${FEW}) c where ${where} limit ${FEW})`;
  switch (name) {
    case 'kind':
    case 'stage':
      return byWords(`p.${name} = ${p}`);
    case 'status':
      return `(select subject from customers where status_before = ${p} limit ${FEW}) union all ${byWords(`p.status = ${p}`)}`;
    case 'owner':
      return `select subject from customers where ${MERGES} and owner = ${p}`;
    case 'tag':
      return `select c.subject from (select subject from customer_tags where tag = ${p} limit ${FEW}) g
        cross join lateral (select subject from customers where subject = g.subject and ${MERGES} offset 0) c`;
  }
}

/** By which filter those are found who are merged, or have merged duplicates. */
interface Start {
  readonly filter: Filter;
  /** How many; FEW: that or more. */
  readonly size: number;
}

/** The filter that the fewest of those whom merges concern meet; undefined where nothing is filtered. */
async function rarest(read: ReadModels, filters: Filters): Promise<Start | undefined> {
  const asked = given(filters);
  if (asked.length === 0 || filters.status === 'merged') return undefined;
  const where = new Conditions();
  const counts = asked.map(([name, value]) => {
    const p = where.parameter(value);
    const size = `(select count(*) from (select from (${concerned(name, p)}) c limit ${FEW}) c)`;
    // Of a tag that many have, nobody knows how many of them are merged.
    const all = `(select count(*) from (select from customer_tags where tag = ${p} limit ${FEW}) g)`;
    return `${name === 'tag' ? `case when ${all} = ${FEW} then ${FEW} else ${size} end` : size}::float8 as "${name}"`;
  });
  const [sizes] = await read.rows<Record<Filter, number>>(`select ${counts.join(', ')}`, where.parameters);
  const [[filter, size]] = Object.entries(sizes!).toSorted(([, a], [, b]) => a - b) as [[Filter, number]];
  return { filter, size };
}

/**
 * Those whom the filters find only by a contact that was merged into them: a customer is all of its contacts, so each
 * filter asks each of them, and two filters may be met by two of them. Looked for apart from the page, and no further
 * than its last row. Where few contacts that a merge concerns meet one of the filters, their customers are looked at;
 * else those who have merged duplicates, in order: the page is then a short stretch, or many of them belong on it.
 */
async function foundByMerged(
  read: ReadModels,
  filters: Filters,
  order: Order,
  after: Keyset | undefined,
  page: readonly Listed[],
  most: number,
  { filter, size }: Start,
): Promise<string[]> {
  const asked = given(filters);
  const where = new Conditions();
  const p: Parameter = (value) => where.parameter(value);
  const parameters = asked.map(([name, value]) => [name, p(value)] as const);
  const own = parameters.map(([name, value]) => conditions[name]('c', value)).join(' and ');
  const few = size < FEW;
  // Who leads to a customer from a contact that meets the filter need not be asked whether one does.
  const families = parameters.flatMap(([name, value]) =>
    few && name === filter ? [] : [`and ${metByFamily(name, value)}`],
  );
  const last = page.length < most ? undefined : page.at(-1);
  const place = stretch(order, after, last, p);
  const isWanted = `c.merged_duplicates > 0 and c.status <> 'merged' and ${place} and (${own}) is not true ${families.join(' ')}`;
  const keys = order.columns.map((column) => `c.${column}`).join(', ');
  const sorted = (from: string): string =>
    `select ${keys} from ${from} where ${isWanted} order by ${by(order, 'c')} limit ${p(most)}`;
  const start = concerned(filter, parameters.find(([name]) => name === filter)![1]);
  const rows = await read.rows<{ subject: string }>(
    few
      ? `with recursive start as materialized (${start}),
         up (subject, step) as (
           select subject, 0 from start
           union
           select a.target, up.step + 1 from up cross join ${aliasOf('up.subject')} where up.step < ${LONGEST_CHAIN})
         ${sorted(`(select distinct subject from up) few
           cross join lateral (select * from ${order.table} where subject = few.subject offset 0) c`)}`
      : sorted(`${order.table} c`),
    where.parameters,
  );
  return rows.map(({ subject }) => subject);
}

async function customersPage(
  read: ReadModels,
  filters: Filters,
  order: Order,
  after: Keyset | undefined,
  most: number,
): Promise<Listed[]> {
  const [way, start] = await Promise.all([wayTo(read, filters, order), rarest(read, filters)]);
  const page = await ownPage(read, way, filters, order, after, most);
  if (!start || start.size === 0) return page;
  const more = await foundByMerged(read, filters, order, after, page, most, start);
  if (more.length === 0) return page;
  return listed(read, [...page.map(({ id }) => id), ...more], order, most);
}

/** The contacts merged into each of these, however many merges away. */
async function mergedInto(
  read: ReadModels,
  survivors: readonly string[],
): Promise<Map<string, CustomerListed['mergedFrom']>> {
  if (survivors.length === 0) return new Map();
  const rows = await read.rows<Merged & { root: string }>(
    `with recursive down (root, subject) as (
       select a.target, a.subject from alias a where a.target = any($1::uuid[])
       union
       select down.root, a.subject from down cross join ${aliasesTo('down.subject')}),
     numbered as (
       select root, c.*, row_number() over (partition by root order by c.subject) as place
         from down cross join lateral (select * from customers where subject = down.subject offset 0) c)
     select root, n.subject as id, coalesce(n.status_before, n.status) as status,
            ${Customer.select('n', ['kind', 'stage', 'tags', 'owner'])}
       from numbered n where place <= ${MOST_MERGED} order by root, subject`,
    [survivors],
  );
  const found = new Map<string, CustomerListed['mergedFrom']>();
  for (const { root, ...row } of rows) found.set(root, [...(found.get(root) ?? []), row]);
  return found;
}

export const listCustomers = pagedQuery({
  name: 'Customers',
  summary: 'Customers, each found also by what a contact merged into it has; merged ones themselves by status=merged',
  route: 'GET /v1/customers',
  parameters: z.strictObject({
    kind: ContactKind.optional(),
    status: ContactStatus.optional().describe('merged: the contacts that were merged into others, as they are'),
    stage: LifecycleStage.optional(),
    tag: Tag.optional(),
    owner: Staff.optional(),
    sort: z
      .enum(['id', 'name', 'recency'])
      .default('id')
      .describe(
        'recency: the latest event first. A walk by id meets everyone once; by name or recency, who moves meanwhile may be missed',
      ),
    limit,
  }),
  item: CustomerListed,
  reads: [profile, aliases],
  run: async ({ sort, limit: size, ...filters }, { read, after }) => {
    const rows = await customersPage(read, filters, orders[sort], after, size + 1);
    const survivors =
      filters.status === 'merged' ? [] : rows.slice(0, size).filter(({ mergedDuplicates }) => mergedDuplicates > 0);
    const merged = await mergedInto(
      read,
      survivors.map(({ id }) => id),
    );
    return pageOf(
      rows,
      size,
      ({ mergedDuplicates: _concerned, ...row }) => ({ ...row, mergedFrom: merged.get(row.id) ?? [] }),
      orders[sort].keyset,
    );
  },
});
