import { z } from 'zod';
import { orderReplacementAssigned, orderReturnSettled } from '#contracts/sales/order.events.js';
import { Note } from '#contracts/terms.js';
import { returnExchanged } from '#contracts/sales/return.events.js';
import { at, command, reference } from '#platform/kernel/command.js';
import type { EventAt } from '#platform/kernel/command.js';
import { rule } from '#platform/kernel/errors.js';
import { Id } from '#platform/kernel/ids.js';
import { payable } from '#platform/kernel/money.js';
import { min } from '../amounts.js';
import { booked, creditFor, settled, spendable, standing } from '../order/order-account.js';
import { Order, aboutOrder } from '../order/order.aggregate.js';
import type { OrderState } from '../order/order.aggregate.js';
import { currencyAgrees } from '../sales-input.js';
import { itsOrder } from './hold-on-order.js';
import { Return, aboutReturn, acceptedLines, worthBack } from './return.aggregate.js';

export const exchangeReturn = command({
  name: 'ExchangeReturn',
  summary:
    'Answers the accepted goods with another order instead of money: what was paid for them is paid there, and what ' +
    'was not is no longer due. An order replaces the goods of one return',
  on: Return,
  route: 'POST /v1/returns/:id/exchange',
  input: z.strictObject({ replacement: Id, note: Note.optional() }),
  refs: { replacement: reference(Order, (input: { replacement: string }) => input.replacement), order: itsOrder },
  decide: (back, { replacement, note }, { id, refs }) => {
    rule('return-is-inspected', back.status === 'inspected', `the return is ${back.status}`);
    const lines = acceptedLines(back);
    rule('something-accepted', lines.length > 0, 'the inspection accepted nothing');
    rule('replacement-is-another-order', replacement !== back.terms.order, 'this is the order that came back');
    const next = refs.replacement!.state;
    const lives = next.status !== 'none' && next.status !== 'cancelled';
    rule('replacement-exists', lives, `order ${replacement} is ${next.status}`);
    // A draft takes no money, and the goods bring some.
    rule('replacement-is-placed', next.status !== 'draft', `order ${replacement} is a draft; place it first`);
    const { return: other } = next.replaces ?? {};
    rule(
      'replacement-serves-one-return',
      other === undefined,
      `order ${replacement} replaces the goods of return ${other}`,
    );
    currencyAgrees(back.terms.currency, next.terms.currency);
    const value = worthBack(back);
    return [
      returnExchanged({ ...aboutReturn(back), replacement, value, lineCount: lines.length, lines, note }),
      ...moneyOf({ id, order: back.terms.order, value }, refs.order?.state, next),
    ];
  },
});

/** What was paid for the goods goes on to the replacement; goods whose order is not known are taken off its price. */
function moneyOf(
  { id, order: from, value }: { id: string; order?: string | undefined; value: string },
  order: OrderState | undefined,
  replacement: OrderState,
): EventAt[] {
  const assigned = (moved: string, allowance: string): EventAt => {
    const after = booked(replacement, { moved, allowance });
    const data = { return: id, order: from, value, moved, allowance, ...standing(after) };
    return at('replacement', orderReplacementAssigned({ ...aboutOrder(replacement), ...data }));
  };
  if (!order) return [assigned('0', payable(value, replacement.terms.currency))];
  const moved = min(creditFor(order, value), spendable(order, '0'));
  const done = { value, kept: '0', paidBack: '0', moved };
  const data = { return: id, ...done, ...standing(settled(order, done)) };
  return [assigned(moved, '0'), at('order', orderReturnSettled({ ...aboutOrder(order), ...data }))];
}
