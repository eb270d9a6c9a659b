import { z } from 'zod';
import { orderCompleted } from '#contracts/sales/order.events.js';
import { command } from '#platform/kernel/command.js';
import { rule } from '#platform/kernel/errors.js';
import { totals } from '../amounts.js';
import { Order } from './order.aggregate.js';
import { completionOf } from './order-terms.js';

export const completeOrder = command({
  name: 'CompleteOrder',
  summary: 'Completes an order that was delivered in full; what is still due may be paid after',
  on: Order,
  route: 'POST /v1/orders/:id/complete',
  input: z.strictObject({}),
  decide: ({ status, terms, placedAt }) => {
    rule('order-is-fulfilled', status === 'fulfilled', `the order is ${status}`);
    return orderCompleted(completionOf(terms, placedAt!, totals(terms.lines)));
  },
});
