import { describe, it } from '@jest/globals';
import {
  orderAmended,
  orderCompleted,
  orderInvoiceRecorded,
  orderPaymentRecorded,
} from '#contracts/sales/order.events.js';
import type { OrderStage } from '#contracts/sales/order.events.js';
import { specify } from '#test/fixtures/specify.js';
import { confirmed, cups, delivered, deliveredAll, held, placed, teapots } from '#test/fixtures/sales.fixture.js';
import { amendOrder } from './amend-order.command.js';
import { completeOrder } from './complete-order.command.js';

const gbp = { currency: 'GBP' };
const amended = (stage: OrderStage, lines: (typeof teapots)[], net: string, outstanding = net, overpaid = '0') =>
  orderAmended({ ...gbp, stage, lines, net, previousNet: '30.1', outstanding, overpaid });
const paid = orderPaymentRecorded({ ...gbp, amount: '26', method: 'card', outstanding: '4.1', overpaid: '0' });
const some = delivered(false, { line: 1, quantity: '2' }, { line: 2, quantity: '1' });

const partly = () => specify(amendOrder).given(placed, confirmed, some);

describe('AmendOrder', () => {
  it('takes the new lines in full and sums them anew', () => {
    specify(amendOrder)
      .given(placed)
      .when({ lines: [teapots] })
      .then(amended('placed', [teapots], '25'));
    const more = { ...cups, quantity: '8' };
    specify(amendOrder)
      .given(placed, paid)
      .when({ lines: [teapots, more] })
      .then(amended('placed', [teapots, more], '31.8', '5.8'));
  });
  it('keeps what it does not name', () => {
    const by = orderAmended({ ...amended('placed', [teapots, cups], '30.1').data, salesperson: 'sara' });
    const next = orderAmended({ ...by.data, note: 'ring twice' });
    specify(amendOrder).given(placed).when({ salesperson: 'sara' }).then(by);
    specify(amendOrder).given(placed, by).when({ note: 'ring twice' }).then(next);
  });
  it('keeps what was delivered: thing, price and quantity', () => {
    partly()
      .when({ lines: [teapots] })
      .refused('fulfilled-quantities-kept');
    partly()
      .when({ lines: [{ ...teapots, quantity: '1' }, cups] })
      .refused('fulfilled-quantities-kept');
    partly()
      .when({ lines: [{ ...teapots, sku: 'KETTLE' }, cups] })
      .refused('fulfilled-quantities-kept');
    partly()
      .when({ lines: [{ ...teapots, unitPrice: '9' }, cups] })
      .refused('fulfilled-quantities-kept');
  });
  it('down to what was delivered leaves the order fulfilled', () => {
    const one = { ...cups, quantity: '1' };
    const cut = amended('fulfilled', [teapots, one], '25.85');
    specify(amendOrder)
      .given(placed, confirmed, some)
      .when({ lines: [teapots, one] })
      .then(cut);
    const worth = { net: '25.85', lines: 2, saleLines: 2, saleValue: '25.85', placedAt: '2026-01-15T12:00:00.000Z' };
    specify(completeOrder)
      .given(placed, confirmed, some, cut)
      .when({})
      .then(orderCompleted({ ...gbp, kind: 'sale', zone: 'Europe/London', ...worth }));
  });
  it('takes goods that do not come off an order that is paid and invoiced: what was paid above can be paid back', () => {
    const invoiced = orderInvoiceRecorded({ ...gbp, invoice: 'I-1', amount: '30.1', invoiced: '30.1' });
    const all = orderPaymentRecorded({ ...gbp, amount: '30.1', method: 'card', outstanding: '0', overpaid: '0' });
    const pots = delivered(false, { line: 1, quantity: '2' });
    specify(amendOrder)
      .given(placed, confirmed, invoiced, all, pots)
      .when({ lines: [teapots] })
      .then(amended('fulfilled', [teapots], '25', '0', '5.1'));
  });
  it('does not go below nothing', () => {
    specify(amendOrder)
      .given(placed)
      .when({ lines: [{ ...teapots, unitPrice: '-1' }] })
      .refused('net-not-negative');
  });
  it('refuses an order that is held or delivered, and an amendment of nothing', () => {
    specify(amendOrder).given(placed, held).when({ note: 'x' }).refused('order-can-be-amended');
    specify(amendOrder).given(placed, confirmed, deliveredAll).when({ note: 'x' }).refused('order-can-be-amended');
    specify(amendOrder).given(placed).when({}).refused('amendment-changes-something');
  });
});
