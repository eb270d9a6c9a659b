import { describe, it } from '@jest/globals';
import { orderDrafted, orderPlaced } from '#contracts/sales/order.events.js';
import type { DomainEvent } from '#platform/kernel/event-contract.js';
import { specify } from '#test/fixtures/specify.js';
import { archivedContact, contacts, customer, placed, teapots, terms } from '#test/fixtures/sales.fixture.js';
import { placeOrder } from './place-order.command.js';

const { net: _net, kind: _kind, ...order } = terms;

describe('PlaceOrder', () => {
  it('places a walk-in order and sums it exactly', () => specify(placeOrder).when(order).then(placed));
  it('keeps a draft', () =>
    specify(placeOrder)
      .when({ ...order, draft: true })
      .then(orderDrafted(terms)));
  it('numbers lines by their place', () => {
    const lines = order.lines.map(({ line: _line, ...line }) => line);
    specify(placeOrder)
      .when({ ...order, lines })
      .then(placed);
  });
  it('refuses a second order of the same id', () =>
    specify(placeOrder).given(placed).when(order).refused('order-is-new'));
  it('refuses a line named twice, also when one number is given and the other counted', () => {
    specify(placeOrder)
      .when({ ...order, lines: [teapots, teapots] })
      .refused('line-numbers-unique');
    const { line: _line, ...unnumbered } = teapots;
    const lines = [{ ...teapots, line: 2 }, unnumbered];
    specify(placeOrder)
      .when({ ...order, lines })
      .refused('line-numbers-unique');
  });
  it('takes a discount line, but no order worth less than nothing', () => {
    const discount = { line: 9, sku: 'DISCOUNT', quantity: '1', unitPrice: '-0.1' };
    const lines = [...order.lines, discount];
    specify(placeOrder)
      .when({ ...order, lines })
      .then({ ...placed, data: { ...terms, lines, net: '30' } });
    specify(placeOrder)
      .when({ ...order, lines: [{ ...discount, unitPrice: '-30.2' }] })
      .refused('net-not-negative');
  });
  it('names the place of bad input', () => {
    const given = (line: object) => specify(placeOrder).when({ ...order, lines: [{ ...teapots, ...line }] });
    given({ quantity: '0' }).invalid('/lines/0/quantity');
    given({ quantity: '-1' }).invalid('/lines/0/quantity');
    given({ quantity: 2 }).invalid('/lines/0/quantity');
    given({ unitPrice: '1e3' }).invalid('/lines/0/unitPrice');
    given({ unitPrice: '0.0000001' }).invalid('/lines/0/unitPrice');
    given({ colour: 'blue' }).invalid('/lines/0');
    specify(placeOrder)
      .when({ ...order, lines: [] })
      .invalid('/lines');
    specify(placeOrder)
      .when({ ...order, zone: 'Mars/Olympus' })
      .invalid('/zone');
    specify(placeOrder)
      .when({ ...order, kind: 'adjustment' })
      .invalid('/');
  });
  it('refuses a contact that is not there or may not buy', () => {
    const theirs = { ...order, contact: customer };
    const when = (past: readonly DomainEvent<any>[]) =>
      specify(placeOrder)
        .where('contact', ...past)
        .when(theirs);
    const forThem = orderPlaced({ ...terms, contact: customer });
    when(contacts.known).then(forThem);
    when(contacts.merged).refused('contact-not-merged');
    when([]).refused('contact-exists');
    when(contacts.erased).refused('contact-exists');
    when(contacts.blocked).refused('contact-not-blocked');
    when(contacts.archived).refused('contact-not-archived');
    // Archiving hides the block, and does not lift it.
    when([...contacts.blocked, archivedContact]).refused('contact-not-blocked');
  });
});
