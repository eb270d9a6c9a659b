import { z } from 'zod';
import { orderHeld } from '#contracts/sales/order.events.js';
import { Code, Note } from '#contracts/terms.js';
import { command } from '#platform/kernel/command.js';
import { rule } from '#platform/kernel/errors.js';
import { Order, aboutOrder } from './order.aggregate.js';

const HOLDABLE = ['placed', 'confirmed', 'partially-fulfilled'];

export const holdOrder = command({
  name: 'HoldOrder',
  summary: 'Stops an order until it is released',
  on: Order,
  route: 'POST /v1/orders/:id/hold',
  input: z.strictObject({ reason: Code, note: Note.optional() }),
  decide: (order, { reason, note }) => {
    rule('order-is-under-way', HOLDABLE.includes(order.status), `the order is ${order.status}`);
    return orderHeld({ ...aboutOrder(order), reason, note });
  },
});
