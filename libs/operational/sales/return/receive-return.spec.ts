import { describe, it } from '@jest/globals';
import { orderReturnReleased } from '#contracts/sales/order.events.js';
import { returnReceived } from '#contracts/sales/return.events.js';
import { at } from '#platform/kernel/command.js';
import { specify } from '#test/fixtures/specify.js';
import { authorised, ofOrder, received, requested, specId } from '#test/fixtures/sales.fixture.js';
import { receiveReturn } from './receive-return.command.js';

const line = (quantity: string) => ({ line: 1, quantity });
const back = () => specify(receiveReturn).given(requested, authorised);

describe('ReceiveReturn', () => {
  it('takes all that was asked for', () => back().when({}).then(received));
  it('frees what did not arrive', () =>
    back()
      .when({ lines: [line('0.5')] })
      .then(
        returnReceived({ ...ofOrder, lines: [line('0.5')] }),
        at('order', orderReturnReleased({ return: specId, lines: [line('1.5')] })),
      ));
  it('refuses more than was asked for', () => {
    back()
      .when({ lines: [line('3')] })
      .refused('received-within-return');
    back()
      .when({ lines: [line('1'), line('1')] })
      .refused('line-numbers-unique');
    back()
      .when({ lines: [{ line: 2, quantity: '1' }] })
      .refused('line-in-return');
  });
  it('refuses a return that is not authorised, and a second receipt', () => {
    specify(receiveReturn).given(requested).when({}).refused('return-is-authorised');
    specify(receiveReturn).given(requested, authorised, received).when({}).refused('return-is-authorised');
  });
});
