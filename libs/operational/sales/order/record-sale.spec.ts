import { describe, it } from '@jest/globals';
import { orderCompleted, orderPaymentRecorded, orderPlaced } from '#contracts/sales/order.events.js';
import { specify } from '#test/fixtures/specify.js';
import { completed, contacts, customer, placed, terms } from '#test/fixtures/sales.fixture.js';
import { recordSale } from './record-sale.command.js';

const { net: _net, ...sale } = terms;

describe('RecordSale', () => {
  it('places and completes at once, at the time of the sale', () => {
    specify(recordSale).when(sale).then(placed, completed);
    specify(recordSale)
      .on('2011-12-09T12:50:00Z')
      .when(sale)
      .then(placed, orderCompleted({ ...completed.data, placedAt: '2011-12-09T12:50:00.000Z' }));
  });
  it('keeps lines of any sign and counts as sales only those above 0', () => {
    const lines = [
      { line: 1, sku: '85123A', quantity: '6', unitPrice: '2.55' },
      { line: 2, sku: '85123A', quantity: '-1', unitPrice: '2.55' },
      { line: 3, sku: 'GIFT', quantity: '3', unitPrice: '0' },
      { line: 4, sku: '22423', quantity: '3', unitPrice: '0.001' },
    ];
    specify(recordSale)
      .when({ ...sale, lines })
      .then(
        orderPlaced({ ...terms, lines, net: '12.753' }),
        orderCompleted({ ...completed.data, net: '12.753', lines: 4, saleLines: 2, saleValue: '15.303' }),
      );
  });
  it('keeps an adjustment, worth less than nothing', () => {
    const lines = [{ line: 1, sku: 'B', description: 'Adjust bad debt', quantity: '1', unitPrice: '-11062.06' }];
    const worth = { kind: 'adjustment' as const, net: '-11062.06' };
    specify(recordSale)
      .when({ ...sale, kind: 'adjustment', lines })
      .then(
        orderPlaced({ ...terms, ...worth, lines }),
        orderCompleted({ ...completed.data, ...worth, lines: 1, saleLines: 0, saleValue: '0' }),
      );
  });
  it('says what was paid there, so that it can be paid back here', () => {
    const payment = { currency: 'GBP', amount: '30', method: 'elsewhere', outstanding: '0.1', overpaid: '0' };
    specify(recordSale)
      .when({ ...sale, paid: '30.00' })
      .then(placed, completed, orderPaymentRecorded(payment));
    specify(recordSale)
      .when({ ...sale, paid: '0.00' })
      .then(placed, completed);
    specify(recordSale)
      .when({ ...sale, paid: '30.001' })
      .refused('amount-can-be-paid');
  });
  it('keeps the natural key', () => {
    const source = { system: 'online-retail', key: '536365' };
    specify(recordSale)
      .when({ ...sale, source })
      .then(orderPlaced({ ...terms, source }), completed);
  });
  it('keeps the country, as the books have it', () => {
    const country = 'EIRE';
    specify(recordSale)
      .when({ ...sale, country })
      .then(orderPlaced({ ...terms, country }), orderCompleted({ ...completed.data, country }));
  });
  it('refuses an order that exists', () => specify(recordSale).given(placed).when(sale).refused('order-is-new'));
  it('records what a blocked contact did, but nothing of one that is not there', () => {
    const theirs = { ...sale, contact: customer };
    specify(recordSale)
      .where('contact', ...contacts.blocked)
      .when(theirs)
      .then(orderPlaced({ ...terms, contact: customer }), orderCompleted({ ...completed.data, contact: customer }));
    specify(recordSale).when(theirs).refused('contact-exists');
    specify(recordSale)
      .where('contact', ...contacts.erased)
      .when(theirs)
      .refused('contact-exists');
  });
});
