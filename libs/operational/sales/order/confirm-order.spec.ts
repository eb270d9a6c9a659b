import { describe, it } from '@jest/globals';
import { specify } from '#test/fixtures/specify.js';
import { confirmed, held, placed } from '#test/fixtures/sales.fixture.js';
import { confirmOrder } from './confirm-order.command.js';

describe('ConfirmOrder', () => {
  it('confirms a placed order', () => specify(confirmOrder).given(placed).when({}).then(confirmed));
  it('refuses any other', () => {
    specify(confirmOrder).when({}).refused('order-is-placed');
    specify(confirmOrder).given(placed, confirmed).when({}).refused('order-is-placed');
    specify(confirmOrder).given(placed, held).when({}).refused('order-is-placed');
  });
  it('refuses a field that it does not know', () =>
    specify(confirmOrder).given(placed).when({ notes: 'by phone' }).invalid('/'));
});
