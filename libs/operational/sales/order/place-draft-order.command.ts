import { z } from 'zod';
import { orderPlaced } from '#contracts/sales/order.events.js';
import { command, reference } from '#platform/kernel/command.js';
import { rule } from '#platform/kernel/errors.js';
import { Contact } from '../../contacts/contact/contact.aggregate.js';
import { assertMayBuy } from '../sales-input.js';
import { Order } from './order.aggregate.js';
import type { OrderState } from './order.aggregate.js';

export const placeDraftOrder = command({
  name: 'PlaceDraftOrder',
  summary: 'Places an order that was kept as a draft',
  on: Order,
  route: 'POST /v1/orders/:id/place',
  input: z.strictObject({}),
  // The contact may have been blocked, merged or erased since the draft.
  refs: { contact: reference(Contact, (_input: unknown, order: OrderState) => order.terms.contact ?? order.attached) },
  decide: (order, _input, { refs }) => {
    rule('order-is-draft', order.status === 'draft', `the order is ${order.status}`);
    assertMayBuy(refs.contact);
    return orderPlaced(order.terms);
  },
});
