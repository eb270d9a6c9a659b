import { z } from 'zod';
import { orderInvoiceRecorded } from '#contracts/sales/order.events.js';
import { DocumentNumber } from '#contracts/terms.js';
import { Day } from '#platform/kernel/calendar.js';
import { command } from '#platform/kernel/command.js';
import { rule } from '#platform/kernel/errors.js';
import { Currency, compare, payable, plus } from '#platform/kernel/money.js';
import { PositiveAmount, amountCanBePaid, currencyAgrees } from '../sales-input.js';
import { Order, aboutOrder } from './order.aggregate.js';

/** Invoices of one order. */
export const MAX_INVOICES = 100_000;

const INVOICEABLE = ['confirmed', 'partially-fulfilled', 'fulfilled', 'completed'];

export const recordInvoice = command({
  name: 'RecordInvoice',
  summary: 'Records an invoice over a part or all of the net of an order',
  on: Order,
  route: 'POST /v1/orders/:id/invoices',
  input: z.strictObject({
    invoice: DocumentNumber,
    amount: PositiveAmount,
    currency: Currency,
    dueOn: Day.optional(),
  }),
  decide: (order, { invoice, amount, currency, dueOn }) => {
    const { status, terms, invoices } = order;
    rule('order-is-invoiceable', INVOICEABLE.includes(status), `the order is ${status}`);
    currencyAgrees(terms.currency, currency);
    amountCanBePaid(amount, currency);
    rule('invoice-number-new', !invoices.has(invoice), `invoice ${invoice} is recorded already`);
    rule('invoices-within-limit', invoices.size < MAX_INVOICES, `an order has at most ${MAX_INVOICES} invoices`);
    const invoiced = plus(order.invoiced, amount);
    const most = payable(terms.net, currency);
    rule('invoiced-within-net', compare(invoiced, most) <= 0, `${invoiced} would be invoiced of a net of ${most}`);
    return orderInvoiceRecorded({ ...aboutOrder(order), invoice, amount, invoiced, dueOn });
  },
});
