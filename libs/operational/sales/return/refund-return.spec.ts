import { describe, it } from '@jest/globals';
import { orderPaymentRefunded, orderPlaced, orderReturnSettled } from '#contracts/sales/order.events.js';
import { returnRefunded, returnRequested } from '#contracts/sales/return.events.js';
import { at } from '#platform/kernel/command.js';
import type { DomainEvent } from '#platform/kernel/event-contract.js';
import { specify } from '#test/fixtures/specify.js';
import {
  aboutGoods,
  authorised,
  cups,
  inspected,
  ofOrder,
  paid,
  placed,
  received,
  refunded,
  requested,
  specId,
  teapots,
  terms,
} from '#test/fixtures/sales.fixture.js';
import { refundReturn } from './refund-return.command.js';

const paidInFull = [placed, paid('30.1', '0')];
const back = (accepted: string, value: string, order: DomainEvent<any>[] = paidInFull) =>
  specify(refundReturn)
    .given(requested, authorised, received, inspected(accepted, value))
    .where('order', ...order);
const when = { currency: 'GBP' };
const settled = (value: string, paidBack: string, rest: object = {}) =>
  at(
    'order',
    orderReturnSettled({
      currency: 'GBP',
      return: specId,
      value,
      kept: '0',
      paidBack,
      moved: '0',
      outstanding: '0',
      overpaid: '0',
      ...rest,
    }),
  );

describe('RefundReturn', () => {
  it('pays the accepted goods back', () => {
    back('2', '25').when(when).then(refunded, settled('25', '25'));
    const lines = [{ ...teapots, quantity: '1' }];
    const one = returnRefunded({ ...ofOrder, net: '12.5', credited: '0', lineCount: 1, lines });
    back('1', '12.5').when(when).then(one, settled('12.5', '12.5'));
  });
  it('pays less where a fee is kept, never more', () => {
    back('2', '25')
      .when({ ...when, amount: '20.00' })
      .then(returnRefunded({ ...refunded.data, net: '20' }), settled('25', '20', { kept: '5' }));
    back('2', '25')
      .when({ ...when, amount: '25.01' })
      .refused('refund-within-value');
    back('2', '25')
      .when({ ...when, amount: '-1' })
      .invalid('/amount');
  });
  it('pays back at most what was paid: the rest lowers what is due', () => {
    const credited = (net: string, rest: string) => returnRefunded({ ...refunded.data, net, credited: rest });
    back('2', '25', [placed])
      .when(when)
      .then(credited('0', '25'), settled('25', '0', { outstanding: '5.1' }));
    back('2', '25', [placed, paid('10', '20.1')])
      .when(when)
      .then(credited('10', '15'), settled('25', '10', { outstanding: '5.1' }));
    const over = [
      placed,
      paid('31.1', '0', '1'),
      orderPaymentRefunded({ ...when, amount: '1', outstanding: '0', overpaid: '0' }),
    ];
    back('2', '25', over).when(when).then(refunded, settled('25', '25'));
  });
  it('keeps the fee of what was paid in part, instead of paying it back and asking for it', () =>
    back('2', '25', [placed, paid('10', '20.1')])
      .when({ ...when, amount: '22' })
      .then(
        returnRefunded({ ...refunded.data, net: '7', credited: '15' }),
        settled('25', '7', { kept: '3', outstanding: '5.1' }),
      ));
  it('of goods whose discount stays pays back no more than was paid', () => {
    const less = { line: 3, sku: 'VOUCHER', quantity: '1', unitPrice: '-10' };
    const discounted = orderPlaced({ ...terms, lines: [teapots, less], net: '15' });
    back('2', '25', [discounted, paid('15', '0')])
      .when(when)
      .then(returnRefunded({ ...refunded.data, net: '15', credited: '10' }), settled('25', '15'));
  });
  it('of parts of a penny one by one comes to what the whole cost', () => {
    const third = { ...cups, line: 1, quantity: '1', unitPrice: '0.333333' };
    const order = orderPlaced({ ...terms, lines: [{ ...third, quantity: '3' }], net: '0.999999' });
    const asked = returnRequested({ ...requested.data, lines: [third], value: '0.333333' });
    const step = (before: DomainEvent<any>[], net: string) =>
      specify(refundReturn)
        .given(asked, authorised, received, inspected('1', '0.333333'))
        .where('order', order, paid('1', '0'), ...before)
        .when(when)
        .then(
          returnRefunded({ ...ofOrder, net, credited: '0', lineCount: 1, lines: [third] }),
          settled('0.333333', net),
        );
    const first = settled('0.333333', '0.33').event;
    const second = settled('0.333333', '0.34').event;
    step([], '0.33');
    step([first], '0.34');
    step([first, second], '0.33');
  });
  it('refuses goods whose order is not known: nobody knows what was paid for them', () =>
    specify(refundReturn)
      .given(
        returnRequested({ ...aboutGoods, lines: [teapots], value: '25' }),
        authorised,
        received,
        inspected('2', '25'),
      )
      .when(when)
      .refused('order-is-known'));
  it('refuses another currency, a part of a penny, nothing accepted, a return not inspected, a second refund', () => {
    back('2', '25').when({ currency: 'EUR' }).refused('currency-agrees');
    back('2', '25')
      .when({ ...when, amount: '0.005' })
      .refused('amount-can-be-paid');
    back('0', '0').when(when).refused('something-accepted');
    specify(refundReturn).given(requested, authorised, received).when(when).refused('return-is-inspected');
    specify(refundReturn)
      .given(requested, authorised, received, inspected('2', '25'), refunded)
      .when(when)
      .refused('return-is-inspected');
  });
});
