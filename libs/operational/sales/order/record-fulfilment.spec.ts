import { describe, it } from '@jest/globals';
import { specify } from '#test/fixtures/specify.js';
import { confirmed, delivered, deliveredAll, held, placed } from '#test/fixtures/sales.fixture.js';
import { recordFulfilment } from './record-fulfilment.command.js';

const one = { line: 1, quantity: '1' };
const order = () => specify(recordFulfilment).given(placed, confirmed);

describe('RecordFulfilment', () => {
  it('is complete with the last thing delivered', () => {
    const six = { line: 2, quantity: '6' };
    order()
      .when({ lines: [one] })
      .then(delivered(false, one));
    specify(recordFulfilment)
      .given(placed, confirmed, delivered(false, one), delivered(false, six))
      .when({ lines: [one] })
      .then(delivered(true, one));
    order().when({ lines: deliveredAll.data.lines }).then(deliveredAll);
  });
  it('refuses more than was ordered, over all deliveries', () => {
    order()
      .when({ lines: [{ line: 1, quantity: '2.000001' }] })
      .refused('fulfilment-within-order');
    specify(recordFulfilment)
      .given(placed, confirmed, delivered(false, one))
      .when({ lines: [{ line: 1, quantity: '2' }] })
      .refused('fulfilment-within-order');
    order()
      .when({ lines: [one, one] })
      .refused('line-numbers-unique');
    order()
      .when({ lines: [{ line: 3, quantity: '1' }] })
      .refused('line-in-order');
  });
  it('refuses an order that is not confirmed, or held, or delivered', () => {
    for (const past of [[placed], [placed, confirmed, held], [placed, confirmed, deliveredAll]])
      specify(recordFulfilment)
        .given(...past)
        .when({ lines: [one] })
        .refused('order-is-confirmed');
  });
});
