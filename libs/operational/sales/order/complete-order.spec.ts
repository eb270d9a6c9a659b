import { describe, expect, it } from '@jest/globals';
import { orderAmended, orderCompleted, orderPlaced } from '#contracts/sales/order.events.js';
import { evolveAll } from '#platform/kernel/aggregate.js';
import { specify } from '#platform/kernel/specify.js';
import {
  completed,
  confirmed,
  customer,
  delivered,
  deliveredAll,
  orderId,
  placed,
  teapots,
  terms,
} from '../examples.js';
import { completeOrder } from './complete-order.command.js';
import { Order } from './order.aggregate.js';

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
  it('refuses a time before it was placed', () => {
    const order = evolveAll(Order, Order.initial, [placed, confirmed, deliveredAll], new Date('2026-01-15T12:00:00Z'));
    const on = (now: string) =>
      completeOrder.decide(order, {}, { id: orderId, now: new Date(now), actor: 'x', refs: {} });
    expect(() => on('2026-01-15T11:59:59Z')).toThrow('the order was placed at 2026-01-15T12:00:00.000Z');
    expect(on('2026-01-15T12:00:00Z')).toEqual(completed);
  });
  it('refuses what is not delivered in full, and a second time', () => {
    const some = delivered(false, { line: 1, quantity: '2' });
    specify(completeOrder).given(placed, confirmed, some).when({}).refused('order-is-fulfilled');
    specify(completeOrder).given(placed, confirmed, deliveredAll, completed).when({}).refused('order-is-fulfilled');
  });
});
