import { z } from 'zod';
import { orderReturnSettled } from '#contracts/sales/order.events.js';
import { returnRefunded } from '#contracts/sales/return.events.js';
import { Code, Note } from '#contracts/terms.js';
import { at, command } from '#platform/kernel/command.js';
import { rule } from '#platform/kernel/errors.js';
import { Currency, compare, minus } from '#platform/kernel/money.js';
import { min } from '../amounts.js';
import { creditFor, settled, spendable, standing } from '../order/order-account.js';
import { aboutOrder } from '../order/order.aggregate.js';
import { UnsignedAmount, amountCanBePaid, currencyAgrees } from '../sales-input.js';
import { itsOrder } from './hold-on-order.js';
import { Return, aboutReturn, acceptedLines, worthBack } from './return.aggregate.js';

export const refundReturn = command({
  name: 'RefundReturn',
  summary:
    'Refunds the accepted goods: their full value, or less where a fee is kept. At most what was paid for the order ' +
    'and not yet paid back goes out; the rest is taken off what is due',
  on: Return,
  route: 'POST /v1/returns/:id/refund',
  input: z.strictObject({
    amount: UnsignedAmount.optional(),
    currency: Currency,
    method: Code.optional(),
    note: Note.optional(),
  }),
  refs: { order: itsOrder },
  decide: (back, { amount, currency, method, note }, { id, refs }) => {
    rule('return-is-inspected', back.status === 'inspected', `the return is ${back.status}`);
    currencyAgrees(back.terms.currency, currency);
    const lines = acceptedLines(back);
    rule('something-accepted', lines.length > 0, 'the inspection accepted nothing');
    const order = refs.order?.state;
    rule(
      'order-is-known',
      order !== undefined,
      'the return names no order, so it is not known what was paid: exchange it, or record a credit note',
    );
    const value = worthBack(back);
    const most = creditFor(order, value);
    const refund = amount ?? most;
    amountCanBePaid(refund, currency);
    rule('refund-within-value', compare(refund, most) <= 0, `the accepted goods are worth ${most} ${currency}`);
    const kept = minus(most, refund);
    const net = min(refund, spendable(order, kept));
    const done = { value, kept, paidBack: net, moved: '0' };
    return [
      returnRefunded({
        ...aboutReturn(back),
        net,
        credited: minus(refund, net),
        lineCount: lines.length,
        lines,
        method,
        note,
      }),
      // On the order's own stream, so that of two refunds that race for the same money the second is decided anew.
      at('order', orderReturnSettled({ ...aboutOrder(order), return: id, ...done, ...standing(settled(order, done)) })),
    ];
  },
});
