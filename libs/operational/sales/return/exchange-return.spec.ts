import { describe, it } from '@jest/globals';
import {
  orderDrafted,
  orderPlaced,
  orderReplacementAssigned,
  orderReturnSettled,
} from '#contracts/sales/order.events.js';
import { returnExchangeUndone, returnExchanged, returnRequested } from '#contracts/sales/return.events.js';
import { at } from '#platform/kernel/command.js';
import { specify } from '#test/fixtures/specify.js';
import {
  aboutGoods,
  authorised,
  inspected,
  ofOrder,
  orderId,
  paid,
  placed,
  received,
  refunded,
  requested,
  specId,
  teapots,
  terms,
} from '#test/fixtures/sales.fixture.js';
import { exchangeReturn } from './exchange-return.command.js';
import { refundReturn } from './refund-return.command.js';

const replacement = '0198f3a0-0000-7000-8000-00000000d002';
const back = (accepted = '2', value = '25') =>
  specify(exchangeReturn).given(requested, authorised, received, inspected(accepted, value));

const exchanged = returnExchanged({ ...ofOrder, replacement, value: '25', lineCount: 1, lines: [teapots] });
const standing = { outstanding: '0', overpaid: '0' };
const about = { currency: 'GBP', return: specId, value: '25', moved: '0', ...standing };
const assigned = (data: object) =>
  at('replacement', orderReplacementAssigned({ ...about, order: orderId, allowance: '0', ...data }));
const settled = (data: object) => at('order', orderReturnSettled({ ...about, kept: '0', paidBack: '0', ...data }));

describe('ExchangeReturn', () => {
  it('answers with another order, and what was paid for the goods is paid there', () =>
    back()
      .where('replacement', placed)
      .where('order', placed, paid('30.1', '0'))
      .when({ replacement })
      .then(exchanged, assigned({ moved: '25', outstanding: '5.1' }), settled({ moved: '25' })));
  it('moves at most what was paid: the rest is no longer due', () => {
    back()
      .where('replacement', placed)
      .where('order', placed, paid('10', '20.1'))
      .when({ replacement })
      .then(exchanged, assigned({ moved: '10', outstanding: '20.1' }), settled({ moved: '10', outstanding: '5.1' }));
    back()
      .where('replacement', placed)
      .where('order', placed)
      .when({ replacement })
      .then(exchanged, assigned({ outstanding: '30.1' }), settled({ outstanding: '5.1' }));
  });
  it('takes goods whose order is not known off what is due for the replacement, which moves no money', () => {
    const goods = returnRequested({ ...aboutGoods, lines: [teapots], value: '25' });
    specify(exchangeReturn)
      .given(goods, authorised, received, inspected('2', '25'))
      .where('replacement', placed)
      .when({ replacement })
      .then(
        returnExchanged({ ...aboutGoods, replacement, value: '25', lineCount: 1, lines: [teapots] }),
        assigned({ order: undefined, allowance: '25', outstanding: '5.1' }),
      );
  });
  it('refuses an order that replaces the goods of another return, and one that is a draft', () => {
    const other = assigned({ return: orderId, moved: '25', outstanding: '5.1' }).event;
    back().where('replacement', placed, other).when({ replacement }).refused('replacement-serves-one-return');
    back().where('replacement', orderDrafted(terms)).when({ replacement }).refused('replacement-is-placed');
  });
  it('takes another order when the replacement was cancelled, or refunds', () => {
    const undone = returnExchangeUndone({ ...ofOrder, replacement: orderId, value: '25' });
    const past = [requested, authorised, received, inspected('2', '25'), exchanged, undone];
    specify(exchangeReturn)
      .given(...past)
      .where('replacement', placed)
      .where('order', placed, paid('30.1', '0'))
      .when({ replacement })
      .then(exchanged, assigned({ moved: '25', outstanding: '5.1' }), settled({ moved: '25' }));
    const back = {
      return: specId,
      value: '25',
      kept: '0',
      paidBack: '25',
      moved: '0',
      outstanding: '0',
      overpaid: '0',
    };
    specify(refundReturn)
      .given(...past)
      .where('order', placed, paid('30.1', '0'))
      .when({ currency: 'GBP' })
      .then(refunded, at('order', orderReturnSettled({ currency: 'GBP', ...back })));
  });
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
