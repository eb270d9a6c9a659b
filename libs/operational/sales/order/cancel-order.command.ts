import { z } from 'zod';
import { orderCancelled } from '#contracts/sales/order.events.js';
import { Code, Note } from '#contracts/terms.js';
import { command } from '#platform/kernel/command.js';
import { rule } from '#platform/kernel/errors.js';
import { Order, aboutOrder } from './order.aggregate.js';

const CANCELLABLE = ['draft', 'placed', 'confirmed', 'partially-fulfilled', 'fulfilled', 'on-hold'];

export const cancelOrder = command({
  name: 'CancelOrder',
  summary: 'Cancels an order of which nothing was delivered; says what was paid and must be given back',
  on: Order,
  route: 'POST /v1/orders/:id/cancel',
  allowed: ['service', 'admin'],
  input: z.strictObject({ reason: Code, note: Note.optional() }),
  decide: (order, { reason, note }) => {
    const { status, stage, terms, paid } = order;
    rule('order-is-open', CANCELLABLE.includes(status), `the order is ${status}`);
    // What was delivered comes back by a return, and what is left of the order goes by an amendment.
    rule('nothing-fulfilled', Object.keys(order.fulfilled).length === 0, 'a part of the order is delivered already');
    return orderCancelled({
      ...aboutOrder(order),
      stage,
      country: terms.country,
      salesperson: terms.salesperson,
      net: terms.net,
      refundDue: paid,
      reason,
      note,
    });
  },
});
