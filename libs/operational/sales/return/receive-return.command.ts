import { z } from 'zod';
import { Note } from '#contracts/terms.js';
import { returnReceived } from '#contracts/sales/return.events.js';
import { command } from '#platform/kernel/command.js';
import { rule } from '#platform/kernel/errors.js';
import { compare } from '#platform/kernel/money.js';
import { LineQuantityInput, linesOf, uniqueLines } from '../sales-input.js';
import { itsOrder, releaseToOrder } from './hold-on-order.js';
import { Return, aboutReturn } from './return.aggregate.js';

export const receiveReturn = command({
  name: 'ReceiveReturn',
  summary:
    'Records what arrived, all that was asked for unless lines say less; what did not is free for another return',
  on: Return,
  route: 'POST /v1/returns/:id/receive',
  input: z.strictObject({ lines: linesOf(LineQuantityInput).optional(), note: Note.optional() }),
  refs: { order: itsOrder },
  decide: (back, { lines: given, note }, { id }) => {
    const { status, terms } = back;
    rule('return-is-authorised', status === 'authorised', `the return is ${status}`);
    const lines = given ?? terms.lines.map(({ line, quantity }) => ({ line, quantity }));
    uniqueLines(lines);
    const asked = new Map(terms.lines.map(({ line, quantity }) => [line, quantity]));
    for (const { line, quantity } of lines) {
      const most = asked.get(line);
      rule('line-in-return', most !== undefined, `the return has no line ${line}`);
      rule('received-within-return', compare(quantity, most) <= 0, `line ${line}: ${quantity} of ${most} asked for`);
    }
    const received = Object.fromEntries(lines.map(({ line, quantity }) => [line, quantity]));
    return [
      returnReceived({ ...aboutReturn(back), lines, note }),
      ...releaseToOrder({ id, terms }, terms.lines, received),
    ];
  },
});
