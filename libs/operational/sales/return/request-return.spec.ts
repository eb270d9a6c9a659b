import { describe, expect, it } from '@jest/globals';
import { contactDuplicateMerged } from '#contracts/contacts/contact.events.js';
import { orderAttached, orderPlaced, orderReturnOpened, orderReturnReleased } from '#contracts/sales/order.events.js';
import { returnRequested } from '#contracts/sales/return.events.js';
import { at } from '#platform/kernel/command.js';
import { specify } from '#test/fixtures/specify.js';
import {
  aboutGoods,
  completed,
  confirmed,
  contacts,
  customer,
  delivered,
  deliveredAll,
  orderId,
  placed,
  requested,
  specId,
  teapots,
  terms,
} from '#test/fixtures/sales.fixture.js';
import { Order } from '../order/order.aggregate.js';
import { requestReturn } from './request-return.command.js';
import { Return } from './return.aggregate.js';

const opened = (quantity: string) => orderReturnOpened({ return: specId, lines: [{ line: 1, quantity }] });
const other = '0198f3a0-0000-7000-8000-00000000e001';
const by = { return: other, lines: [{ line: 1, quantity: '1' }] };
const back = (quantity: string) => ({ order: orderId, lines: [{ line: 1, quantity }] });
const ofDelivered = () => specify(requestReturn).where('order', placed, confirmed, deliveredAll);

const withLines = (...lines: object[]) => ofDelivered().when({ order: orderId, lines });

const otherId = '0198f3a0-0000-7000-8000-00000000c002';
const byContact = () => specify(requestReturn).where('contact', ...contacts.known);

describe('RequestReturn of an order', () => {
  it('takes thing and price from the order, and speaks for the quantity there', () =>
    ofDelivered()
      .when(back('2'))
      .then(requested, at('order', opened('2'))));
  it('takes what was completed elsewhere for delivered in full', () =>
    specify(requestReturn)
      .where('order', placed, completed)
      .when(back('2'))
      .then(requested, at('order', opened('2'))));
  it('carries the contact, the country and the salesperson of the order', () => {
    const who = { contact: customer, country: 'GB', salesperson: 'sara' };
    specify(requestReturn)
      .where('order', orderPlaced({ ...terms, ...who }), completed)
      .when(back('2'))
      .then(returnRequested({ ...requested.data, ...who }), at('order', opened('2')));
  });
  it('refuses what was not delivered, and what another return speaks for', () => {
    const one = delivered(false, { line: 1, quantity: '1' });
    specify(requestReturn).where('order', placed, confirmed, one).when(back('2')).refused('within-order');
    specify(requestReturn).where('order', placed).when(back('1')).refused('within-order');
    specify(requestReturn)
      .where('order', placed, completed, orderReturnOpened(by))
      .when(back('2'))
      .refused('within-order');
    specify(requestReturn)
      .where('order', placed, completed, orderReturnOpened(by), orderReturnReleased(by))
      .when(back('2'))
      .then(requested, at('order', opened('2')));
  });
  it('refuses lines that the order does not have so', () => {
    withLines({ quantity: '1' }).refused('return-names-order-lines');
    withLines({ line: 3, quantity: '1' }).refused('line-in-order');
    withLines({ line: 1, quantity: '1' }, { line: 1, quantity: '1' }).refused('line-numbers-unique');
    withLines({ line: 1, quantity: '1', sku: 'CUP' }).refused('sku-agrees');
    withLines({ line: 1, quantity: '1', unitPrice: '99' }).refused('price-agrees');
  });
  it("refuses a contact who is not the order's; one attached later is, and yet never the subject", () => {
    const theirs = { ...back('2'), contact: customer };
    byContact().where('order', placed, completed).when(theirs).refused('contact-agrees');
    byContact()
      .where('order', placed, completed, orderAttached({ contact: customer }))
      .when(theirs)
      .then(requested, at('order', opened('2')));
    const subject = Return.subject({ ...Return.initial, terms: requested.data }, specId);
    expect(subject).toBe(Order.subject({ ...Order.initial, terms }, orderId));
  });
  it("takes the contact that the order's was merged into", () =>
    byContact()
      .where('order', orderPlaced({ ...terms, contact: otherId }), completed)
      .where('contact', ...contacts.known, contactDuplicateMerged({ merged: otherId }))
      .when({ ...back('2'), contact: customer })
      .then(returnRequested({ ...requested.data, contact: otherId }), at('order', opened('2'))));
  it('refuses an order that does not exist, and another currency', () => {
    specify(requestReturn).when(back('1')).refused('order-exists');
    ofDelivered()
      .when({ ...back('1'), currency: 'EUR' })
      .refused('currency-agrees');
  });
});

describe('RequestReturn without an order', () => {
  const goods = { ...aboutGoods, lines: [teapots] };
  it('takes goods with their own thing and price', () =>
    specify(requestReturn)
      .when(goods)
      .then(returnRequested({ ...goods, value: '25' })));
  it('needs them, and a currency and zone', () => {
    specify(requestReturn)
      .when({ ...aboutGoods, lines: [{ quantity: '1' }] })
      .refused('sku-and-price-named');
    specify(requestReturn)
      .when({ lines: [teapots] })
      .refused('currency-and-zone-named');
    specify(requestReturn)
      .when({ ...goods, lines: [{ ...teapots, unitPrice: '-1' }] })
      .refused('value-not-negative');
  });
  it('refuses a second return of the same id, and nothing', () => {
    specify(requestReturn).given(requested).when(goods).refused('return-is-new');
    specify(requestReturn)
      .when({ ...goods, lines: [{ ...teapots, quantity: '0' }] })
      .invalid('/lines/0/quantity');
  });
  it('needs a contact that is there, when it names one', () => {
    const theirs = { ...goods, contact: customer };
    specify(requestReturn).when(theirs).refused('contact-exists');
    specify(requestReturn)
      .where('contact', ...contacts.known)
      .when(theirs)
      .then(returnRequested({ ...theirs, value: '25' }));
  });
});
