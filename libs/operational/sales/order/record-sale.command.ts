import { z } from 'zod';
import { orderCompleted, orderPaymentRecorded, orderPlaced } from '#contracts/sales/order.events.js';
import { command, reference } from '#platform/kernel/command.js';
import { rule } from '#platform/kernel/errors.js';
import { Contact } from '../../contacts/contact/contact.aggregate.js';
import { assertContactExists } from '../../contacts/contact/contact.rules.js';
import { RecordedLineInput, UnsignedAmount, amountCanBePaid, linesOf } from '../sales-input.js';
import { booked, standing } from './order-account.js';
import { Order, aboutOrder } from './order.aggregate.js';
import type { OrderState } from './order.aggregate.js';
import { completionOf, orderHeader, orderKind, termsOf } from './order-terms.js';

export const recordSale = command({
  name: 'RecordSale',
  summary: 'Records a sale or adjustment that another system has completed already, lines of any sign included',
  on: Order,
  route: 'POST /v1/sales',
  input: z.strictObject({
    ...orderHeader,
    kind: orderKind,
    lines: linesOf(RecordedLineInput),
    paid: UnsignedAmount.optional().meta({
      description: 'What the other system received for it; where nothing is said, nothing is known to be paid',
    }),
  }),
  refs: { contact: reference(Contact, (input: { contact?: string }) => input.contact) },
  decide: (order, { paid = '0', ...input }, { now, refs }) => {
    rule('order-is-new', order.status === 'none', 'this order exists already');
    // A blocked contact passes: what has happened has happened.
    assertContactExists(refs.contact);
    const { terms, worth } = termsOf(input);
    const sale = [orderPlaced(terms), orderCompleted(completionOf(terms, now.toISOString(), worth))];
    if (paid === '0') return sale;
    amountCanBePaid(paid, terms.currency);
    const after: OrderState = booked({ ...order, status: 'completed', terms }, { paid });
    const payment = { ...aboutOrder(after), amount: paid, method: 'elsewhere', ...standing(after) };
    return [...sale, orderPaymentRecorded(payment)];
  },
});
