import { describe, it } from '@jest/globals';
import { orderCancelled, orderPaymentRecorded } from '#contracts/sales/order.events.js';
import { specify } from '#platform/kernel/specify.js';
import { completed, confirmed, deliveredAll, placed } from '../examples.js';
import { recordPayment } from './record-payment.command.js';

const pay = (amount: string) => ({ amount, currency: 'GBP', method: 'card' });
const paid = (amount: string, outstanding: string, overpaid = '0') =>
  orderPaymentRecorded({ ...pay(amount), outstanding, overpaid });

describe('RecordPayment', () => {
  it('says what is still due', () => {
    specify(recordPayment).given(placed).when(pay('30')).then(paid('30', '0.1'));
    specify(recordPayment).given(placed, paid('30', '0.1')).when(pay('0.1')).then(paid('0.1', '0'));
  });
  it('takes money after completion', () =>
    specify(recordPayment).given(placed, confirmed, deliveredAll, completed).when(pay('30.1')).then(paid('30.1', '0')));
  it('takes more than is due only when the sender says so', () => {
    specify(recordPayment).given(placed).when(pay('30.11')).refused('payment-within-due');
    specify(recordPayment)
      .given(placed, paid('30', '0.1'))
      .when({ ...pay('5'), allowOverpayment: true })
      .then(paid('5', '0', '4.9'));
  });
  it('refuses what no event could tell of: payments of more digits than an amount has', () => {
    const most = { ...pay('9'.repeat(28)), allowOverpayment: true };
    specify(recordPayment)
      .given(placed)
      .when(most)
      .then(paid(most.amount, '0', `${'9'.repeat(26)}68.9`));
    specify(recordPayment)
      .given(placed, paid(most.amount, '0', `${'9'.repeat(26)}68.9`))
      .when({ ...pay('1'), allowOverpayment: true })
      .refused('paid-is-an-amount');
  });
  it('refuses another currency, nothing, and an order that takes no money', () => {
    specify(recordPayment)
      .given(placed)
      .when({ ...pay('1'), currency: 'EUR' })
      .refused('currency-agrees');
    specify(recordPayment).given(placed).when(pay('0.00')).invalid('/amount');
    specify(recordPayment).when(pay('1')).refused('order-takes-payments');
    const cancelled = orderCancelled({
      currency: 'GBP',
      stage: 'placed',
      net: '30.1',
      refundDue: '0',
      reason: 'changed-mind',
    });
    specify(recordPayment).given(placed, cancelled).when(pay('1')).refused('order-takes-payments');
  });
});
