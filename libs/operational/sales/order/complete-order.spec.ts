import { describe, it } from '@jest/globals';
import { orderAmended, orderCompleted, orderPlaced } from '#contracts/sales/order.events.js';
import { dated, specify } from '#test/fixtures/specify.js';
import {
  completed,
  confirmed,
  customer,
  delivered,
  deliveredAll,
  placed,
  teapots,
  terms,
} from '#test/fixtures/sales.fixture.js';
import { completeOrder } from './complete-order.command.js';

describe('CompleteOrder', () => {
  it('says all that a reader needs', () => {
    specify(completeOrder).given(placed, confirmed, deliveredAll).when({}).then(completed);
    const who = { contact: customer, number: 'O-7', salesperson: 'sara' };
    specify(completeOrder)
      .given(orderPlaced({ ...terms, ...who }), confirmed, deliveredAll)
      .when({})
      .then(orderCompleted({ ...completed.data, ...who }));
  });
  it('counts the lines and credits the salesperson as amended', () =>
    specify(completeOrder)
      .given(
        placed,
        orderAmended({
          currency: 'GBP',
          stage: 'placed',
          lines: [teapots],
          net: '25',
          previousNet: '30.1',
          outstanding: '25',
          overpaid: '0',
          salesperson: 'omid',
        }),
        confirmed,
        delivered(true, { line: 1, quantity: '2' }),
      )
      .when({})
      .then(
        orderCompleted({
          ...completed.data,
          salesperson: 'omid',
          net: '25',
          lines: 1,
          saleLines: 1,
          saleValue: '25',
        }),
      ));
  it('refuses a time before it was placed, and before its last delivery', () => {
    const at = (placing: string, delivery: string) =>
      specify(completeOrder).given(dated(placing, placed), dated(placing, confirmed), dated(delivery, deliveredAll));
    at('2026-01-15T12:00:00Z', '2026-01-15T13:00:00Z').on('2026-01-15T11:59:59Z').when({}).refused('date-in-order');
    at('2026-01-15T12:00:00Z', '2026-01-15T13:00:00Z').on('2026-01-15T12:59:59Z').when({}).refused('date-in-order');
    at('2026-01-15T12:00:00Z', '2026-01-15T12:00:00Z').on('2026-01-15T12:00:00Z').when({}).then(completed);
  });
  it('refuses what is not delivered in full, and a second time', () => {
    const some = delivered(false, { line: 1, quantity: '2' });
    specify(completeOrder).given(placed, confirmed, some).when({}).refused('order-is-fulfilled');
    specify(completeOrder).given(placed, confirmed, deliveredAll, completed).when({}).refused('order-is-fulfilled');
  });
});
