import { describe, it } from '@jest/globals';
import * as contacts from '#contracts/contacts/contact.events.js';
import { orderAttached, orderDrafted, orderPaymentRecorded, orderReturnOpened } from '#contracts/sales/order.events.js';
import * as cases from '#contracts/service/case.events.js';
import { at } from '#platform/kernel/command.js';
import { dated, specify } from '#test/fixtures/specify.js';
import { emailAdded, otherId, sara, specId } from '#test/fixtures/contacts.fixture.js';
import { registerContact } from './contacts/contact/register-contact.command.js';
import { removeContactPoint } from './contacts/contact/remove-contact-point.command.js';
import { tagContact } from './contacts/contact/tag-contact.command.js';
import { unmergeContacts } from './contacts/contact/unmerge-contacts.command.js';
import { unrelateContacts } from './contacts/contact/unrelate-contacts.command.js';
import { untagContact } from './contacts/contact/untag-contact.command.js';
import { completed, confirmed, customer, deliveredAll, held, orderId } from '#test/fixtures/sales.fixture.js';
import {
  inspected,
  placed,
  received,
  requested,
  authorised,
  paid,
  teapots,
  terms,
} from '#test/fixtures/sales.fixture.js';
import { cancelOrder } from './sales/order/cancel-order.command.js';
import { detachOrder } from './sales/order/detach-order.command.js';
import { recordPayment } from './sales/order/record-payment.command.js';
import { recordSale } from './sales/order/record-sale.command.js';
import { refundPayment } from './sales/order/refund-payment.command.js';
import { releaseOrder } from './sales/order/release-order.command.js';
import { exchangeReturn } from './sales/return/exchange-return.command.js';
import { refundReturn } from './sales/return/refund-return.command.js';
import { requestReturn } from './sales/return/request-return.command.js';
import { addInternalNote } from './service/case/add-internal-note.command.js';
import { as, assigned, awaiting, inProgress, opened, resolved } from '#test/fixtures/cases.fixture.js';
import { recordCustomerReply } from './service/case/record-customer-reply.command.js';
import { replyToCustomer } from './service/case/reply-to-customer.command.js';

// In May: `on(5)` is the fifth of it at noon.
const on = (day: number): string => `2026-05-0${day}T12:00:00.000Z`;
const all = (day: number, ...events: Parameters<typeof dated>[1][]) => events.map((event) => dated(on(day), event));
const EARLY = 'date-in-order';

describe('no event is dated before the document or step that it changes', () => {
  it('a return or refund before the sale', () => {
    const back = { order: orderId, lines: [{ line: 1, quantity: '2' }] };
    const sold = specify(requestReturn).where('order', ...all(5, placed, completed));
    sold.on(on(1)).when(back).refused(EARLY);
    const lines = [{ line: 1, quantity: '2' }];
    sold
      .on(on(5))
      .when(back)
      .then(requested, at('order', orderReturnOpened({ return: specId, lines })));
    const returned = specify(refundReturn)
      .given(...all(6, requested, authorised, received), ...all(7, inspected('2', '25')))
      .where('order', ...all(5, placed, completed, paid('30.1', '0')));
    returned.on(on(6)).when({ currency: 'GBP' }).refused(EARLY);
    returned.on(on(7)).when({ currency: 'GBP' }).accepted();
  });

  it('money back before it came', () => {
    const refund = { amount: '5', currency: 'GBP' };
    const more = specify(refundPayment).given(...all(1, placed), ...all(5, paid('40', '0', '9.9')));
    more.on(on(4)).when(refund).refused(EARLY);
    more.on(on(5)).when(refund).accepted();
    specify(refundReturn)
      .given(...all(2, requested, authorised, received, inspected('2', '25')))
      .where('order', ...all(1, placed, completed), ...all(5, paid('30.1', '0')))
      .on(on(4))
      .when({ currency: 'GBP' })
      .refused(EARLY);
  });

  it('a return of goods before they were delivered', () =>
    specify(requestReturn)
      .where('order', ...all(1, placed, confirmed), ...all(5, deliveredAll))
      .on(on(4))
      .when({ order: orderId, lines: [{ line: 1, quantity: '2' }] })
      .refused(EARLY));

  it('an exchange for an order that was not there yet', () =>
    specify(exchangeReturn)
      .given(...all(1, requested, authorised, received, inspected('2', '25')))
      .where('replacement', ...all(5, placed))
      .on(on(4))
      .when({ replacement: customer })
      .refused(EARLY));

  it('a cancellation before the placing, or before money that it gives back', () => {
    const reason = { reason: 'mistake' };
    specify(cancelOrder)
      .given(...all(5, placed))
      .on(on(4))
      .when(reason)
      .refused(EARLY);
    const drafted = all(1, orderDrafted(terms));
    specify(cancelOrder)
      .given(...drafted, ...all(5, placed))
      .on(on(3))
      .when(reason)
      .refused(EARLY);
    const money = { amount: '5', method: 'card', outstanding: '25.1', overpaid: '0', currency: 'GBP' };
    specify(cancelOrder)
      .given(...all(1, placed), ...all(5, orderPaymentRecorded(money)))
      .on(on(4))
      .when(reason)
      .refused(EARLY);
  });

  it('what undoes, before what it undoes', () => {
    specify(releaseOrder)
      .given(...all(1, placed), ...all(5, held))
      .on(on(4))
      .when({})
      .refused(EARLY);
    const attached = orderAttached({ contact: customer });
    specify(detachOrder)
      .given(...all(1, placed), ...all(5, attached))
      .on(on(4))
      .when({})
      .refused(EARLY);
    const tagged = contacts.contactTagged({ added: ['vip'], tags: ['vip'] });
    specify(untagContact)
      .given(...all(1, sara), ...all(5, tagged))
      .on(on(4))
      .when({ tags: ['vip'] })
      .refused(EARLY);
    specify(removeContactPoint)
      .given(...all(1, sara), ...all(5, emailAdded))
      .on(on(4))
      .when({ point: 1 })
      .refused(EARLY);
    const related = contacts.contactRelated({ kind: 'household', other: otherId, direction: 'to' });
    const unrelate = { kind: 'household', to: otherId };
    const relation = specify(unrelateContacts).given(...all(1, sara), ...all(5, related));
    relation
      .where('to', ...all(1, sara))
      .on(on(4))
      .when(unrelate)
      .refused(EARLY);
    const merged = contacts.contactMerged({ into: otherId, previousStatus: 'identified' });
    const mergedDuplicates = contacts.contactDuplicateMerged({ merged: specId });
    specify(unmergeContacts)
      .given(...all(1, sara), ...all(5, merged))
      .where('from', ...all(1, sara), ...all(5, mergedDuplicates))
      .on(on(4))
      .when({ from: otherId })
      .refused(EARLY);
  });

  it('a reply or note before the case was opened, or one that wakes a case before it slept', () => {
    specify(replyToCustomer)
      .given(...all(5, opened, assigned))
      .on(on(4))
      .when({ text: 'Hello' })
      .refused(EARLY);
    specify(addInternalNote)
      .given(...all(5, opened))
      .on(on(4))
      .when({ text: 'Hello' })
      .refused(EARLY);
    specify(recordCustomerReply)
      .given(...all(1, ...inProgress), ...all(5, awaiting))
      .on(on(4))
      .when({ text: 'Hello' })
      .refused(EARLY);
    specify(recordCustomerReply)
      .given(...all(1, ...inProgress), ...all(5, resolved))
      .on(on(4))
      .when({ text: 'Hello' })
      .refused(EARLY);
  });
});

describe('what is told late is taken', () => {
  it('an order from before its customer was registered', () =>
    specify(recordSale)
      .where('contact', ...all(5, sara))
      .on(on(1))
      .when({ contact: customer, currency: 'GBP', zone: 'UTC', lines: [teapots] })
      .accepted());

  it('a payment between steps that were recorded before it', () => {
    const paid = { amount: '30.1', currency: 'GBP', method: 'card' };
    const delivered = specify(recordPayment).given(...all(1, placed), ...all(3, confirmed), ...all(5, deliveredAll));
    delivered.on(on(2)).when(paid).accepted();
    specify(recordPayment)
      .given(...all(1, orderDrafted(terms)), ...all(3, placed))
      .on(on(2))
      .when(paid)
      .refused(EARLY);
  });

  it('a note and a reply between two others', () => {
    const told = [
      ...all(1, ...inProgress),
      ...all(5, cases.caseInternalNoteAdded({ ...as('in-progress'), text: 'Later' })),
    ];
    specify(addInternalNote)
      .given(...told, ...all(6, resolved))
      .on(on(3))
      .when({ text: 'Hello' })
      .accepted();
    specify(recordCustomerReply)
      .given(...told)
      .on(on(3))
      .when({ text: 'Hello' })
      .accepted();
  });

  it('what another source knew of a contact earlier', () => {
    const tagged = contacts.contactTagged({ added: ['vip'], tags: ['vip'] });
    specify(tagContact)
      .given(...all(1, sara), ...all(5, tagged))
      .on(on(3))
      .when({ tags: ['fair'] })
      .accepted();
  });
});

describe('days of an input', () => {
  it('a birth lies ahead in no zone', () => {
    const born = specify(registerContact).on('2026-05-05T11:00:00Z');
    born.when({ birthDate: '2090-01-01' }).invalid('/birthDate');
    born.when({ birthDate: '2026-05-07' }).invalid('/birthDate');
    born.when({ birthDate: '2026-05-06' }).accepted();
    born.when({ birthDate: '--12-24' }).accepted();
  });
});
