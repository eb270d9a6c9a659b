import { describe, it } from '@jest/globals';
import {
  orderCancelled,
  orderPaymentRefunded,
  orderReplacementAssigned,
  orderReturnReopened,
  orderReturnSettled,
} from '#contracts/sales/order.events.js';
import { returnClosed, returnExchangeUndone, returnExchanged } from '#contracts/sales/return.events.js';
import { at } from '#platform/kernel/command.js';
import { specify } from '#test/fixtures/specify.js';
import {
  authorised,
  completed,
  confirmed,
  delivered,
  deliveredAll,
  held,
  inspected,
  ofOrder,
  orderId,
  paid,
  placed,
  received,
  requested,
  specId,
  teapots,
} from '#test/fixtures/sales.fixture.js';
import { cancelOrder } from './cancel-order.command.js';

const gbp = { currency: 'GBP' };
const when = { reason: 'changed-mind' };
const cancelled = (stage: 'placed' | 'confirmed', refundDue: string) =>
  orderCancelled({ currency: 'GBP', stage, net: '30.1', refundDue, ...when });

describe('CancelOrder', () => {
  it('says what must be given back', () => {
    specify(cancelOrder).given(placed).when(when).then(cancelled('placed', '0'));
    specify(cancelOrder)
      .given(placed, paid('10', '20.1'), confirmed, held)
      .when(when)
      .then(cancelled('confirmed', '10'));
  });
  describe('a replacement', () => {
    // Teapots for 25 came back of an order of 30.10 of which 20 was paid.
    const back = '0198f3a0-0000-7000-8000-00000000e001';
    const exchange = { return: back, value: '25' };
    const original = [
      placed,
      paid('20', '10.1'),
      orderReturnSettled({
        ...gbp,
        ...exchange,
        kept: '0',
        paidBack: '0',
        moved: '20',
        outstanding: '5.1',
        overpaid: '0',
      }),
    ];
    const assigned = orderReplacementAssigned({
      ...gbp,
      ...exchange,
      order: orderId,
      moved: '20',
      allowance: '0',
      outstanding: '10.1',
      overpaid: '0',
    });
    const exchanged = returnExchanged({ ...ofOrder, replacement: specId, value: '25', lineCount: 1, lines: [teapots] });
    const closed = returnClosed({ ...ofOrder, outcome: 'exchanged', net: '0' });
    const past = [requested, authorised, received, inspected('2', '25'), exchanged, closed];
    const undone = at('return', returnExchangeUndone({ ...ofOrder, replacement: specId, value: '25' }));
    const gone = (refundDue: string, movedBack: string) =>
      orderCancelled({ ...gbp, stage: 'placed', net: '30.1', refundDue, movedBack, ...when });
    const reopened = (moved: string, outstanding: string) =>
      at('original', orderReturnReopened({ ...gbp, ...exchange, moved, outstanding, overpaid: '0' }));

    it('gives the return its goods and its money back, and keeps what was paid on top to be refunded', () =>
      specify(cancelOrder)
        .given(placed, assigned, paid('4', '6.1'))
        .where('return', ...past)
        .where('original', ...original)
        .when(when)
        .then(gone('4', '20'), undone, reopened('20', '10.1')));
    it('gives back no more than is left of it', () =>
      specify(cancelOrder)
        .given(placed, assigned, orderPaymentRefunded({ ...gbp, amount: '3', outstanding: '0', overpaid: '0' }))
        .where('return', ...past)
        .where('original', ...original)
        .when(when)
        .then(gone('0', '17'), undone, reopened('17', '13.1')));
    it('of goods whose order is not known moves nothing', () => {
      const { order: _order, ...unknown } = assigned.data;
      specify(cancelOrder)
        .given(placed, orderReplacementAssigned({ ...unknown, moved: '0', allowance: '25' }))
        .where('return', ...past)
        .when(when)
        .then(gone('0', '0'), undone);
    });
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
