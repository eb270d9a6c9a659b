import {
  orderAmended,
  orderCancelled,
  orderDrafted,
  orderHeld,
  orderPlaced,
  orderReleased,
} from '#contracts/sales/order.events.js';
import { daysAfter } from '#platform/kernel/calendar.js';
import { policy } from '#platform/kernel/policy.js';
import { cancelOrder } from '../order/cancel-order.command.js';

export const expireDraftOrder = policy({
  name: 'expire-draft-order',
  version: 1,
  about: 'A draft order that nobody has placed or amended for so many days is cancelled; not while it is held',
  setting: 'YAD_EXPIRE_DRAFT_ORDER_DAYS',
  on: [orderDrafted, orderAmended, orderReleased],
  when: ({ data }) => !('stage' in data) || data.stage === 'draft',
  // By the clocks of the shop, where the event says which they are.
  after: ({ recordedAt, data }, { days, zone }) => daysAfter(recordedAt, days, 'zone' in data ? data.zone : zone),
  unless: [orderPlaced, orderAmended, orderHeld, orderCancelled],
  send: ({ aggregateId }) => cancelOrder.for(aggregateId, { reason: 'draft-expired' }),
});
