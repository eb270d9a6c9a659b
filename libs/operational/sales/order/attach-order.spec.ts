import { describe, expect, it } from '@jest/globals';
import { orderAttached, orderDetached, orderPlaced } from '#contracts/sales/order.events.js';
import type { DomainEvent } from '#platform/kernel/event-contract.js';
import { specify } from '#test/fixtures/specify.js';
import { evolveAll } from '#platform/kernel/aggregate.js';
import { contacts, customer, orderId, placed, terms } from '#test/fixtures/sales.fixture.js';
import { attachOrder } from './attach-order.command.js';
import { Order } from './order.aggregate.js';

const attached = orderAttached({ contact: customer });
const when = { contact: customer };
const walkIn = (...since: DomainEvent<any>[]) =>
  specify(attachOrder)
    .given(placed, ...since)
    .where('contact', ...contacts.known);

describe('AttachOrder', () => {
  it('says who placed a walk-in order, again after a detachment', () => {
    walkIn().when(when).then(attached);
    walkIn(attached, orderDetached({ contact: customer }))
      .when(when)
      .then(attached);
  });
  it('refuses an order that belongs to somebody, or is not there', () => {
    walkIn(attached).when(when).refused('order-has-no-contact');
    specify(attachOrder)
      .given(orderPlaced({ ...terms, contact: customer }))
      .where('contact', ...contacts.known)
      .when(when)
      .refused('order-has-no-contact');
    specify(attachOrder)
      .where('contact', ...contacts.known)
      .when(when)
      .refused('order-exists');
  });
  it('refuses a contact that is not there', () => {
    specify(attachOrder).given(placed).when(when).refused('contact-exists');
    specify(attachOrder)
      .given(placed)
      .where('contact', ...contacts.erased)
      .when(when)
      .refused('contact-exists');
  });
  it('does not move the order to another subject', () => {
    const now = new Date();
    expect(Order.subject(evolveAll(Order, Order.initial, [placed, attached], now), orderId)).toBe(orderId);
    const theirs = orderPlaced({ ...terms, contact: customer });
    expect(Order.subject(evolveAll(Order, Order.initial, [theirs], now), orderId)).toBe(customer);
  });
});
