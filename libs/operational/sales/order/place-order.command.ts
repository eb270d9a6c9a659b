import { z } from 'zod';
import { orderDrafted, orderPlaced } from '#contracts/sales/order.events.js';
import { command, reference } from '#platform/kernel/command.js';
import { rule } from '#platform/kernel/errors.js';
import { compare } from '#platform/kernel/money.js';
import { Contact } from '../../contacts/contact/contact.aggregate.js';
import { OrderLineInput, linesOf, assertMayBuy } from '../sales-input.js';
import { Order } from './order.aggregate.js';
import { orderHeader, termsOf } from './order-terms.js';

export const placeOrder = command({
  name: 'PlaceOrder',
  summary: 'Places an order, or keeps it as a draft to be placed later',
  on: Order,
  route: 'POST /v1/orders',
  input: z.strictObject({
    ...orderHeader,
    lines: linesOf(OrderLineInput),
    draft: z.boolean().optional(),
  }),
  refs: { contact: reference(Contact, (input: { contact?: string }) => input.contact) },
  decide: (order, { draft, ...input }, { refs }) => {
    rule('order-is-new', order.status === 'none', 'this order exists already');
    assertMayBuy(refs.contact);
    const { terms } = termsOf(input);
    rule('net-not-negative', compare(terms.net, '0') >= 0, `the lines sum to ${terms.net}`);
    return draft ? orderDrafted(terms) : orderPlaced(terms);
  },
});
