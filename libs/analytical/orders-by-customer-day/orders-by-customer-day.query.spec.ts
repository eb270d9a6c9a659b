import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { ask, askAll, createReadModelTables, type ReadModelTables } from '../../../test/support/read-model-tables.js';
import { Alias } from '../aliases/alias.table.js';
import { Customer } from '../profile/customer.table.js';
import { aliases } from '../aliases/aliases.projection.js';
import { profile } from '../profile/profile.projection.js';
import { aCustomer, aDay, idOf } from '#test/fixtures/read-models.fixture.js';
import { ordersByCustomerDay } from './orders-by-customer-day.projection.js';
import { salesByDay, salesSummary } from './orders-by-customer-day.query.js';
import { OrdersByCustomerDay } from './orders-by-customer-day.table.js';

const [ann, ben, walkIn] = ['ann', 'ben', 'walk-in'].map(idOf) as [string, string, string];
const since = new Date('2026-01-01T00:00:00Z');

const sale = (value: string) => ({ orders: 1, lines: 2, value, sale_orders: 1, sale_lines: 1, sale_value: value });

let read: ReadModelTables;
beforeAll(async () => {
  read = await createReadModelTables([profile, aliases, ordersByCustomerDay]);
});
afterAll(() => read.drop());
beforeEach(async () => {
  await read.empty();
  await read.insert(Customer, [aCustomer(ann), aCustomer(ben)]);
  await read.insert(OrdersByCustomerDay, [
    aDay({ subject: ann, day: '2026-01-01', ...sale('10.10') }),
    aDay({ subject: ann, day: '2026-01-02', ...sale('0.20') }),
    aDay({ subject: ann, day: '2026-01-02', currency: 'EUR', ...sale('99') }),
    aDay({ subject: ben, day: '2026-01-02', returns: 1, return_lines: 1, refunds: '3' }),
    aDay({ subject: ben, day: '2026-01-03', exchanges: 1, exchanged: '0.2' }),
    aDay({ subject: walkIn, day: '2026-01-02', contact: false, ...sale('5') }),
    aDay({ subject: idOf('books'), day: '2026-01-02', contact: false, adjustments: 1, lines: 1, value: '-7' }),
  ]);
});

describe('the summary of sales', () => {
  it('counts documents, customers and exact totals in one currency', async () => {
    expect(await ask(salesSummary, read, { currency: 'GBP' })).toEqual({
      currency: 'GBP',
      from: null,
      to: null,
      documents: 5,
      orders: 3,
      adjustments: 1,
      creditNotes: 1,
      lines: 7,
      returnLines: 1,
      customers: 2,
      value: '8.3',
      refunds: '3',
      credited: '0',
      exchanged: '0.2',
      net: '5.1',
      sales: {
        orders: 3,
        lines: 3,
        customers: 1,
        value: '15.3',
      },
      customerSales: {
        orders: 2,
        lines: 2,
        customers: 1,
        value: '10.3',
      },
    });
  });

  it('is of the days from one, inclusive, to another, exclusive', async () => {
    const span = { currency: 'GBP', from: '2026-01-02', to: '2026-01-03' };
    expect(await ask(salesSummary, read, span)).toMatchObject({ documents: 4, net: '-4.8', from: '2026-01-02' });
    expect(await ask(salesSummary, read, { ...span, from: '2027-01-01', to: undefined })).toMatchObject({
      documents: 0,
      customers: 0,
      net: '0',
    });
    await expect(ask(salesSummary, read, { ...span, to: '2026-01-01' })).rejects.toMatchObject({
      kind: 'invalid-input',
    });
  });

  it('adds up exactly beyond the digits that one amount has', async () => {
    const most = `${'9'.repeat(28)}.999999999999`;
    const row = { currency: 'JPY', refunds: '0.000000000001', ...sale(most) };
    await read.insert(OrdersByCustomerDay, [
      aDay({ subject: ann, day: '2026-01-01', ...row }),
      aDay({ subject: ben, day: '2026-01-01', ...row }),
    ]);
    expect(await ask(salesSummary, read, { currency: 'JPY' })).toMatchObject({
      value: `1${'9'.repeat(28)}.999999999998`,
      net: `1${'9'.repeat(28)}.999999999996`,
    });
  });

  it('knows the customer of a walk-in once it is attached, and merged contacts as one', async () => {
    await read.insert(Alias, [{ subject: walkIn, target: ann, reason: 'attached', since }]);
    const attached = await ask(salesSummary, read, { currency: 'GBP' });
    expect(attached).toMatchObject({ customers: 2, customerSales: { orders: 3, customers: 1, value: '15.3' } });
    await read.insert(Alias, [{ subject: ann, target: ben, reason: 'merged', since }]);
    const merged = await ask(salesSummary, read, { currency: 'GBP' });
    expect(merged).toEqual({ ...attached, customers: 1 });
  });
});

describe('sales by day', () => {
  it('groups by day and currency, page by page', async () => {
    const days = await askAll(salesByDay, read, { limit: '1' });
    expect(days.map(({ day, currency, net, customers }) => [day, currency, net, customers])).toEqual([
      ['2026-01-01', 'GBP', '10.1', 1],
      ['2026-01-02', 'EUR', '99', 1],
      ['2026-01-02', 'GBP', '-4.8', 2],
      ['2026-01-03', 'GBP', '-0.2', 0],
    ]);
    expect(await askAll(salesByDay, read, {})).toEqual(days);
    expect(await askAll(salesByDay, read, { currency: 'EUR' })).toEqual([days[1]]);
    expect(await askAll(salesByDay, read, { from: '2026-01-02', to: '2026-01-03' })).toEqual(days.slice(1, 3));
  });

  it('is of one customer with all that leads to it', async () => {
    await read.insert(Alias, [
      { subject: walkIn, target: ann, reason: 'attached', since },
      { subject: ann, target: ben, reason: 'merged', since },
    ]);
    const days = await askAll(salesByDay, read, { customer: ann, currency: 'GBP', to: '2026-01-03' });
    expect(days.map(({ day, net, customers }) => [day, net, customers])).toEqual([
      ['2026-01-01', '10.1', 1],
      ['2026-01-02', '2.2', 1],
    ]);
    await expect(ask(salesByDay, read, { customer: walkIn })).rejects.toMatchObject({ kind: 'not-found' });
  });
});
