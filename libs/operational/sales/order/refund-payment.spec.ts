import { describe, it } from '@jest/globals';
import { orderAmended, orderCancelled, orderPaymentRefunded } from '#contracts/sales/order.events.js';
import { specify } from '#test/fixtures/specify.js';
import { confirmed, paid, placed, teapots } from '#test/fixtures/sales.fixture.js';
import { refundPayment } from './refund-payment.command.js';

const gbp = { currency: 'GBP' };
const refunded = (amount: string, overpaid: string) =>
  orderPaymentRefunded({ ...gbp, amount, outstanding: '0', overpaid });
const cancelled = orderCancelled({ ...gbp, stage: 'confirmed', net: '30.1', refundDue: '30.1', reason: 'sold-out' });

describe('RefundPayment', () => {
  it('pays a cancelled prepaid order back, at once or in parts', () => {
    const past = [placed, paid('30.1', '0'), confirmed, cancelled];
    specify(refundPayment)
      .given(...past)
      .when(gbp)
      .then(refunded('30.1', '0'));
    const part = refunded('10.1', '20');
    specify(refundPayment)
      .given(...past)
      .when({ ...gbp, amount: '10.10' })
      .then(part);
    const rest = { ...gbp, method: 'card', reference: 'R-2', note: 'sorry' };
    specify(refundPayment)
      .given(...past, part)
      .when(rest)
      .then(orderPaymentRefunded({ ...refunded('20', '0').data, ...rest }));
  });
  it('pays an overpayment back, and what an amendment leaves paid', () => {
    specify(refundPayment)
      .given(placed, paid('31', '0', '0.9'))
      .when(gbp)
      .then(refunded('0.9', '0'));
    const cut = { stage: 'placed' as const, lines: [teapots], net: '25', previousNet: '30.1' };
    specify(refundPayment)
      .given(placed, paid('30.1', '0'), orderAmended({ ...gbp, ...cut, outstanding: '0', overpaid: '5.1' }))
      .when(gbp)
      .then(refunded('5.1', '0'));
  });
  it('refuses more than that, twice the same, and what nobody can pay', () => {
    const over = () => specify(refundPayment).given(placed, paid('31', '0', '0.9'));
    over()
      .when({ ...gbp, amount: '0.91' })
      .refused('refund-within-overpaid');
    over()
      .when({ ...gbp, amount: '0.001' })
      .refused('amount-can-be-paid');
    over().when({ currency: 'EUR' }).refused('currency-agrees');
    specify(refundPayment)
      .given(placed, paid('31', '0', '0.9'), refunded('0.9', '0'))
      .when(gbp)
      .refused('something-overpaid');
    specify(refundPayment).given(placed, paid('30.1', '0')).when(gbp).refused('something-overpaid');
    specify(refundPayment).given(placed, cancelled).when(gbp).refused('something-overpaid');
  });
});
