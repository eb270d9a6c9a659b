import { z } from 'zod';
import { Note } from '#contracts/terms.js';
import { returnExchanged } from '#contracts/sales/return.events.js';
import { command, reference } from '#platform/kernel/command.js';
import { rule } from '#platform/kernel/errors.js';
import { Id } from '#platform/kernel/ids.js';
import { Order } from '../order/order.aggregate.js';
import { currencyAgrees } from '../sales-input.js';
import { Return, aboutReturn, acceptedLines, acceptedValue } from './return.aggregate.js';

export const exchangeReturn = command({
  name: 'ExchangeReturn',
  summary: 'Answers the accepted goods with another order instead of money',
  on: Return,
  route: 'POST /v1/returns/:id/exchange',
  allowed: ['service', 'admin'],
  input: z.strictObject({ replacement: Id, note: Note.optional() }),
  refs: { replacement: reference(Order, (input: { replacement: string }) => input.replacement) },
  decide: (back, { replacement, note }, { refs }) => {
    rule('return-is-inspected', back.status === 'inspected', `the return is ${back.status}`);
    const lines = acceptedLines(back);
    rule('something-accepted', lines.length > 0, 'the inspection accepted nothing');
    rule('replacement-is-another-order', replacement !== back.terms.order, 'this is the order that came back');
    const order = refs.replacement!.state;
    const lives = order.status !== 'none' && order.status !== 'cancelled';
    rule('replacement-exists', lives, `order ${replacement} is ${order.status}`);
    currencyAgrees(back.terms.currency, order.terms.currency);
    const value = acceptedValue(back);
    return returnExchanged({ ...aboutReturn(back), replacement, value, lineCount: lines.length, lines, note });
  },
});
