import { describe, it } from '@jest/globals';
import { orderCancelled, orderPaymentRecorded } from '#contracts/sales/order.events.js';
import { specify } from '#platform/kernel/specify.js';
import { completed, confirmed, delivered, deliveredAll, held, placed } from '../examples.js';
import { cancelOrder } from './cancel-order.command.js';

const when = { reason: 'changed-mind' };
const cancelled = (stage: 'placed' | 'confirmed', refundDue: string) =>
  orderCancelled({ currency: 'GBP', stage, net: '30.1', refundDue, ...when });

describe('CancelOrder', () => {
  it('says what must be given back', () => {
    const paid = orderPaymentRecorded({
      currency: 'GBP',
      amount: '10',
      method: 'card',
      outstanding: '20.1',
      overpaid: '0',
    });
    specify(cancelOrder).given(placed).when(when).then(cancelled('placed', '0'));
    specify(cancelOrder).given(placed, paid, confirmed, held).when(when).then(cancelled('confirmed', '10'));
  });
  it('refuses once something is delivered', () => {
    const some = delivered(false, { line: 1, quantity: '1' });
    specify(cancelOrder).given(placed, confirmed, some).when(when).refused('nothing-fulfilled');
  });
  it('refuses an order that is over', () => {
    specify(cancelOrder).when(when).refused('order-is-open');
    specify(cancelOrder).given(placed, cancelled('placed', '0')).when(when).refused('order-is-open');
    specify(cancelOrder).given(placed, confirmed, deliveredAll, completed).when(when).refused('order-is-open');
  });
});
