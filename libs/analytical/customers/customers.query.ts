import { z } from 'zod';
import { ContactKind, ContactStatus, LifecycleStage, Staff, Tag } from '#contracts/contacts/contact-terms.js';
import { isErased } from '#platform/kernel/erased.js';
import { Id } from '#platform/kernel/ids.js';
import { textOf } from '#platform/projections/definition/personal.js';
import { pagedQuery, type ReadModels } from '#platform/projections/definition/query.js';
import { answerOf } from '#platform/projections/definition/selection.js';
import { Customer, CustomerActivity } from '../profile/customer.table.js';
import { profile } from '../profile/profile.projection.js';
import { Conditions, limit, pageOf } from '../query-parameters.js';
import { foundByMerged, rarest } from './found-by-merged.js';
import { by, orders, type Keyset, type Order } from './list-order.js';
import { ownPage, wayTo, type Filters } from './own-page.js';

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

const sortOfRows = (order: Order): string => by(order, order.table === 'customers' ? 'c' : 'v');
const columns = `c.subject as id, ${Customer.select('c', ['kind', 'status', 'stage', 'name', 'tags', 'owner', 'mergedDuplicates'])},
  ${CustomerActivity.select('v', ['firstSeenAt', 'lastEventAt'])}`;

async function listedBy(read: ReadModels, sql: string, parameters: readonly unknown[]): Promise<Listed[]> {
  return (await read.rows(sql, parameters)).map((row) => answerOf<Listed>(row));
}

/** The first rows of these places, in order. */
const listed = (
  read: ReadModels,
  places: readonly Record<string, any>[],
  order: Order,
  most: number,
): Promise<Listed[]> => {
  const arrays = order.columns.map((_, at) => `$${at + 1}::${order.types[at]}[]`).join(', ');
  const values = order.columns.map((column) => places.map((place) => plainKey(place[column])));
  return listedBy(
    read,
    `select ${columns}
       from (select * from unnest(${arrays}) as s (${order.columns.join(', ')}) order by ${by(order, 's')} limit $${values.length + 1}) s
       join customers c on c.subject = s.subject join customer_activity v on v.subject = s.subject
      order by ${sortOfRows(order)}`,
    [...values, most],
  );
};

const plainKey = (value: unknown): unknown => (isErased(value) ? textOf(value) : value);

async function customersPage(
  read: ReadModels,
  filters: Filters,
  order: Order,
  after: Keyset | undefined,
  most: number,
): Promise<Listed[]> {
  const [way, start] = await Promise.all([wayTo(read, filters, order), rarest(read, filters)]);
  const where = new Conditions();
  const { recursive, sql } = ownPage(way, filters, order, after, most, where);
  if (!start || start.size === 0) {
    return listedBy(
      read,
      `${recursive}select ${columns}
         from (${sql}) s join customers c on c.subject = s.subject join customer_activity v on v.subject = s.subject
        order by ${sortOfRows(order)}`,
      where.parameters,
    );
  }
  const page = await read.rows(`${recursive}${sql}`, where.parameters);
  const more = await foundByMerged(read, filters, order, after, page, most, start);
  return listed(read, [...page, ...more], order, most);
}

const shownOfMerged = 'subject, kind, status, status_before, stage, tags, owner';

/** The contacts merged into each of these, however many merges away. */
async function mergedInto(
  read: ReadModels,
  survivors: readonly string[],
): Promise<Map<string, CustomerListed['mergedFrom']>> {
  if (survivors.length === 0) return new Map();
  const rows = await read.rows<Merged & { root: string }>(
    `with recursive down as (
       select merged_into as root, ${shownOfMerged} from customers where merged_into = any($1::uuid[])
       union
       select down.root, m.* from down cross join lateral (
         select ${shownOfMerged} from customers where merged_into = down.subject offset 0) m),
     numbered as (select *, row_number() over (partition by root order by subject) as place from down)
     select root, subject as id, coalesce(status_before, status) as status, ${Customer.select('n', ['kind', 'stage', 'tags', 'owner'])}
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
  reads: [profile],
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
