import { describe, it } from '@jest/globals';
import { orderDrafted } from '#contracts/sales/order.events.js';
import { specify } from '#test/fixtures/specify.js';
import { completed, confirmed, deliveredAll, held, placed, terms } from '#test/fixtures/sales.fixture.js';
import { holdOrder } from './hold-order.command.js';

const when = { reason: 'credit-check' };

describe('HoldOrder', () => {
  it('holds an order that is under way', () => {
    specify(holdOrder).given(placed).when(when).then(held);
    specify(holdOrder).given(placed, confirmed).when(when).then(held);
  });
  it('refuses one that is not', () => {
    specify(holdOrder).given(orderDrafted(terms)).when(when).refused('order-is-under-way');
    specify(holdOrder).given(placed, held).when(when).refused('order-is-under-way');
    specify(holdOrder).given(placed, confirmed, deliveredAll).when(when).refused('order-is-under-way');
    specify(holdOrder).given(placed, confirmed, deliveredAll, completed).when(when).refused('order-is-under-way');
  });
  it('takes a code for the reason, so that no free text is stored in the clear', () =>
    specify(holdOrder).given(placed).when({ reason: 'Mr Smith asked' }).invalid('/reason'));
});
