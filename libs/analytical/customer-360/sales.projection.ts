import * as order from '#contracts/sales/order.events.js';
import * as back from '#contracts/sales/return.events.js';
import { dayOf } from '#platform/kernel/calendar.js';
import { partsOfStream, type RecordedEvent } from '#platform/kernel/envelope.js';
import { minus, payable, plus, sum } from '#platform/kernel/money.js';
import { change, on, type RowChange } from '#platform/projections/definition/projection.js';
import { Alias } from './alias.table.js';
import { CustomerSales, OrderRow, ReturnRow } from './sales.table.js';

const keyOf = ({ subject, stream }: RecordedEvent) => ({ subject, id: partsOfStream(stream).id });

/** Changes the row of the event's order, which its first event made. */
const ofOrder = (event: RecordedEvent, fold: (row: OrderRow) => Partial<OrderRow>): RowChange<OrderRow> =>
  change(OrderRow, keyOf(event), (row) => (row ? { ...row, ...fold(row) } : null));

const ofReturn = (event: RecordedEvent, fold: (row: ReturnRow) => Partial<ReturnRow>): RowChange<ReturnRow> =>
  change(ReturnRow, keyOf(event), (row) => (row ? { ...row, ...fold(row) } : null));

const toReturnStatus = (status: string) => (event: RecordedEvent) => ofReturn(event, () => ({ status }));

const noSales = {
  orders: 0,
  adjustments: 0,
  returns: 0,
  first_order_at: null,
  last_order_at: null,
  value: '0',
  refunds: '0',
  credited: '0',
  exchanged: '0',
  net: '0',
  paid: '0',
  paid_back: '0',
};

function ofSales(
  { subject, data: { currency } }: RecordedEvent<{ currency: string }>,
  fold: (row: CustomerSales) => Partial<CustomerSales>,
): RowChange<CustomerSales> {
  const key = { subject, currency };
  return change(CustomerSales, key, (found) => {
    const row = { ...(found ?? { ...noSales, ...key }) };
    Object.assign(row, fold(row));
    return { ...row, net: minus(row.value, sum([row.refunds, row.credited, row.exchanged])) };
  });
}

const earlier = (a: Date | null, b: Date): Date => (a && a <= b ? a : b);
const later = (a: Date | null, b: Date): Date => (a && a >= b ? a : b);

const termsInto =
  (status: 'draft' | 'placed') =>
  (event: RecordedEvent<Parameters<typeof order.orderPlaced>[0]>): RowChange<OrderRow> => {
    const { occurredAt, data } = event;
    const key = keyOf(event);
    return change(OrderRow, key, (draft) => ({
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

/** Orders, returns, what they are worth, and the aliases of walk-in orders. */
export const salesHandlers = [
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
  // Only walk-in orders are attached, and their subject is the order itself: the alias moves all that it owns.
  on(order.orderAttached, (event) => {
    const { subject, occurredAt: since, data } = event;
    return [
      ofOrder(event, () => ({ contact: data.contact })),
      change(Alias, { subject }, () => ({ subject, target: data.contact, reason: 'attached', since })),
    ];
  }),
  on(order.orderDetached, (event) => [
    ofOrder(event, () => ({ contact: null })),
    change(Alias, { subject: event.subject }, () => null),
  ]),
  on(back.returnRequested, (event) => {
    const { occurredAt, data } = event;
    const key = keyOf(event);
    return change(ReturnRow, key, () => ({
      number: data.number ?? null,
      status: 'requested',
      contact: data.contact ?? null,
      order_id: data.order ?? null,
      replacement: null,
      currency: data.currency,
      value: data.value,
      refunded: '0',
      credited: '0',
      lines: data.lines.length,
      salesperson: data.salesperson ?? null,
      zone: data.zone,
      requested_at: occurredAt,
      requested_on: dayOf(occurredAt, data.zone),
      refunded_at: null,
      refunded_on: null,
      closed_at: null,
      ...key,
    }));
  }),
  on(back.returnAuthorised, toReturnStatus('authorised')),
  on(back.returnDenied, toReturnStatus('denied')),
  on(back.returnReceived, toReturnStatus('received')),
  on(back.returnInspected, toReturnStatus('inspected')),
  on(back.returnRefunded, (event) => {
    const { occurredAt, data } = event;
    return [
      ofReturn(event, () => ({
        status: 'refunded',
        refunded: data.net,
        credited: data.credited,
        refunded_at: occurredAt,
        refunded_on: dayOf(occurredAt, data.zone),
      })),
      ofSales(event, (row) => ({
        returns: row.returns + 1,
        refunds: plus(row.refunds, data.net),
        credited: plus(row.credited, data.credited),
      })),
    ];
  }),
  on(back.returnExchanged, (event) => {
    const { replacement, value } = event.data;
    return [
      ofReturn(event, () => ({ status: 'exchanged', replacement })),
      ofSales(event, (row) => ({ exchanged: plus(row.exchanged, value) })),
    ];
  }),
  on(back.returnExchangeUndone, (event) => [
    ofReturn(event, () => ({ status: 'inspected', replacement: null, closed_at: null })),
    ofSales(event, (row) => ({ exchanged: minus(row.exchanged, event.data.value) })),
  ]),
  on(back.returnClosed, (event) => ofReturn(event, () => ({ status: 'closed', closed_at: event.occurredAt }))),
];
