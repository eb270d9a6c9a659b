import { z } from 'zod';
import { orderAttached } from '#contracts/sales/order.events.js';
import { command, reference } from '#platform/kernel/command.js';
import { rule } from '#platform/kernel/errors.js';
import { Id } from '#platform/kernel/ids.js';
import { Contact } from '../../contacts/contact/contact.aggregate.js';
import { assertContactExists } from '../../contacts/contact/contact.rules.js';

import { Order } from './order.aggregate.js';

export const attachOrder = command({
  name: 'AttachOrder',
  summary: 'Attaches a walk-in order to the contact who turns out to have placed it',
  on: Order,
  route: 'POST /v1/orders/:id/attach',
  input: z.strictObject({ contact: Id }),
  refs: { contact: reference(Contact, (input: { contact: string }) => input.contact) },
  decide: ({ status, terms, attached }, { contact }, { refs }) => {
    rule('order-exists', status !== 'none', 'there is no such order');
    const known = terms.contact ?? attached;
    rule('order-has-no-contact', known === undefined, `the order belongs to contact ${known}`);
    assertContactExists(refs.contact);
    return orderAttached({ contact, number: terms.number });
  },
});
