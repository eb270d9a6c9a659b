import { z } from 'zod';
import { Code, Note } from '#contracts/terms.js';
import { returnRefunded } from '#contracts/sales/return.events.js';
import { command } from '#platform/kernel/command.js';
import { rule } from '#platform/kernel/errors.js';
import { Currency, compare } from '#platform/kernel/money.js';
import { max } from '../amounts.js';
import { UnsignedAmount, currencyAgrees } from '../sales-input.js';
import { Return, aboutReturn, acceptedLines, acceptedValue } from './return.aggregate.js';

export const refundReturn = command({
  name: 'RefundReturn',
  summary: 'Pays the accepted goods back: their full value, or less where a fee is kept',
  on: Return,
  route: 'POST /v1/returns/:id/refund',
  allowed: ['service', 'admin'],
  input: z.strictObject({
    amount: UnsignedAmount.optional(),
    currency: Currency,
    method: Code.optional(),
    note: Note.optional(),
  }),
  decide: (back, { amount, currency, method, note }) => {
    rule('return-is-inspected', back.status === 'inspected', `the return is ${back.status}`);
    currencyAgrees(back.terms.currency, currency);
    const lines = acceptedLines(back);
    rule('something-accepted', lines.length > 0, 'the inspection accepted nothing');
    // Discount lines have a price below 0; accepted alone they are worth nothing to pay back.
    const value = max('0', acceptedValue(back));
    const net = amount ?? value;
    rule('refund-within-value', compare(net, value) <= 0, `the accepted goods are worth ${value} ${currency}`);
    return returnRefunded({ ...aboutReturn(back), net, lineCount: lines.length, lines, method, note });
  },
});
