import { describe, it } from '@jest/globals';
import { returnRefunded } from '#contracts/sales/return.events.js';
import { specify } from '#platform/kernel/specify.js';
import { authorised, inspected, ofOrder, received, refunded, requested, teapots } from '../examples.js';
import { refundReturn } from './refund-return.command.js';

const back = (accepted: string, value: string) =>
  specify(refundReturn).given(requested, authorised, received, inspected(accepted, value));
const when = { currency: 'GBP' };

describe('RefundReturn', () => {
  it('pays the accepted goods back', () => {
    back('2', '25').when(when).then(refunded);
    const lines = [{ ...teapots, quantity: '1' }];
    back('1', '12.5')
      .when(when)
      .then(returnRefunded({ ...ofOrder, net: '12.5', lineCount: 1, lines }));
  });
  it('pays less where a fee is kept, never more', () => {
    back('2', '25')
      .when({ ...when, amount: '20' })
      .then(returnRefunded({ ...refunded.data, net: '20' }));
    back('2', '25')
      .when({ ...when, amount: '25.01' })
      .refused('refund-within-value');
    back('2', '25')
      .when({ ...when, amount: '-1' })
      .invalid('/amount');
  });
  it('refuses another currency, nothing accepted, a return not inspected, a second refund', () => {
    back('2', '25').when({ currency: 'EUR' }).refused('currency-agrees');
    back('0', '0').when(when).refused('something-accepted');
    specify(refundReturn).given(requested, authorised, received).when(when).refused('return-is-inspected');
    specify(refundReturn)
      .given(requested, authorised, received, inspected('2', '25'), refunded)
      .when(when)
      .refused('return-is-inspected');
  });
});
