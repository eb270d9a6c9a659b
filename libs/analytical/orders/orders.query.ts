import { z } from 'zod';
import { Day, Instant } from '#platform/kernel/calendar.js';
import { Id } from '#platform/kernel/ids.js';
import { CurrencyCode, ExactDecimal } from '#platform/kernel/money.js';
import { pagedQuery, type Page, type ReadModels } from '#platform/projections/definition/query.js';
import { aliases } from '../aliases/aliases.projection.js';
import { profile } from '../profile/profile.projection.js';
import { instants, limit } from '../query-parameters.js';
import { orders } from './orders.projection.js';
import { contact, customer, customerName, documentsPage, text, type Documents } from '../documents.js';

const reads = [orders, profile, aliases] as const;
const count = z.int().min(0);
const OrderStatuses = z.enum([
  'draft',
  'placed',
  'confirmed',
  'on-hold',
  'partially-fulfilled',
  'fulfilled',
  'completed',
  'cancelled',
] as [string, ...string[]]);
export const OrderView = z
  .object({
    id: Id,
    number: z.string().nullable(),
    kind: z.enum(['sale', 'adjustment']),
    status: OrderStatuses,
    contact: Id.nullable().describe('Whom it was placed for or attached to'),
    customer,
    customerName,
    currency: CurrencyCode,
    net: ExactDecimal,
    invoiced: ExactDecimal,
    paid: ExactDecimal.describe('Received in payments'),
    paidBack: ExactDecimal.describe('Paid back, of payments and for returns'),
    moved: ExactDecimal.describe('Moved here by exchanges, less what they moved away'),
    outstanding: ExactDecimal.describe("Still due, rounded to the currency's minor unit"),
    overpaid: ExactDecimal.describe('Held above what the order comes to: can be paid back'),
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
  .meta({ id: 'OrderView' });

const documents: Documents = {
  table: 'orders',
  time: 'ordered_at',
  columns: {
    id: 'd.id',
    number: 'd.number',
    kind: 'd.kind',
    status: 'd.status',
    contact: 'd.contact',
    currency: 'd.currency',
    net: 'trim_scale(d.net)::text',
    invoiced: 'trim_scale(d.invoiced)::text',
    paid: 'trim_scale(d.paid)::text',
    paidBack: 'trim_scale(d.paid_back)::text',
    moved: 'trim_scale(d.moved)::text',
    outstanding: 'trim_scale(d.outstanding)::text',
    overpaid: 'trim_scale(d.overpaid)::text',
    lines: 'd.lines',
    channel: 'd.channel',
    salesperson: 'd.salesperson',
    zone: 'd.zone',
    orderedAt: 'd.ordered_at',
    orderedOn: 'd.ordered_on',
    completedAt: 'd.completed_at',
    completedOn: 'd.completed_on',
    cancelledAt: 'd.cancelled_at',
  },
};

const orderFilters = {
  status: OrderStatuses.optional(),
  kind: z.enum(['sale', 'adjustment']).optional(),
  currency: CurrencyCode.optional(),
  number: text,
  ...instants,
  limit,
};

const ordersPage = (
  read: ReadModels,
  { status, kind, currency, number, ...asked }: z.infer<z.ZodObject<typeof orderFilters>> & { contact?: string },
  after: readonly (string | number)[] | undefined,
): Promise<Page<z.infer<typeof OrderView>>> =>
  documentsPage(read, documents, { status, kind, currency, number }, asked, after);

export const listOrders = pagedQuery({
  name: 'Orders',
  summary: 'Orders, the newest first',
  route: 'GET /v1/orders',
  parameters: z.strictObject({ contact, ...orderFilters }),
  item: OrderView,
  reads,
  run: (parameters, { read, after }) => ordersPage(read, parameters, after),
});

export const customerOrders = pagedQuery({
  name: 'CustomerOrders',
  summary: "A customer's orders, with those of merged contacts and attached walk-in orders, the newest first",
  route: 'GET /v1/customers/:id/orders',
  parameters: z.strictObject({ id: Id, ...orderFilters }),
  item: OrderView,
  reads,
  run: ({ id, ...parameters }, { read, after }) => ordersPage(read, { contact: id, ...parameters }, after),
});
