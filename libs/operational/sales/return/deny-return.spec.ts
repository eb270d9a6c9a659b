import { describe, it } from '@jest/globals';
import { orderReturnReleased } from '#contracts/sales/order.events.js';
import { returnDenied, returnRequested } from '#contracts/sales/return.events.js';
import { at } from '#platform/kernel/command.js';
import { specify } from '#test/fixtures/specify.js';
import {
  aboutGoods,
  authorised,
  completed,
  ofOrder,
  placed,
  received,
  requested,
  specId,
  teapots,
} from '#test/fixtures/sales.fixture.js';
import { denyReturn } from './deny-return.command.js';

const when = { reason: 'too-late' };
const denied = returnDenied({ ...ofOrder, value: '25', ...when });

describe('DenyReturn', () => {
  it('frees the lines of the order', () =>
    specify(denyReturn)
      .given(requested)
      .where('order', placed, completed)
      .when(when)
      .then(denied, at('order', orderReturnReleased({ return: specId, lines: [{ line: 1, quantity: '2' }] }))));
  it('has nothing to free without an order', () =>
    specify(denyReturn)
      .given(returnRequested({ ...aboutGoods, lines: [teapots], value: '25' }))
      .when(when)
      .then(returnDenied({ ...aboutGoods, value: '25', ...when })));
  it('gives up one whose goods never came', () =>
    specify(denyReturn)
      .given(requested, authorised)
      .where('order', placed, completed)
      .when(when)
      .then(denied, at('order', orderReturnReleased({ return: specId, lines: [{ line: 1, quantity: '2' }] }))));
  it('refuses a return that is denied, or whose goods are here', () => {
    specify(denyReturn).given(requested, denied).when(when).refused('return-has-not-come');
    specify(denyReturn).given(requested, authorised, received).when(when).refused('return-has-not-come');
  });
});
