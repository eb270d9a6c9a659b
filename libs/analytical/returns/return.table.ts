import { z } from 'zod';
import { CurrencyCode } from '#platform/kernel/money.js';
import { count, day, decimal, instant, text, uuid } from '#platform/projections/definition/columns.js';
import { table, type RowOf } from '#platform/projections/definition/table.js';
import { listIndexes } from '../documents.js';

export const CustomerReturns = table('customer_returns', {
  about: 'What a customer gave back, by currency: returns that were refunded or exchanged',
  columns: {
    currency: text(CurrencyCode).key(),
    returns: count().describe('Those refunded'),
    refunds: decimal().describe('Paid back for returns'),
    credited: decimal().describe('Taken off what was due for goods that came back, as no more was paid'),
    exchanged: decimal().describe('What goods were bought for that were taken back for others'),
  },
});
export type CustomerReturns = RowOf<typeof CustomerReturns>;

export const ReturnStatus = z.enum([
  'requested',
  'authorised',
  'denied',
  'received',
  'inspected',
  'refunded',
  'exchanged',
  'closed',
]);

export const ReturnRow = table('returns', {
  about: 'A return as it stands after its last event',
  columns: {
    id: uuid().key(),
    number: text().nullable(),
    status: text(ReturnStatus),
    contact: uuid().nullable(),
    order_id: uuid().nullable().as('order'),
    replacement: uuid().nullable().describe('The order that brings the replacement of an exchange'),
    currency: text(CurrencyCode),
    value: decimal().describe('Asked back'),
    refunded: decimal().describe('Paid back'),
    credited: decimal().describe('Refunded by taking it off what was due for the order, as no more was paid'),
    lines: count(),
    salesperson: text().nullable(),
    zone: text(),
    requested_at: instant(),
    requested_on: day(),
    refunded_at: instant().nullable(),
    refunded_on: day().nullable(),
    closed_at: instant().nullable(),
  },
  indexes: listIndexes('requested_at', ['number', 'status', 'currency', 'order_id']),
});
export type ReturnRow = RowOf<typeof ReturnRow>;
