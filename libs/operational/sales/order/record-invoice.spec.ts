import { describe, it } from '@jest/globals';
import { orderInvoiceRecorded, orderPlaced } from '#contracts/sales/order.events.js';
import { specify } from '#test/fixtures/specify.js';
import { confirmed, cups, placed, terms } from '#test/fixtures/sales.fixture.js';
import { recordInvoice } from './record-invoice.command.js';

const invoice = (number: string, amount: string) => ({ invoice: number, amount, currency: 'GBP' });
const recorded = (number: string, amount: string, invoiced: string) =>
  orderInvoiceRecorded({ ...invoice(number, amount), invoiced });
const order = () => specify(recordInvoice).given(placed, confirmed);

describe('RecordInvoice', () => {
  it('adds invoices up', () => {
    order()
      .when(invoice('I-1', '10.10'))
      .then(recorded('I-1', '10.1', '10.1'));
    specify(recordInvoice)
      .given(placed, confirmed, recorded('I-1', '10.1', '10.1'))
      .when(invoice('I-2', '20'))
      .then(recorded('I-2', '20', '30.1'));
  });
  it('can be of all that is to be paid, which is the net in whole pence', () => {
    const fine = orderPlaced({ ...terms, lines: [{ ...cups, quantity: '3', unitPrice: '0.333333' }], net: '0.999999' });
    const past = specify(recordInvoice).given(fine, confirmed);
    past.when(invoice('I-1', '1')).then(recorded('I-1', '1', '1'));
    past.when(invoice('I-1', '1.01')).refused('invoiced-within-net');
    past.when(invoice('I-1', '0.999999')).refused('amount-can-be-paid');
  });
  it('refuses more than the net, a number used before, another currency, an unconfirmed order', () => {
    order().when(invoice('I-1', '30.11')).refused('invoiced-within-net');
    specify(recordInvoice)
      .given(placed, confirmed, recorded('I-1', '10', '10'))
      .when(invoice('I-1', '1'))
      .refused('invoice-number-new');
    order()
      .when({ ...invoice('I-1', '1'), currency: 'EUR' })
      .refused('currency-agrees');
    specify(recordInvoice).given(placed).when(invoice('I-1', '1')).refused('order-is-invoiceable');
  });
});
