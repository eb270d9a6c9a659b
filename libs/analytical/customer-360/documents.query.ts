import { z } from 'zod';
import { Day, Instant } from '#platform/kernel/calendar.js';
import { NotFound } from '#platform/kernel/errors.js';
import { Id } from '#platform/kernel/ids.js';
import { Currency, DecimalString } from '#platform/kernel/money.js';
import { pagedQuery, query, type Page, type ReadModels } from '#platform/projections/query.js';
import { Conditions, instants, limit, pageOf, readers, spanRises } from '../query-parameters.js';
import { familyOf } from './aliases.js';

const reads = ['customer-360'];
const text = z.string().min(1).max(100).optional();
const count = z.int().min(0);
const customer = Id.nullable().describe('Whose it is now: merges followed, walk-in orders attached; null for a walk-in');

const OrderStatuses = z.enum([
  ...['draft', 'placed', 'confirmed', 'on-hold', 'partially-fulfilled', 'fulfilled', 'completed', 'cancelled'],
] as [string, ...string[]]);
const ReturnStatuses = z.enum([
  ...['requested', 'authorised', 'denied', 'received', 'inspected', 'refunded', 'exchanged', 'closed'],
] as [string, ...string[]]);

export const OrderView = z
  .object({
    id: Id,
    number: z.string().nullable(),
    kind: z.enum(['sale', 'adjustment']),
    status: OrderStatuses,
    contact: Id.nullable().describe('Whom it was placed for or attached to'),
    customer,
    currency: Currency,
    net: DecimalString,
    invoiced: DecimalString,
    paid: DecimalString,
    lines: count,
    channel: z.string().nullable(),
    salesperson: z.string().nullable(),
    zone: z.string(),
    orderedAt: Instant,
    orderedOn: Day,
    completedAt: Instant.nullable(),
    completedOn: Day.nullable(),
    cancelledAt: Instant.nullable(),
  })
  .meta({ id: 'Order' });

export const ReturnView = z
  .object({
    id: Id,
    number: z.string().nullable(),
    status: ReturnStatuses,
    contact: Id.nullable(),
    customer,
    order: Id.nullable(),
    replacement: Id.nullable(),
    currency: Currency,
    value: DecimalString.describe('Asked back'),
    refunded: DecimalString.describe('Paid back'),
    lines: count,
    salesperson: z.string().nullable(),
    zone: z.string(),
    requestedAt: Instant,
    requestedOn: Day,
    refundedAt: Instant.nullable(),
    refundedOn: Day.nullable(),
    closedAt: Instant.nullable(),
  })
  .meta({ id: 'Return' });

/** A kind of document: its table, how a row is shown, and the time by which lists are sorted and cut. */
export interface Documents {
  readonly table: string;
  readonly name: string;
  readonly time: string;
  /** Columns by the names that answers have. */
  readonly columns: Readonly<Record<string, string>>;
}

const orders: Documents = {
  table: 'orders',
  name: 'order',
  time: 'ordered_at',
  columns: {
    ...{ id: 'd.id', number: 'd.number', kind: 'd.kind', status: 'd.status', contact: 'd.contact' },
    ...{ currency: 'd.currency', net: 'd.net::text', invoiced: 'd.invoiced::text', paid: 'd.paid::text' },
    ...{ lines: 'd.lines', channel: 'd.channel', salesperson: 'd.salesperson', zone: 'd.zone' },
    ...{ orderedAt: 'd.ordered_at', orderedOn: 'd.ordered_on', completedAt: 'd.completed_at' },
    ...{ completedOn: 'd.completed_on', cancelledAt: 'd.cancelled_at' },
  },
};

const returns: Documents = {
  table: 'returns',
  name: 'return',
  time: 'requested_at',
  columns: {
    ...{ id: 'd.id', number: 'd.number', status: 'd.status', contact: 'd.contact', order: 'd.order_id' },
    ...{ replacement: 'd.replacement', currency: 'd.currency', value: 'd.value::text', refunded: 'd.refunded::text' },
    ...{ lines: 'd.lines', salesperson: 'd.salesperson', zone: 'd.zone', requestedAt: 'd.requested_at' },
    ...{ requestedOn: 'd.requested_on', refundedAt: 'd.refunded_at', refundedOn: 'd.refunded_on' },
    ...{ closedAt: 'd.closed_at' },
  },
};

// The chain from a document's subject to the customer whose it is now; null where it leads to no contact.
const customerOf = `(with recursive up (subject, step) as (
    select d.subject, 0
    union all
    select a.target, up.step + 1 from up join alias a on a.subject = up.subject where up.step < 1000)
  select up.subject from up join customers c on c.subject = up.subject order by up.step desc limit 1)`;

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

/** One document. @throws NotFound */
export async function documentOf<Item>(read: ReadModels, documents: Documents, id: string): Promise<Item> {
  const [row] = await read.rows(`select ${selectList(documents)} from ${documents.table} d where d.id = $1`, [id]);
  if (!row) throw new NotFound(`there is no ${documents.name} ${id}`);
  return plain<Item>(row);
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

const contact = Id.optional().describe('Only of this customer, with merged contacts and attached walk-in orders');
const orderFilters = {
  status: OrderStatuses.optional(),
  kind: z.enum(['sale', 'adjustment']).optional(),
  currency: Currency.optional(),
  number: text,
  ...instants,
  limit,
};

async function ordersPage(
  read: ReadModels,
  parameters: z.infer<z.ZodObject<typeof orderFilters>> & { contact?: string },
  after: readonly (string | number)[] | undefined,
): Promise<Page<z.infer<typeof OrderView>>> {
  const where = (await conditionsOf(read, parameters.contact))
    .when(parameters.status, (p) => `d.status = ${p}`)
    .when(parameters.kind, (p) => `d.kind = ${p}`)
    .when(parameters.currency, (p) => `d.currency = ${p}`)
    .when(parameters.number, (p) => `d.number = ${p}`);
  return documentsPage(read, orders, where, parameters, after);
}

export const listOrders = pagedQuery({
  name: 'Orders',
  summary: 'Orders, the newest first',
  route: 'GET /v1/orders',
  allowed: readers,
  parameters: z.strictObject({ contact, ...orderFilters }),
  item: OrderView,
  reads,
  run: (parameters, { read, after }) => ordersPage(read, parameters, after),
});

export const customerOrders = pagedQuery({
  name: 'CustomerOrders',
  summary: "A customer's orders, with those of merged contacts and attached walk-in orders, the newest first",
  route: 'GET /v1/customers/:id/orders',
  allowed: readers,
  parameters: z.strictObject({ id: Id, ...orderFilters }),
  item: OrderView,
  reads,
  run: ({ id, ...parameters }, { read, after }) => ordersPage(read, { contact: id, ...parameters }, after),
});

export const getOrder = query({
  name: 'Order',
  summary: 'One order as it stands',
  route: 'GET /v1/orders/:id',
  allowed: readers,
  parameters: z.strictObject({ id: Id }),
  answer: OrderView,
  reads,
  run: ({ id }, { read }) => documentOf<z.infer<typeof OrderView>>(read, orders, id),
});

export const listReturns = pagedQuery({
  name: 'Returns',
  summary: 'Returns and credit notes, the newest first',
  route: 'GET /v1/returns',
  allowed: readers,
  parameters: z.strictObject({
    contact,
    order: Id.optional(),
    status: ReturnStatuses.optional(),
    currency: Currency.optional(),
    number: text,
    ...instants,
    limit,
  }),
  item: ReturnView,
  reads,
  run: async (parameters, { read, after }) => {
    const where = (await conditionsOf(read, parameters.contact))
      .when(parameters.order, (p) => `d.order_id = ${p}`)
      .when(parameters.status, (p) => `d.status = ${p}`)
      .when(parameters.currency, (p) => `d.currency = ${p}`)
      .when(parameters.number, (p) => `d.number = ${p}`);
    return documentsPage<z.infer<typeof ReturnView>>(read, returns, where, parameters, after);
  },
});

export const getReturn = query({
  name: 'Return',
  summary: 'One return as it stands',
  route: 'GET /v1/returns/:id',
  allowed: readers,
  parameters: z.strictObject({ id: Id }),
  answer: ReturnView,
  reads,
  run: ({ id }, { read }) => documentOf<z.infer<typeof ReturnView>>(read, returns, id),
});
