import { describe, it } from '@jest/globals';
import { orderAmended, orderDrafted, orderPlaced } from '#contracts/sales/order.events.js';
import { specify } from '#test/fixtures/specify.js';
import { contacts, customer, placed, teapots, terms } from '#test/fixtures/sales.fixture.js';
import { placeDraftOrder } from './place-draft-order.command.js';

const deliveryAddress = { lines: ['1 High Street'], country: 'GB' };

describe('PlaceDraftOrder', () => {
  it('places what was drafted', () =>
    specify(placeDraftOrder)
      .given(orderDrafted({ ...terms, deliveryAddress }))
      .when({})
      .then(orderPlaced({ ...terms, deliveryAddress })));
  it('places what the draft was amended to', () =>
    specify(placeDraftOrder)
      .given(
        orderDrafted(terms),
        orderAmended({
          currency: 'GBP',
          stage: 'draft',
          lines: [teapots],
          net: '25',
          previousNet: '30.1',
          outstanding: '25',
          overpaid: '0',
        }),
      )
      .when({})
      .then(orderPlaced({ ...terms, lines: [teapots], net: '25' })));
  it('refuses an order that is no draft', () => {
    specify(placeDraftOrder).when({}).refused('order-is-draft');
    specify(placeDraftOrder).given(placed).when({}).refused('order-is-draft');
  });
  it('looks at the contact anew', () =>
    specify(placeDraftOrder)
      .given(orderDrafted({ ...terms, contact: customer }))
      .where('contact', ...contacts.blocked)
      .when({})
      .refused('contact-not-blocked'));
});
