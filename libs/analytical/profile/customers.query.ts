import { z } from 'zod';
import { ContactKind, ContactStatus, LifecycleStage, Staff, Tag } from '#contracts/contacts/contact-terms.js';
import { Instant } from '#platform/kernel/calendar.js';
import { Id } from '#platform/kernel/ids.js';
import { pagedQuery, type ReadModels } from '#platform/projections/definition/query.js';
import { aliases } from '../aliases/aliases.projection.js';
import { Conditions, limit, pageOf } from '../query-parameters.js';
import { profile } from './profile.projection.js';

const MOST_MERGED = 20;

/** What the filters see of one contact. */
const filtered = {
  id: Id,
  kind: ContactKind,
  stage: LifecycleStage,
  tags: z.array(z.string()),
  owner: z.string().nullable(),
};

export const CustomerListed = z
  .object({
    ...filtered,
    status: ContactStatus,
    name: z.string().nullable(),
    firstSeenAt: Instant,
    lastEventAt: Instant,
    mergedFrom: z
      .array(z.object({ ...filtered, status: ContactStatus.describe('Before it was merged') }))
      .describe(`Contacts merged into this one, with what each brought along; at most ${MOST_MERGED}`),
  })
  .meta({ id: 'CustomerListed' });
type CustomerListed = z.infer<typeof CustomerListed>;

type Filtered = Omit<CustomerListed['mergedFrom'][number], 'id'> & { subject: string };
interface Listed extends Filtered {
  merged_duplicates: number;
  name: string;
  first_seen_at: Date;
  last_event_at: Date;
}

type Parameter = (value: unknown) => string;

// Sort orders that an index serves; the id ends each, so that every row has its own place.
const orders = {
  id: {
    by: 'subject',
    on: 'customers',
    key: 'subject',
    row: ([id]: any, p: Parameter) => `${p(id)}::uuid`,
    rising: true,
    keyset: (r: Listed) => [r.subject],
  },
  name: {
    by: 'name, subject',
    on: 'customers',
    key: '(name, subject)',
    row: ([id, name]: any, p: Parameter) => `(${p(name)}, ${p(id)}::uuid)`,
    rising: true,
    keyset: (r: Listed) => [r.subject, r.name],
  },
  recency: {
    // The index gives the days; those of one day are sorted as they are read.
    by: 'last_event_on desc, last_event_at desc, subject desc',
    on: 'activity',
    key: '(last_event_on, last_event_at, subject)',
    row: ([id, at]: any, p: Parameter) => `(${p(at.slice(0, 10))}::date, ${p(at)}::timestamptz, ${p(id)}::uuid)`,
    rising: false,
    keyset: (r: Listed) => [r.subject, r.last_event_at.toISOString()],
  },
} as const;
type Order = (typeof orders)[keyof typeof orders];

/** The part of an order that a page is looked for in: behind the page before, and no further than a row if one is known. */
function stretch({ key, row, rising, keyset }: Order, after: unknown, last: Listed | undefined, p: Parameter): string {
  const [beyond, within] = rising ? ['>', '<='] : ['<', '>='];
  const start = after ? `${key} ${beyond} ${row(after, p)}` : 'true';
  return last ? `${start} and ${key} ${within} ${row(keyset(last), p)}` : start;
}

type Filter = 'kind' | 'status' | 'stage' | 'tag' | 'owner';
type Filters = Partial<Record<Filter, string>>;

/** The condition of each filter on the row of one contact, with the value as `p`. */
const conditions = Object.entries({
  kind: (row: string, p: string) => `${row}.kind = ${p}`,
  // Of a merged contact: what it was.
  status: (row: string, p: string) => `coalesce(${row}.status_before, ${row}.status) = ${p}`,
  stage: (row: string, p: string) => `${row}.stage = ${p}`,
  tag: (row: string, p: string) => `${row}.tags ? ${p}`,
  owner: (row: string, p: string) => `${row}.owner = ${p}`,
} satisfies Record<Filter, (row: string, p: string) => string>) as [Filter, (row: string, p: string) => string][];

const columns = 'subject, kind, status, merged_duplicates, stage, name, tags, owner, first_seen_at, last_event_at';

/** A page of contacts that meet every filter by themselves. */
function contactsPage(
  read: ReadModels,
  filters: Filters,
  order: Order,
  after: unknown,
  most: number,
): Promise<Listed[]> {
  const merged = filters.status === 'merged';
  const where = new Conditions().when('merged', (p) => `c.status ${merged ? '=' : '<>'} ${p}`);
  for (const [name, condition] of conditions) {
    if (name !== 'status' || !merged) where.when(filters[name], (p) => condition('c', p));
  }
  const place = stretch(order, after, undefined, (value) => where.parameter(value));
  return read.rows<Listed>(
    `select ${columns} from customers c join customer_activity using (subject)
      where ${where.sql} and ${place} order by ${order.by} limit ${where.parameter(most)}`,
    where.parameters,
  );
}

/**
 * Those whom the filters find only by a contact that was merged into them: a customer is all of its contacts, so each
 * filter asks each of them, and two filters may be met by two of them. Looked for apart from the page, and no further
 * than its last row: only who has merged duplicates is looked behind, and mostly there is nobody in so short a stretch.
 */
async function foundByMerged(
  read: ReadModels,
  filters: Filters,
  order: Order,
  after: unknown,
  page: readonly Listed[],
  most: number,
): Promise<string[]> {
  const where = new Conditions();
  const own: string[] = [];
  const theirs: string[] = [];
  for (const [name, condition] of conditions) {
    if (filters[name] === undefined) continue;
    const p = where.parameter(filters[name]);
    own.push(condition('c', p));
    theirs.push(`(${condition('c', p)} or exists (
      with recursive down (subject) as (
        select a.subject from alias a where a.target = c.subject
        union select a.subject from down join alias a on a.target = down.subject)
      select from down join customers d using (subject) where ${condition('d', p)}))`);
  }
  if (own.length === 0) return [];
  const last = page.length < most ? undefined : page.at(-1);
  const place = stretch(order, after, last, (value) => where.parameter(value));
  const here = (table: Order['on']): string => (order.on === table ? place : 'true');
  const rows = await read.rows<{ subject: string }>(
    `with came as materialized (
       select subject, name from customers c
        where merged_duplicates > 0 and status <> 'merged' and (${own.join(' and ')}) is not true
          and ${theirs.join(' and ')} and ${here('customers')})
     select subject from came join customer_activity using (subject)
      where ${here('activity')} order by ${order.by} limit ${where.parameter(most)}`,
    where.parameters,
  );
  return rows.map(({ subject }) => subject);
}

async function customersPage(
  read: ReadModels,
  filters: Filters,
  order: Order,
  after: unknown,
  most: number,
): Promise<Listed[]> {
  const page = await contactsPage(read, filters, order, after, most);
  if (filters.status === 'merged') return page;
  const more = await foundByMerged(read, filters, order, after, page, most);
  if (more.length === 0) return page;
  return read.rows<Listed>(
    `select ${columns} from customers join customer_activity using (subject)
      where subject = any($1::uuid[]) order by ${order.by} limit $2`,
    [[...page.map(({ subject }) => subject), ...more], most],
  );
}

/** The contacts merged into each of these, however many merges away. */
async function mergedInto(
  read: ReadModels,
  survivors: readonly string[],
): Promise<Map<string, CustomerListed['mergedFrom']>> {
  if (survivors.length === 0) return new Map();
  const rows = await read.rows<Filtered & { root: string }>(
    `with recursive down (root, subject) as (
       select a.target, a.subject from alias a where a.target = any($1::uuid[])
       union
       select down.root, a.subject from down join alias a on a.target = down.subject),
     numbered as (
       select root, c.*, row_number() over (partition by root order by c.subject) as place
         from down join customers c using (subject))
     select root, subject, kind, coalesce(status_before, status) as status, stage, tags, owner
       from numbered where place <= ${MOST_MERGED} order by root, subject`,
    [survivors],
  );
  const found = new Map<string, CustomerListed['mergedFrom']>();
  for (const { root, subject: id, ...row } of rows) found.set(root, [...(found.get(root) ?? []), { id, ...row }]);
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
      filters.status === 'merged' ? [] : rows.slice(0, size).filter(({ merged_duplicates }) => merged_duplicates > 0);
    const merged = await mergedInto(
      read,
      survivors.map(({ subject }) => subject),
    );
    return pageOf(
      rows,
      size,
      ({ subject: id, name, merged_duplicates: _merged_duplicates, first_seen_at, last_event_at, ...row }) => ({
        id,
        ...row,
        name: name === '' ? null : name,
        firstSeenAt: first_seen_at.toISOString(),
        lastEventAt: last_event_at.toISOString(),
        mergedFrom: merged.get(id) ?? [],
      }),
      orders[sort].keyset,
    );
  },
});
