import { describe, it } from '@jest/globals';
import { orderAttached, orderDetached, orderPlaced } from '#contracts/sales/order.events.js';
import { specify } from '#test/fixtures/specify.js';
import { customer, placed, terms } from '#test/fixtures/sales.fixture.js';
import { detachOrder } from './detach-order.command.js';

const attached = orderAttached({ contact: customer });
const detached = orderDetached({ contact: customer });

describe('DetachOrder', () => {
  it('undoes an attachment', () => specify(detachOrder).given(placed, attached).when({}).then(detached));
  it('refuses an order that was not attached, or was placed for its contact', () => {
    const when = {};
    specify(detachOrder).given(placed).when(when).refused('order-is-attached');
    specify(detachOrder).given(placed, attached, detached).when(when).refused('order-is-attached');
    specify(detachOrder)
      .given(orderPlaced({ ...terms, contact: customer }))
      .when(when)
      .refused('order-is-attached');
  });
});
