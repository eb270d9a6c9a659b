import * as order from '#contracts/sales/order.events.js';
import { dayOf } from '#platform/kernel/calendar.js';
import type { RecordedEvent } from '#platform/kernel/envelope.js';
import { minus, payable, plus } from '#platform/kernel/money.js';
import { on, projection } from '#platform/projections/definition/projection.js';
import type { RowChange } from '#platform/projections/definition/table.js';
import { CustomerSales, OrderRow } from './order.table.js';

const keyOf = ({ subject, aggregateId }: RecordedEvent) => ({ subject, id: aggregateId });

/** Changes the row of the event's order, which its first event made. */
const ofOrder = (event: RecordedEvent, fold: (row: OrderRow) => Partial<OrderRow>): RowChange<OrderRow> =>
  OrderRow.change(keyOf(event), (row) => (row ? { ...row, ...fold(row) } : null));

const noSales = {
  orders: 0,
  adjustments: 0,
  first_order_at: null,
  last_order_at: null,
  value: '0',
  paid: '0',
  paid_back: '0',
};

function ofSales(
  { subject, data: { currency } }: RecordedEvent<{ currency: string }>,
  fold: (row: CustomerSales) => Partial<CustomerSales>,
): RowChange<CustomerSales> {
  const key = { subject, currency };
  return CustomerSales.change(key, (found) => {
    const row = found ?? { ...noSales, ...key };
    return { ...row, ...fold(row) };
  });
}

const earlier = (a: Date | null, b: Date): Date => (a && a <= b ? a : b);
const later = (a: Date | null, b: Date): Date => (a && a >= b ? a : b);

const termsInto =
  (status: 'draft' | 'placed') =>
  (event: RecordedEvent<Parameters<typeof order.orderPlaced>[0]>): RowChange<OrderRow> => {
    const { occurredAt, data } = event;
    const key = keyOf(event);
    return OrderRow.change(key, (draft) => ({
      number: data.number ?? null,
      kind: data.kind,
      status,
      currency: data.currency,
      net: data.net,
      contact: data.contact ?? draft?.contact ?? null,
      invoiced: draft?.invoiced ?? '0',
      paid: '0',
      paid_back: '0',
      moved: '0',
      // A draft takes no money.
      outstanding: payable(data.net, data.currency),
      overpaid: '0',
      lines: data.lines.length,
      channel: data.channel ?? null,
      salesperson: data.salesperson ?? null,
      zone: data.zone,
      ordered_at: occurredAt,
      ordered_on: dayOf(occurredAt, data.zone),
      completed_at: null,
      completed_on: null,
      cancelled_at: null,
      ...key,
    }));
  };

/** An exchange moved money to an order, or gave back what it had moved away. */
function movedHere(
  event: RecordedEvent<{ moved: string; outstanding: string; overpaid: string }>,
): RowChange<OrderRow> {
  const { moved: amount, outstanding, overpaid } = event.data;
  return ofOrder(event, ({ moved }) => ({ moved: plus(moved, amount), outstanding, overpaid }));
}

/** Orders as they stand, and what each customer bought. */
export const orders = projection({
  name: 'orders',
  version: 2,
  tables: [OrderRow, CustomerSales],
  on: [
    on(order.orderDrafted, termsInto('draft')),
    on(order.orderPlaced, termsInto('placed')),
    on(order.orderConfirmed, (event) => ofOrder(event, () => ({ status: 'confirmed' }))),
    on(order.orderHeld, (event) => ofOrder(event, () => ({ status: 'on-hold' }))),
    on(order.orderReleased, (event) => ofOrder(event, () => ({ status: event.data.stage }))),
    on(order.orderAmended, (event) => {
      const { stage, lines, net, salesperson, outstanding, overpaid } = event.data;
      const terms = { lines: lines.length, net, salesperson: salesperson ?? null };
      return ofOrder(event, () => ({ status: stage, ...terms, outstanding, overpaid }));
    }),
    on(order.orderFulfilmentRecorded, (event) =>
      ofOrder(event, () => ({ status: event.data.complete ? 'fulfilled' : 'partially-fulfilled' })),
    ),
    on(order.orderInvoiceRecorded, (event) => ofOrder(event, () => ({ invoiced: event.data.invoiced }))),
    on(order.orderPaymentRecorded, (event) => {
      const { amount, outstanding, overpaid } = event.data;
      return [
        ofOrder(event, ({ paid }) => ({ paid: plus(paid, amount), outstanding, overpaid })),
        ofSales(event, ({ paid }) => ({ paid: plus(paid, amount) })),
      ];
    }),
    on(order.orderPaymentRefunded, (event) => {
      const { amount, outstanding, overpaid } = event.data;
      return [
        ofOrder(event, ({ paid_back }) => ({ paid_back: plus(paid_back, amount), outstanding, overpaid })),
        ofSales(event, ({ paid_back }) => ({ paid_back: plus(paid_back, amount) })),
      ];
    }),
    on(order.orderCompleted, (event) => {
      const { occurredAt, data } = event;
      return [
        ofOrder(event, () => ({
          status: 'completed',
          completed_at: occurredAt,
          completed_on: dayOf(occurredAt, data.zone),
        })),
        ofSales(event, (row) => {
          const value = plus(row.value, data.net);
          if (data.kind === 'adjustment') return { adjustments: row.adjustments + 1, value };
          return {
            orders: row.orders + 1,
            value,
            first_order_at: earlier(row.first_order_at, occurredAt),
            last_order_at: later(row.last_order_at, occurredAt),
          };
        }),
      ];
    }),
    on(order.orderCancelled, (event) => {
      const { occurredAt, data } = event;
      const { refundDue: overpaid, movedBack = '0' } = data;
      return ofOrder(event, ({ moved }) => ({
        status: 'cancelled',
        cancelled_at: occurredAt,
        moved: minus(moved, movedBack),
        outstanding: '0',
        overpaid,
      }));
    }),
    on(order.orderReturnSettled, (event) => {
      const { paidBack, moved: away, outstanding, overpaid } = event.data;
      return [
        ofOrder(event, ({ paid_back, moved }) => ({
          paid_back: plus(paid_back, paidBack),
          moved: minus(moved, away),
          outstanding,
          overpaid,
        })),
        ofSales(event, ({ paid_back }) => ({ paid_back: plus(paid_back, paidBack) })),
      ];
    }),
    on(order.orderReturnReopened, movedHere),
    on(order.orderReplacementAssigned, movedHere),
    on(order.orderAttached, (event) => ofOrder(event, () => ({ contact: event.data.contact }))),
    on(order.orderDetached, (event) => ofOrder(event, () => ({ contact: null }))),
  ],
});
