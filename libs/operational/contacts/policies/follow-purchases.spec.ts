import { describe, it } from '@jest/globals';
import * as contacts from '#contracts/contacts/contact.events.js';
import * as orders from '#contracts/sales/order.events.js';
import * as returns from '#contracts/sales/return.events.js';
import { otherId, specId } from '#test/fixtures/contacts.fixture.js';
import { aboutGoods, completed, orderId, teapots } from '#test/fixtures/sales.fixture.js';
import { specifyPolicy, to } from '#test/fixtures/specify-policy.js';
import { notePurchases } from '../contact/note-purchases.command.js';
import { followPurchases } from './follow-purchases.policy.js';

const contact = specId;
const second = '0198f3a0-0000-7000-8000-00000000d002';
const back = '0198f3a0-0000-7000-8000-00000000e001';
const sale = (net: string, more: object = {}) => orders.orderCompleted({ ...completed.data, contact, net, ...more });
const goods = { ...aboutGoods, contact };
const refunded = (net: string, credited = '0') =>
  returns.returnRefunded({ ...goods, net, credited, lineCount: 1, lines: [teapots] });
const creditNote = (net: string, currency = 'GBP') =>
  returns.returnRefunded({ ...goods, currency, net, credited: '0', lineCount: 1 });
const exchanged = (value: string, replacement: string) =>
  returns.returnExchanged({ ...goods, replacement, value, lineCount: 1, lines: [teapots] });
const undone = (value: string, replacement: string) => returns.returnExchangeUndone({ ...goods, replacement, value });
const cancelled = orders.orderCancelled({
  ...{ contact, currency: 'GBP', stage: 'placed', net: '25', refundDue: '0', reason: 'changed-mind' },
});
const note = (has: boolean, of = contact, at = contact) => notePurchases.for(at, { of, has });
const follow = specifyPolicy(followPurchases);

describe('follow-purchases', () => {
  it('notes the first completed order, and no other', () => {
    follow.when(to(orderId, sale('25'))).sends(note(true));
    follow
      .given(to(orderId, sale('25')))
      .when(to(second, sale('5')))
      .sendsNothing();
  });
  it('takes no correction of the books and no gift for a purchase', () => {
    follow.when(to(orderId, sale('25', { kind: 'adjustment' }))).sendsNothing();
    follow.when(to(orderId, sale('0'))).sendsNothing();
  });
  it('notes when all has come back, however it was paid, and in whichever returns', () => {
    const bought = [to(orderId, sale('25')), to(second, sale('25'))];
    follow
      .given(...bought)
      .when(to(back, refunded('25')))
      .sendsNothing();
    follow
      .given(...bought, to(back, refunded('25')))
      .when(to(back, refunded('5', '20')))
      .sends(note(false));
    follow
      .given(to(orderId, sale('30.1')))
      .when(to(back, refunded('25')))
      .sendsNothing();
    // A fee was kept: the goods are back all the same.
    follow
      .given(to(orderId, sale('25')))
      .when(to(back, refunded('20')))
      .sends(note(false));
  });
  it('counts a credit note that names no order, in its own currency', () => {
    follow
      .given(to(orderId, sale('25')))
      .when(to(back, creditNote('25')))
      .sends(note(false));
    follow
      .given(to(orderId, sale('25')))
      .when(to(back, creditNote('25', 'EUR')))
      .sendsNothing();
  });
  it('notes the next purchase after all has come back', () => {
    follow
      .given(to(orderId, sale('25')), to(back, refunded('25')))
      .when(to(second, sale('5')))
      .sends(note(true));
  });
  it('leaves who exchanges a customer, until what replaces the goods has come back too', () => {
    const exchange = [to(orderId, sale('25')), to(back, exchanged('25', second))];
    follow.given(exchange[0]!).when(exchange[1]!).sendsNothing();
    follow
      .given(...exchange)
      .when(to(second, sale('25')))
      .sendsNothing();
    follow
      .given(...exchange, to(second, sale('25')))
      .when(to(back, refunded('25')))
      .sends(note(false));
    // The replacement was cancelled: the goods wait for a refund again.
    follow
      .given(...exchange)
      .when(to(back, undone('25', second)))
      .sendsNothing();
    follow
      .given(...exchange, to(back, undone('25', second)))
      .when(to(back, refunded('25')))
      .sends(note(false));
  });
  it('says nothing of an order that was never completed', () => {
    follow.when(to(orderId, cancelled)).sendsNothing();
  });

  const walkIn = orders.orderCompleted({ ...completed.data, net: '25' });
  const attached = orders.orderAttached({ contact: otherId });
  const detached = orders.orderDetached({ contact: otherId });
  const shop = specifyPolicy(followPurchases).about(contact);
  it('notes a walk-in order with whom it is attached to, and takes that back with the attachment', () => {
    shop.when(walkIn).sendsNothing();
    shop
      .given(walkIn)
      .when(attached)
      .sends(note(true, contact, otherId));
    shop
      .given(attached)
      .when(walkIn)
      .sends(note(true, contact, otherId));
    shop
      .given(walkIn, attached)
      .when(detached)
      .sends(note(false, contact, otherId));
    shop
      .given(walkIn, attached, detached)
      .when(to(back, refunded('25')))
      .sendsNothing();
    shop
      .given(walkIn, attached)
      .when(to(back, refunded('25')))
      .sends(note(false, contact, otherId));
    shop.given(attached).when(detached).sendsNothing();
  });

  it('carries over what is noted with a contact that is merged, and gives it back', () => {
    const merged = contacts.contactMerged({ into: otherId, previousStatus: 'active' });
    const unmerged = contacts.contactUnmerged({ from: otherId, status: 'active' });
    follow.when(merged).sends(notePurchases.for(otherId, { of: contact }));
    follow
      .given(to(orderId, sale('25')), merged)
      .when(unmerged)
      .sends(note(true));
    follow.given(merged).when(unmerged).sends(note(false));
    follow.when(contacts.contactMergeUndone({ unmerged: otherId })).sends(note(false, otherId));
  });
});
