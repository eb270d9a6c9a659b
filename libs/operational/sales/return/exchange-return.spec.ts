import { describe, it } from '@jest/globals';
import { orderPlaced } from '#contracts/sales/order.events.js';
import { returnExchanged } from '#contracts/sales/return.events.js';
import { specify } from '#platform/kernel/specify.js';
import { authorised, inspected, ofOrder, orderId, placed, received, requested, teapots, terms } from '../examples.js';
import { exchangeReturn } from './exchange-return.command.js';

const replacement = '0198f3a0-0000-7000-8000-00000000d002';
const back = (accepted = '2', value = '25') =>
  specify(exchangeReturn).given(requested, authorised, received, inspected(accepted, value));

describe('ExchangeReturn', () => {
  it('answers with another order', () =>
    back()
      .where('replacement', placed)
      .when({ replacement })
      .then(returnExchanged({ ...ofOrder, replacement, value: '25', lineCount: 1, lines: [teapots] })));
  it('refuses an order that is none, the same, or in another currency', () => {
    back().when({ replacement }).refused('replacement-exists');
    back().where('replacement', placed).when({ replacement: orderId }).refused('replacement-is-another-order');
    back()
      .where('replacement', orderPlaced({ ...terms, currency: 'EUR' }))
      .when({ replacement })
      .refused('currency-agrees');
  });
  it('refuses a return of which nothing was accepted, or that is not inspected', () => {
    back('0', '0').where('replacement', placed).when({ replacement }).refused('something-accepted');
    specify(exchangeReturn)
      .given(requested)
      .where('replacement', placed)
      .when({ replacement })
      .refused('return-is-inspected');
  });
});
