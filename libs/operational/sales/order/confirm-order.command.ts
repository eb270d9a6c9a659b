import { z } from 'zod';
import { orderConfirmed } from '#contracts/sales/order.events.js';
import { Note } from '#contracts/terms.js';
import { command } from '#platform/kernel/command.js';
import { rule } from '#platform/kernel/errors.js';
import { Order, aboutOrder } from './order.aggregate.js';

export const confirmOrder = command({
  name: 'ConfirmOrder',
  summary: 'Confirms a placed order to the customer',
  on: Order,
  route: 'POST /v1/orders/:id/confirm',
  input: z.strictObject({ note: Note.optional() }),
  decide: (order, { note }) => {
    rule('order-is-placed', order.status === 'placed', `the order is ${order.status}`);
    return orderConfirmed({ ...aboutOrder(order), net: order.terms.net, note });
  },
});
