import { describe, it } from '@jest/globals';
import { orderAmended, orderCancelled, orderDrafted, orderReleased } from '#contracts/sales/order.events.js';
import { confirmed, held, placed, specId, teapots, terms } from '#test/fixtures/sales.fixture.js';
import { specifyPolicy } from '#test/fixtures/specify-policy.js';
import { cancelOrder } from '../order/cancel-order.command.js';
import { expireDraftOrder } from './expire-draft-order.policy.js';

const gbp = { currency: 'GBP' };
const amended = (stage: 'draft' | 'placed') =>
  orderAmended({ ...gbp, stage, lines: [teapots], net: '25', previousNet: '30.1', outstanding: '25', overpaid: '0' });
const expire = specifyPolicy(expireDraftOrder).set(30);

describe('expire-draft-order', () => {
  it('cancels a draft after so many days, by the clocks of its shop', () => {
    const cancelled = cancelOrder.for(specId, { reason: 'draft-expired' });
    expire.at('2026-03-01T12:00:00Z').when(orderDrafted(terms)).isDue('2026-03-31T11:00:00Z').sends(cancelled);
  });
  it('counts anew when somebody works on it', () => {
    expire.when(amended('draft')).takesBack();
    expire.when(amended('draft')).isDue('2026-02-14T12:00:00Z');
    expire.when(orderReleased({ ...gbp, stage: 'draft' })).isDue('2026-02-14T12:00:00Z');
  });
  it('leaves alone what is no draft any more, or is held', () => {
    const cancelled = orderCancelled({ ...gbp, stage: 'draft', net: '30.1', refundDue: '0', reason: 'changed-mind' });
    for (const event of [placed, held, cancelled]) expire.when(event).takesBack();
    for (const event of [amended('placed'), orderReleased({ ...gbp, stage: 'placed' }), confirmed]) {
      expire.when(event).isNeverDue();
    }
  });
});
