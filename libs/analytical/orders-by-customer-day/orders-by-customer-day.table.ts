import { CurrencyCode } from '#platform/kernel/money.js';
import { bigint, boolean, count, day, decimal, integer, text } from '#platform/projections/definition/columns.js';
import { table, type RowOf } from '#platform/projections/definition/table.js';

export const OrdersByCustomerDay = table('orders_by_customer_day', {
  about:
    'What one customer bought and gave back on one day, in one currency. A day is the day in the zone of the shop where it happened',
  subject: 'The contact, or for a walk-in sale the order itself',
  columns: {
    day: day().key(),
    currency: text(CurrencyCode).key(),
    contact: boolean().describe('False for a walk-in: it is nobody’s until an alias says whose'),
    orders: count().describe('Completed sales'),
    adjustments: count().describe('Completed corrections of the books, which are no sales'),
    lines: count().describe('Lines of orders and adjustments'),
    value: decimal().describe('Exact sum of the net of orders and adjustments'),
    sale_orders: count().describe('Sales with at least one line of quantity and price above 0: what frequency counts'),
    sale_lines: count(),
    sale_value: decimal(),
    returns: count().describe('Returns that were refunded, credit notes included'),
    return_lines: count(),
    refunds: decimal().describe('Paid back for returns'),
    credited: decimal().describe('Taken off what was due for goods that came back, as no more was paid'),
    exchanges: integer().describe('Returns that were exchanged, less those that were undone that day: may be below 0'),
    exchanged: decimal().describe(
      'What the goods taken back in exchanges were bought for, less what was undone; the replacement is an order',
    ),
    changed_at: bigint().describe('Position of the last event that changed the row'),
  },
  indexes: [['currency', 'day'], ['day', 'currency'], ['changed_at']],
});
export type OrdersByCustomerDay = RowOf<typeof OrdersByCustomerDay>;
