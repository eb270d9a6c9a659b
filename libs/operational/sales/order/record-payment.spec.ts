import { describe, it } from '@jest/globals';
import { orderCancelled, orderPaymentRecorded, orderPlaced } from '#contracts/sales/order.events.js';
import { minus, payable } from '#platform/kernel/money.js';
import { specify } from '#test/fixtures/specify.js';
import { completed, confirmed, cups, deliveredAll, paid, placed, terms } from '#test/fixtures/sales.fixture.js';
import { recordPayment } from './record-payment.command.js';

const pay = (amount: string) => ({ amount, currency: 'GBP', method: 'card' });

describe('RecordPayment', () => {
  it('says what is still due', () => {
    specify(recordPayment).given(placed).when(pay('30')).then(paid('30', '0.1'));
    specify(recordPayment).given(placed, paid('30', '0.1')).when(pay('0.1')).then(paid('0.1', '0'));
  });
  it('takes money after completion', () =>
    specify(recordPayment).given(placed, confirmed, deliveredAll, completed).when(pay('30.1')).then(paid('30.1', '0')));
  it('settles an order whose lines do not come to whole pence: what is due is rounded, half a penny up', () => {
    const worth = (quantity: string, unitPrice: string, net: string) =>
      orderPlaced({ ...terms, lines: [{ ...cups, quantity, unitPrice }], net });
    const thirds = worth('3', '0.333333', '0.999999');
    specify(recordPayment).given(thirds).when(pay('0.99')).then(paid('0.99', '0.01'));
    specify(recordPayment).given(thirds, paid('0.99', '0.01')).when(pay('0.01')).then(paid('0.01', '0'));
    specify(recordPayment).given(thirds).when(pay('1.01')).refused('payment-within-due');
    specify(recordPayment)
      .given(worth('1', '0.125', '0.125'))
      .when(pay('0.13'))
      .then(paid('0.13', '0'));
    specify(recordPayment)
      .given(worth('1', '0.124999', '0.124999'))
      .when(pay('0.12'))
      .then(paid('0.12', '0'));
  });
  it.each([
    ['JPY', '0.005', '30'],
    ['GBP', '0.005', '30.1'],
    ['KWD', '0.0005', '0.005'],
    ['ISK', '0.5', '30'],
  ])('refuses a part of the smallest unit of %s, which nobody can pay', (currency, part, whole) => {
    const order = () => specify(recordPayment).given(orderPlaced({ ...terms, currency }));
    order()
      .when({ ...pay(part), currency, allowOverpayment: true })
      .refused('amount-can-be-paid');
    const outstanding = payable(minus('30.1', whole), currency);
    order()
      .when({ ...pay(whole), currency })
      .then(orderPaymentRecorded({ ...pay(whole), currency, outstanding, overpaid: '0' }));
  });
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
