import { z } from 'zod';
import { orderReleased } from '#contracts/sales/order.events.js';
import { Note } from '#contracts/terms.js';
import { command } from '#platform/kernel/command.js';
import { rule } from '#platform/kernel/errors.js';
import { Order, aboutOrder } from './order.aggregate.js';

export const releaseOrder = command({
  name: 'ReleaseOrder',
  summary: 'Lets a held order go on from the stage it was in',
  on: Order,
  route: 'POST /v1/orders/:id/release',
  input: z.strictObject({ note: Note.optional() }),
  decide: (order, { note }) => {
    rule('order-is-on-hold', order.status === 'on-hold', `the order is ${order.status}`);
    return orderReleased({ ...aboutOrder(order), stage: order.stage, note });
  },
});
