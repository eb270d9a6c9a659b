import { orderCompleted } from '#contracts/sales/order.events.js';
import { returnExchangeUndone, returnExchanged, returnRefunded } from '#contracts/sales/return.events.js';
import { dayOf } from '#platform/kernel/calendar.js';
import type { RecordedEvent } from '#platform/kernel/envelope.js';
import { minus, plus } from '#platform/kernel/money.js';
import { on, projection } from '#platform/projections/definition/projection.js';
import { OrdersByCustomerDay } from './orders-by-customer-day.table.js';

const nothing = {
  orders: 0,
  adjustments: 0,
  lines: 0,
  value: '0',
  sale_orders: 0,
  sale_lines: 0,
  sale_value: '0',
  returns: 0,
  return_lines: 0,
  refunds: '0',
  credited: '0',
  exchanges: 0,
  exchanged: '0',
};

/** The row of the day on which the event happened, in the event's own zone. */
function onDay(
  { subject, position, occurredAt, data }: RecordedEvent<{ contact?: string; currency: string; zone: string }>,
  add: (row: OrdersByCustomerDay) => Partial<OrdersByCustomerDay>,
) {
  const key = { subject, day: dayOf(occurredAt, data.zone), currency: data.currency };
  // A property of the subject, not of the event: the flag does not depend on what came first.
  const contact = data.contact === subject;
  return OrdersByCustomerDay.change(key, (found) => {
    const row = found ?? { ...nothing, contact, changed_at: position, ...key };
    return { ...row, ...add(row), changed_at: position };
  });
}

/** What was bought and given back, by customer, day and currency. */
export const ordersByCustomerDay = projection({
  name: 'orders-by-customer-day',
  version: 5,
  tables: [OrdersByCustomerDay],
  on: [
    on(orderCompleted, (event) => {
      const { kind, net, lines, saleLines, saleValue } = event.data;
      return onDay(event, (row) => {
        const booked = { lines: row.lines + lines, value: plus(row.value, net) };
        if (kind === 'adjustment') return { ...booked, adjustments: row.adjustments + 1 };
        return {
          ...booked,
          orders: row.orders + 1,
          sale_orders: row.sale_orders + (saleLines > 0 ? 1 : 0),
          sale_lines: row.sale_lines + saleLines,
          sale_value: plus(row.sale_value, saleValue),
        };
      });
    }),
    on(returnRefunded, (event) =>
      onDay(event, (row) => ({
        returns: row.returns + 1,
        return_lines: row.return_lines + event.data.lineCount,
        refunds: plus(row.refunds, event.data.net),
        credited: plus(row.credited, event.data.credited),
      })),
    ),
    on(returnExchanged, (event) =>
      onDay(event, (row) => ({
        exchanges: row.exchanges + 1,
        exchanged: plus(row.exchanged, event.data.value),
      })),
    ),
    on(returnExchangeUndone, (event) =>
      onDay(event, (row) => ({
        exchanges: row.exchanges - 1,
        exchanged: minus(row.exchanged, event.data.value),
      })),
    ),
  ],
});
