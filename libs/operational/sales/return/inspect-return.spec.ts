import { describe, it } from '@jest/globals';
import { orderReturnReleased } from '#contracts/sales/order.events.js';
import { at } from '#platform/kernel/command.js';
import { specify } from '#test/fixtures/specify.js';
import { authorised, inspected, received, requested, specId } from '#test/fixtures/sales.fixture.js';
import { inspectReturn } from './inspect-return.command.js';

const back = () => specify(inspectReturn).given(requested, authorised, received);
const judged = (accepted: string) => ({ lines: [{ line: 1, accepted }] });
const sentBack = (quantity: string) =>
  at('order', orderReturnReleased({ return: specId, lines: [{ line: 1, quantity }] }));

describe('InspectReturn', () => {
  it('accepts all unless told otherwise', () => back().when({}).then(inspected('2', '25')));
  it('frees what is not accepted', () => {
    back().when(judged('1')).then(inspected('1', '12.5'), sentBack('1'));
    back().when(judged('0')).then(inspected('0', '0'), sentBack('2'));
  });
  it('refuses more than arrived, lines that did not, and lines left out', () => {
    back().when(judged('2.1')).refused('accepted-within-received');
    back()
      .when({ lines: [{ line: 2, accepted: '1' }] })
      .refused('line-in-return');
    back().when(judged('-1')).invalid('/lines/0/accepted');
    const two = {
      ...requested,
      data: { ...requested.data, lines: [1, 2].map((line) => ({ ...requested.data.lines[0]!, line })) },
    };
    const both = { ...received, data: { ...received.data, lines: [1, 2].map((line) => ({ line, quantity: '1' })) } };
    specify(inspectReturn).given(two, authorised, both).when(judged('1')).refused('inspection-covers-receipt');
  });
  it('refuses a return that is not received', () =>
    specify(inspectReturn).given(requested, authorised).when({}).refused('return-is-received'));
});
