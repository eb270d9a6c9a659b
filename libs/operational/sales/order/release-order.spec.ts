import { describe, it } from '@jest/globals';
import { orderReleased } from '#contracts/sales/order.events.js';
import { specify } from '#test/fixtures/specify.js';
import { confirmed, delivered, held, placed } from '#test/fixtures/sales.fixture.js';
import { confirmOrder } from './confirm-order.command.js';
import { releaseOrder } from './release-order.command.js';

const released = (stage: 'placed' | 'confirmed' | 'partially-fulfilled') => orderReleased({ currency: 'GBP', stage });

describe('ReleaseOrder', () => {
  it('returns to the stage before the hold', () => {
    const some = delivered(false, { line: 1, quantity: '1' });
    specify(releaseOrder).given(placed, held).when({}).then(released('placed'));
    specify(releaseOrder).given(placed, confirmed, held).when({}).then(released('confirmed'));
    specify(releaseOrder).given(placed, confirmed, some, held).when({}).then(released('partially-fulfilled'));
  });
  it('lets the order go on', () =>
    specify(confirmOrder).given(placed, held, released('placed')).when({}).then(confirmed));
  it('refuses an order that is not held', () =>
    specify(releaseOrder).given(placed, held, released('placed')).when({}).refused('order-is-on-hold'));
});
