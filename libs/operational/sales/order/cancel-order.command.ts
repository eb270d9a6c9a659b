import { z } from 'zod';
import { orderCancelled, orderReturnReopened } from '#contracts/sales/order.events.js';
import { Code, Note } from '#contracts/terms.js';
import { returnExchangeUndone } from '#contracts/sales/return.events.js';
import { at, command, reference } from '#platform/kernel/command.js';
import type { EventAt } from '#platform/kernel/command.js';
import { rule } from '#platform/kernel/errors.js';
import { minus } from '#platform/kernel/money.js';
import { min } from '../amounts.js';
import { Return, aboutReturn } from '../return/return.aggregate.js';
import type { ReturnState } from '../return/return.aggregate.js';
import { held, reopened, standing } from './order-account.js';
import { Order, aboutOrder } from './order.aggregate.js';
import type { OrderState } from './order.aggregate.js';

const CANCELLABLE = ['draft', 'placed', 'confirmed', 'partially-fulfilled', 'fulfilled', 'on-hold'];

export const cancelOrder = command({
  name: 'CancelOrder',
  summary:
    'Cancels an order of which nothing was delivered; says what is held and must be given back. A return that it ' +
    'was the replacement of can be refunded or exchanged again',
  on: Order,
  route: 'POST /v1/orders/:id/cancel',
  input: z.strictObject({ reason: Code, note: Note.optional() }),
  refs: {
    return: reference(Return, (_input: unknown, order: OrderState) => order.replaces?.return),
    original: reference(Order, (_input: unknown, order: OrderState) => order.replaces?.order),
  },
  decide: (order, { reason, note }, { id, refs }) => {
    const { status, stage, terms, replaces } = order;
    rule('order-is-open', CANCELLABLE.includes(status), `the order is ${status}`);
    // What was delivered comes back by a return, and what is left of the order goes by an amendment.
    rule('nothing-fulfilled', order.fulfilled.size === 0, 'a part of the order is delivered already');
    // What was paid here on top stays to be given back; some of what was moved here may have been already.
    const movedBack = replaces && min(replaces.moved, held(order));
    const cancelled = orderCancelled({
      ...aboutOrder(order),
      stage,
      country: terms.country,
      salesperson: terms.salesperson,
      net: terms.net,
      refundDue: minus(held(order), movedBack ?? '0'),
      movedBack,
      reason,
      note,
    });
    if (!replaces) return cancelled;
    return [cancelled, ...exchangeUndone(id, { ...replaces, moved: movedBack! }, refs)];
  },
});

/** The goods of the return wait for a refund or another exchange again, and so does what was paid for them. */
function exchangeUndone(
  replacement: string,
  { return: of, value, moved }: NonNullable<OrderState['replaces']>,
  { return: back, original }: { return?: { state: ReturnState }; original?: { state: OrderState } },
): EventAt[] {
  const undone = at('return', returnExchangeUndone({ ...aboutReturn(back!.state), replacement, value }));
  if (!original) return [undone];
  const order = original.state;
  const after = reopened(order, { value, moved });
  return [
    undone,
    at('original', orderReturnReopened({ ...aboutOrder(order), return: of, value, moved, ...standing(after) })),
  ];
}
