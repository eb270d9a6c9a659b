import { z } from 'zod';
import { key } from '#contracts/terms.js';
import { orErased } from '#platform/kernel/erased.js';
import { Id } from '#platform/kernel/ids.js';
import type { Page, ReadModels } from '#platform/projections/definition/query.js';
import { answerOf, computed, selectOf, type Selection } from '#platform/projections/definition/selection.js';
import type { Table } from '#platform/projections/definition/table.js';
import { Conditions, pageOf, spanRises } from './query-parameters.js';
import { aliasOf, familyOf, LONGEST_CHAIN } from './aliases/family.js';

/** Whose a document is, in an answer. */
export const customer = Id.nullable().describe(
  'Whose it is now: merges followed, walk-in orders attached; null for a walk-in',
);
/** What that customer is called: a list of ids alone is of no use to a person. */
export const customerName = orErased(z.string())
  .nullable()
  .describe('What the customer is called; null for a walk-in, and where no name is known');
/** The parameter that asks for the documents of one customer. */
export const contact = Id.optional().describe(
  'Only of this customer, with merged contacts and attached walk-in orders',
);
/** The parameter that asks for a code, number or name: in any spelling, as it is kept in one. */
export const text = key(100).optional();

/** A kind of document: its table, and the time by which lists are sorted and cut. */
export interface Documents {
  readonly table: Table;
  /** The column of that time. */
  readonly time: string;
  /** What answers have beside the columns; a row is `d`. */
  readonly more?: Selection;
}

/** The indexes of a kind of document: a list is a stretch of one, also of those that have one value in a column. */
export const listIndexes = <const Time extends string, const Filter extends string>(
  time: Time,
  filters: readonly Filter[],
): (readonly (Time | Filter | 'id' | 'subject')[])[] => [
  ['id'],
  [time, 'id'],
  ...(['subject', ...filters] as const).map((column) => [column, time, 'id'] as const),
];

/** What a list is asked for beside the filters of its kind. */
export interface Asked {
  readonly contact?: string;
  readonly from?: string;
  readonly to?: string;
  readonly limit: number;
}

/** What each field is to be, which are named as in answers; undefined: anything. */
type Filters = Readonly<Record<string, string | number | boolean | undefined>>;

// The chain from a document's subject to the customer whose it is now; null where it leads to no contact. Most
// subjects have no alias and need no walk.
const customerOf = `case when exists (select from alias a where a.subject = d.subject) then (
    with recursive up (subject, step) as (
      select d.subject, 0
      union all
      select a.target, up.step + 1 from up cross join ${aliasOf('up.subject')} where up.step < ${LONGEST_CHAIN})
    select c.subject from up cross join lateral (
      select subject from customers where subject = up.subject offset 0) c order by up.step desc limit 1)
  else (select c.subject from customers c where c.subject = d.subject) end`;

const selectList = ({ table, more = {} }: Documents): string =>
  `${table.select('d')}, ${selectOf({ ...more, customer: computed(customer, customerOf) })}`;

/** So many rows are few: read all, they cost no more than a page. */
const FEW = 1_000;

/**
 * The column by which the fewest are found, if they are few: of several filters the planner cannot know how many rows
 * they leave, and walks the list in order for ever where it is wrong.
 */
async function narrowest(
  read: ReadModels,
  { table }: Documents,
  filters: readonly (readonly [string, unknown])[],
): Promise<string | undefined> {
  if (filters.length < 2) return undefined;
  const counts = filters.map(
    ([column], at) =>
      `(select count(*) from (select from ${table.name} where ${column} = $${at + 1} limit ${FEW}) d)::float8 as ${column}`,
  );
  const [sizes] = await read.rows<Record<string, number>>(
    `select ${counts.join(', ')}`,
    filters.map(([, value]) => value),
  );
  const [column, size] = Object.entries(sizes!).toSorted(([, a], [, b]) => a - b)[0]!;
  return size < FEW ? column : undefined;
}

/**
 * A page of documents, newest first.
 * @param asked the parameters of the list; those beside `Asked` are filters, by the names of the answer's fields
 */
export async function documentsPage<Item>(
  read: ReadModels,
  documents: Documents,
  { contact, from, to, limit: size, ...filters }: Asked & Filters,
  after: readonly (string | number)[] | undefined,
): Promise<Page<Item>> {
  spanRises({ from, to });
  const family = contact === undefined ? undefined : (await familyOf(read, contact)).subjects;
  return pageOfFamily(read, documents, filters, { family, from, to, limit: size }, after);
}

/** The same of subjects that are known: of each, a stretch of the index. */
export async function pageOfFamily<Item>(
  read: ReadModels,
  documents: Documents,
  filters: Filters,
  { family, from, to, limit: size }: Omit<Asked, 'contact'> & { family?: readonly string[] },
  after: readonly (string | number)[] | undefined,
): Promise<Page<Item>> {
  const table = documents.table.name;
  const time = `d.${documents.time}`;
  const given = Object.entries(filters)
    .filter(([, value]) => value !== undefined)
    .map(([field, value]) => [documents.table.column(field), value] as const);
  const lead = family ? undefined : await narrowest(read, documents, given);
  const where = new Conditions();
  for (const [column, value] of given) if (column !== lead) where.when(value, (p) => `d.${column} = ${p}`);
  where.when(from, (p) => `${time} >= ${p}::timestamptz`).when(to, (p) => `${time} < ${p}::timestamptz`);
  if (after) where.when(after[0], (p) => `(${time}, d.id) < (${p}::timestamptz, ${where.parameter(after[1])}::uuid)`);
  const most = where.parameter(size + 1);
  const inOrder = `order by ${time} desc, d.id desc limit ${most}`;
  const source = (): string => {
    if (family) {
      return `unnest(${where.parameter(family)}::uuid[]) s (subject) cross join lateral (
        select d.* from ${table} d where d.subject = s.subject and ${where.sql} ${inOrder}) d`;
    }
    if (lead === undefined) return `(select d.* from ${table} d where ${where.sql} ${inOrder}) d`;
    return `(select * from ${table} where ${lead} = ${where.parameter(Object.fromEntries(given)[lead])} offset 0) d where ${where.sql}`;
  };
  const rows = await read.rows(
    `select r.*, (select nullif(c.name, '') from customers c where c.subject = r.customer) as "customerName"
       from (select ${selectList(documents)}, ${time} as "_time"
               from (select d.* from ${source()} ${inOrder}) d offset 0) r order by r."_time" desc, r.id desc`,
    where.parameters,
  );
  return pageOf(
    rows,
    size,
    ({ _time, ...row }) => answerOf<Item>(row),
    (row) => [(row['_time'] as Date).toISOString(), row['id']],
  );
}
