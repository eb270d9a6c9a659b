import { z } from 'zod';
import { OrderKind } from '#contracts/sales/order.events.js';
import { CurrencyCode } from '#platform/kernel/money.js';
import { count, day, decimal, instant, text, uuid } from '#platform/projections/definition/columns.js';
import { table, type RowOf } from '#platform/projections/definition/table.js';
import { listIndexes } from '../documents.js';

export const CustomerSales = table('customer_sales', {
  about: 'What a customer bought, by currency: completed orders; and the money that passed',
  columns: {
    currency: text(CurrencyCode).key(),
    orders: count(),
    adjustments: count(),
    first_order_at: instant().nullable(),
    last_order_at: instant().nullable(),
    value: decimal().describe('Exact net of orders and adjustments'),
    paid: decimal().describe('Received for orders'),
    paid_back: decimal().describe('Paid back, of payments and for returns of orders'),
  },
});
export type CustomerSales = RowOf<typeof CustomerSales>;

export const OrderStatus = z.enum([
  'draft',
  'placed',
  'confirmed',
  'on-hold',
  'partially-fulfilled',
  'fulfilled',
  'completed',
  'cancelled',
]);

export const OrderRow = table('orders', {
  about: 'An order as it stands after its last event',
  columns: {
    id: uuid().key(),
    number: text().nullable(),
    kind: text(OrderKind),
    status: text(OrderStatus),
    contact: uuid().nullable().describe('Whom it was placed for or attached to'),
    currency: text(CurrencyCode),
    net: decimal(),
    invoiced: decimal(),
    paid: decimal().describe('Received in payments'),
    paid_back: decimal().describe('Paid back, of payments and for returns'),
    moved: decimal().describe('Moved here by exchanges, less what they moved away'),
    outstanding: decimal().describe("Still due, rounded to the currency's minor unit"),
    overpaid: decimal().describe('Held above what the order comes to: can be paid back'),
    lines: count(),
    channel: text().nullable(),
    salesperson: text().nullable(),
    zone: text(),
    ordered_at: instant(),
    ordered_on: day(),
    completed_at: instant().nullable(),
    completed_on: day().nullable(),
    cancelled_at: instant().nullable(),
  },
  indexes: listIndexes('ordered_at', ['number', 'status', 'kind', 'currency']),
});
export type OrderRow = RowOf<typeof OrderRow>;
