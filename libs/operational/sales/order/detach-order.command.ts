import { z } from 'zod';
import { orderDetached } from '#contracts/sales/order.events.js';
import { Note } from '#contracts/terms.js';
import { command } from '#platform/kernel/command.js';
import { rule } from '#platform/kernel/errors.js';
import { Order } from './order.aggregate.js';

export const detachOrder = command({
  name: 'DetachOrder',
  summary: 'Undoes an attachment: the order is a walk-in order again',
  on: Order,
  route: 'POST /v1/orders/:id/detach',
  input: z.strictObject({ note: Note.optional() }),
  decide: ({ terms, attached }, { note }) => {
    rule('order-is-attached', attached !== undefined, 'the order was not attached to a contact');
    return orderDetached({ contact: attached, number: terms.number, note });
  },
});
