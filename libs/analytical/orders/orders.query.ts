import { z } from 'zod';
import { OrderKind } from '#contracts/sales/order.events.js';
import { Id } from '#platform/kernel/ids.js';
import { CurrencyCode } from '#platform/kernel/money.js';
import { pagedQuery } from '#platform/projections/definition/query.js';
import { aliases } from '../aliases/aliases.projection.js';
import { subjectsAbout } from '../aliases/family.js';
import { profile } from '../profile/profile.projection.js';
import { instants, limit } from '../query-parameters.js';
import { OrderRow, OrderStatus } from './order.table.js';
import { orders } from './orders.projection.js';
import { contact, customer, customerName, documentsPage, text, type Documents } from '../documents.js';

const reads = [orders, profile, aliases] as const;

export const OrderView = z.object({ ...OrderRow.fields, customer, customerName }).meta({ id: 'OrderView' });
type OrderView = z.infer<typeof OrderView>;

const documents: Documents = { table: OrderRow, time: 'ordered_at' };

const orderFilters = {
  status: OrderStatus.optional(),
  kind: OrderKind.optional(),
  currency: CurrencyCode.optional(),
  number: text,
  ...instants,
  limit,
};

export const listOrders = pagedQuery({
  name: 'Orders',
  summary: 'Orders, the newest first',
  route: 'GET /v1/orders',
  parameters: z.strictObject({ contact, ...orderFilters }),
  item: OrderView,
  reads,
  about: ({ contact }, read) => (contact === undefined ? undefined : subjectsAbout(read, contact)),
  run: (parameters, { read, after }) => documentsPage<OrderView>(read, documents, parameters, after),
});

export const customerOrders = pagedQuery({
  name: 'CustomerOrders',
  summary: "A customer's orders, with those of merged contacts and attached walk-in orders, the newest first",
  route: 'GET /v1/customers/:id/orders',
  parameters: z.strictObject({ id: Id, ...orderFilters }),
  item: OrderView,
  reads,
  about: ({ id }, read) => subjectsAbout(read, id),
  run: ({ id, ...parameters }, { read, after }) =>
    documentsPage<OrderView>(read, documents, { contact: id, ...parameters }, after),
});
