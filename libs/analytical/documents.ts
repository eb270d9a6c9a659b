import { key } from '#contracts/terms.js';
import { Id } from '#platform/kernel/ids.js';
import type { Page, ReadModels } from '#platform/projections/definition/query.js';
import { Conditions, pageOf, spanRises } from './query-parameters.js';
import { familyOf, LONGEST_CHAIN } from './aliases/family.js';

/** Whose a document is, in an answer. */
export const customer = Id.nullable().describe(
  'Whose it is now: merges followed, walk-in orders attached; null for a walk-in',
);
/** The parameter that asks for the documents of one customer. */
export const contact = Id.optional().describe(
  'Only of this customer, with merged contacts and attached walk-in orders',
);
/** The parameter that asks for a code, number or name: in any spelling, as it is kept in one. */
export const text = key(100).optional();

/** A kind of document: its table or view, how a row is shown, and the time by which lists are sorted and cut. */
export interface Documents {
  readonly table: string;
  readonly time: string;
  /** Columns by the names that answers have. */
  readonly columns: Readonly<Record<string, string>>;
}

// The chain from a document's subject to the customer whose it is now; null where it leads to no contact. Most
// subjects have no alias and need no walk.
const customerOf = `case when exists (select from alias a where a.subject = d.subject) then (
    with recursive up (subject, step) as (
      select d.subject, 0
      union all
      select a.target, up.step + 1 from up join alias a on a.subject = up.subject where up.step < ${LONGEST_CHAIN})
    select up.subject from up join customers c on c.subject = up.subject order by up.step desc limit 1)
  else (select c.subject from customers c where c.subject = d.subject) end`;

const selectList = ({ columns }: Documents): string =>
  [...Object.entries(columns), ['customer', customerOf]].map(([name, sql]) => `${sql} as "${name}"`).join(', ');

/** A page of documents, newest first. */
export async function documentsPage<Item>(
  read: ReadModels,
  documents: Documents,
  where: Conditions,
  { from, to, limit: size }: { from?: string; to?: string; limit: number },
  after: readonly (string | number)[] | undefined,
): Promise<Page<Item>> {
  spanRises({ from, to });
  const time = `d.${documents.time}`;
  where.when(from, (p) => `${time} >= ${p}::timestamptz`).when(to, (p) => `${time} < ${p}::timestamptz`);
  if (after) where.when(after[0], (p) => `(${time}, d.id) < (${p}::timestamptz, ${where.parameter(after[1])}::uuid)`);
  const rows = await read.rows(
    `select ${selectList(documents)}, ${time} as "_time" from ${documents.table} d
      where ${where.sql} order by ${time} desc, d.id desc limit ${where.parameter(size + 1)}`,
    where.parameters,
  );
  return pageOf(rows, size, plain<Item>, (row) => [(row['_time'] as Date).toISOString(), row['id']]);
}

/** A row as JSON has it: instants as text. */
function plain<Item>({ _time, ...row }: Record<string, any>): Item {
  for (const [name, value] of Object.entries(row)) if (value instanceof Date) row[name] = value.toISOString();
  return row as Item;
}

/** Conditions on whose the documents are: a contact with all that leads to it. */
export async function conditionsOf(read: ReadModels, contact: string | undefined): Promise<Conditions> {
  const subjects = contact === undefined ? undefined : (await familyOf(read, contact)).subjects;
  return new Conditions().when(subjects, (p) => `d.subject = any(${p}::uuid[])`);
}
