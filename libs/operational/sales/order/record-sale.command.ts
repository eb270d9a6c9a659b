import { z } from 'zod';
import { orderCompleted, orderPlaced } from '#contracts/sales/order.events.js';
import { command, reference } from '#platform/kernel/command.js';
import { rule } from '#platform/kernel/errors.js';
import { Contact } from '../../contacts/contact/contact.aggregate.js';
import { contactExists } from '../../contacts/contact/contact.rules.js';
import { RecordedLineInput, linesOf } from '../sales-input.js';
import { Order } from './order.aggregate.js';
import { completionOf, orderHeader, orderKind, termsOf } from './order-terms.js';

export const recordSale = command({
  name: 'RecordSale',
  summary: 'Records a sale or adjustment that another system has completed already, lines of any sign included',
  on: Order,
  route: 'POST /v1/sales',
  allowed: ['service', 'admin'],
  input: z.strictObject({ ...orderHeader, kind: orderKind, lines: linesOf(RecordedLineInput) }),
  refs: { contact: reference(Contact, (input: { contact?: string }) => input.contact) },
  decide: (order, input, { now, refs }) => {
    rule('order-is-new', order.status === 'none', 'this order exists already');
    // A blocked contact passes: what has happened has happened.
    contactExists(refs.contact);
    const { terms, worth } = termsOf(input);
    return [orderPlaced(terms), orderCompleted(completionOf(terms, now.toISOString(), worth))];
  },
});
