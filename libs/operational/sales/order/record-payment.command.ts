import { z } from 'zod';
import { Amount } from '#contracts/sales/order-line.js';
import { orderPaymentRecorded } from '#contracts/sales/order.events.js';
import { Code, key } from '#contracts/terms.js';
import { command } from '#platform/kernel/command.js';
import { rule } from '#platform/kernel/errors.js';
import { Currency, compare } from '#platform/kernel/money.js';
import { PositiveAmount, amountCanBePaid, currencyAgrees } from '../sales-input.js';
import { booked, held, outstanding, standing } from './order-account.js';
import { Order, aboutOrder } from './order.aggregate.js';

const UNPAYABLE = ['none', 'draft', 'cancelled'];

export const recordPayment = command({
  name: 'RecordPayment',
  summary: 'Records money received for an order; more than is due only when the sender says so',
  on: Order,
  route: 'POST /v1/orders/:id/payments',
  input: z.strictObject({
    amount: PositiveAmount,
    currency: Currency,
    method: Code,
    reference: key(100).optional(),
    allowOverpayment: z.boolean().optional(),
  }),
  decide: (order, { amount, currency, method, reference, allowOverpayment }) => {
    rule('order-takes-payments', !UNPAYABLE.includes(order.status), `the order is ${order.status}`);
    currencyAgrees(order.terms.currency, currency);
    amountCanBePaid(amount, currency);
    const due = outstanding(order);
    rule(
      'payment-within-due',
      allowOverpayment === true || compare(amount, due) <= 0,
      `${due} ${currency} is due; a payment above it needs allowOverpayment`,
    );
    const after = booked(order, { paid: amount });
    const paid = held(after);
    rule('paid-is-an-amount', Amount.safeParse(paid).success, `the payments would come to ${paid}`);
    return orderPaymentRecorded({ ...aboutOrder(order), amount, method, reference, ...standing(after) });
  },
});
