import { describe, it } from '@jest/globals';
import { orderInvoiceRecorded } from '#contracts/sales/order.events.js';
import { specify } from '#platform/kernel/specify.js';
import { confirmed, placed } from '../examples.js';
import { recordInvoice } from './record-invoice.command.js';

const invoice = (number: string, amount: string) => ({ invoice: number, amount, currency: 'GBP' });
const recorded = (number: string, amount: string, invoiced: string) =>
  orderInvoiceRecorded({ ...invoice(number, amount), invoiced });
const order = () => specify(recordInvoice).given(placed, confirmed);

describe('RecordInvoice', () => {
  it('adds invoices up', () => {
    order()
      .when(invoice('I-1', '10.10'))
      .then(recorded('I-1', '10.10', '10.1'));
    specify(recordInvoice)
      .given(placed, confirmed, recorded('I-1', '10.10', '10.1'))
      .when(invoice('I-2', '20'))
      .then(recorded('I-2', '20', '30.1'));
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
