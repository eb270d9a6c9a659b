import { describe, it } from '@jest/globals';
import { returnClosed, returnExchanged } from '#contracts/sales/return.events.js';
import { specify } from '#test/fixtures/specify.js';
import {
  authorised,
  inspected,
  ofOrder,
  orderId,
  received,
  refunded,
  requested,
  teapots,
} from '#test/fixtures/sales.fixture.js';
import { closeReturn } from './close-return.command.js';

const back = [requested, authorised, received];
const closed = (outcome: 'refunded' | 'exchanged' | 'rejected', net: string) =>
  returnClosed({ ...ofOrder, outcome, net });

describe('CloseReturn', () => {
  it('says how the return ended', () => {
    const all = inspected('2', '25');
    const exchanged = returnExchanged({
      ...ofOrder,
      replacement: orderId,
      value: '25',
      lineCount: 1,
      lines: [teapots],
    });
    specify(closeReturn)
      .given(...back, all, refunded)
      .when({})
      .then(closed('refunded', '25'));
    specify(closeReturn)
      .given(...back, all, exchanged)
      .when({})
      .then(closed('exchanged', '0'));
    specify(closeReturn)
      .given(...back, inspected('0', '0'))
      .when({})
      .then(closed('rejected', '0'));
  });
  it('refuses a return that is not settled, and a second time', () => {
    specify(closeReturn).given(requested).when({}).refused('return-is-settled');
    specify(closeReturn)
      .given(...back, inspected('1', '12.5'))
      .when({})
      .refused('return-is-settled');
    specify(closeReturn)
      .given(...back, inspected('2', '25'), refunded, closed('refunded', '25'))
      .when({})
      .refused('return-is-settled');
  });
});
