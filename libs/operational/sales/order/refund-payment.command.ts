import { z } from 'zod';
import { orderPaymentRefunded } from '#contracts/sales/order.events.js';
import { Code, Note, key } from '#contracts/terms.js';
import { command } from '#platform/kernel/command.js';
import { rule } from '#platform/kernel/errors.js';
import { Currency, compare } from '#platform/kernel/money.js';
import { PositiveAmount, amountCanBePaid, currencyAgrees } from '../sales-input.js';
import { booked, overpaid, standing } from './order-account.js';
import { Order, aboutOrder } from './order.aggregate.js';

export const refundPayment = command({
  name: 'RefundPayment',
  summary:
    'Pays back what was paid above what an order comes to: an overpayment, or what a cancelled order still holds',
  on: Order,
  route: 'POST /v1/orders/:id/refunds',
  input: z.strictObject({
    amount: PositiveAmount.optional().meta({ description: 'All that can be paid back unless it says less' }),
    currency: Currency,
    method: Code.optional(),
    reference: key(100).optional(),
    note: Note.optional(),
  }),
  decide: (order, { amount: given, currency, method, reference, note }) => {
    currencyAgrees(order.terms.currency, currency);
    const most = overpaid(order);
    rule('something-overpaid', compare(most, '0') > 0, 'nothing is paid above what the order comes to');
    const amount = given ?? most;
    amountCanBePaid(amount, currency);
    rule('refund-within-overpaid', compare(amount, most) <= 0, `${most} ${currency} can be paid back`);
    const after = booked(order, { paidBack: amount });
    return orderPaymentRefunded({ ...aboutOrder(order), amount, method, reference, note, ...standing(after) });
  },
});
