import { describe, expect, it } from '@jest/globals';
import { orderCancelled, orderCompleted } from '#contracts/sales/order.events.js';
import { returnExchangeUndone, returnExchanged, returnRefunded } from '#contracts/sales/return.events.js';
import { foldInMemory } from '#platform/projections/folding/fold-in-memory.js';
import { EventLogFixture, aDay, idOf } from '#test/fixtures/read-models.fixture.js';
import { ordersByCustomerDay } from './orders-by-customer-day.projection.js';

const ann = idOf('ann');
const order = idOf('order');
const about = { contact: ann, currency: 'GBP', zone: 'Europe/London' };
const completed = (given: Partial<Parameters<typeof orderCompleted>[0]>) =>
  orderCompleted({
    ...about,
    kind: 'sale',
    placedAt: '2026-07-01T00:00:00Z',
    net: '10',
    lines: 2,
    saleLines: 1,
    saleValue: '12',
    ...given,
  });

function rowsOf(...happened: [on: string, event: Parameters<EventLogFixture['add']>[1], subject?: string][]) {
  const log = new EventLogFixture();
  for (const [on, event, subject = ann] of happened)
    log.add({ aggregate: 'order', aggregateId: order, subject, on }, event);
  return foldInMemory(ordersByCustomerDay, log.events).get('orders_by_customer_day');
}

describe('orders by customer and day', () => {
  it('sums exactly what was completed on a day, whether a sale or a correction of the books', () => {
    expect(
      rowsOf(
        ['2026-07-02T09:00:00Z', completed({ net: '0.1', saleValue: '0.1' })],
        ['2026-07-02T10:00:00Z', completed({ net: '0.2', saleValue: '0.2' })],
        ['2026-07-02T11:00:00Z', completed({ net: '-1', lines: 1, saleLines: 0, saleValue: '0' })],
        ['2026-07-02T12:00:00Z', completed({ kind: 'adjustment', net: '-5', lines: 1, saleLines: 1, saleValue: '7' })],
      ),
    ).toEqual([
      aDay({
        subject: ann,
        day: '2026-07-02',
        orders: 3,
        adjustments: 1,
        lines: 6,
        value: '-5.7',
        sale_orders: 2,
        sale_lines: 2,
        sale_value: '0.3',
        changed_at: 4n,
      }),
    ]);
  });

  it('has the day of the shop, when it was completed and not when it was placed', () => {
    const at = '2026-07-02T23:30:00Z';
    const days = rowsOf([at, completed({})], [at, completed({ zone: 'America/New_York' })])!.map(({ day }) => day);
    expect(days).toEqual(['2026-07-02', '2026-07-03']);
  });

  it('never adds two currencies', () => {
    const at = '2026-07-02T09:00:00Z';
    const rows = rowsOf([at, completed({})], [at, completed({ currency: 'EUR' })])!;
    expect(rows.map(({ currency, value }) => [currency, value])).toEqual([
      ['EUR', '10'],
      ['GBP', '10'],
    ]);
  });

  it('counts refunds apart, and what was exchanged', () => {
    const lines = [{ line: 1, sku: 'A', quantity: '1', unitPrice: '3' }];
    expect(
      rowsOf(
        ['2026-07-02T09:00:00Z', returnRefunded({ ...about, net: '2.5', credited: '0', lineCount: 3 })],
        ['2026-07-02T09:00:00Z', returnExchanged({ ...about, replacement: order, value: '3', lineCount: 1, lines })],
      ),
    ).toEqual([
      aDay({
        subject: ann,
        day: '2026-07-02',
        returns: 1,
        return_lines: 3,
        refunds: '2.5',
        exchanges: 1,
        exchanged: '3',
        changed_at: 2n,
      }),
    ]);
  });

  it('counts what was credited beside what was paid back, and takes an exchange back on the day it is undone', () => {
    const lines = [{ line: 1, sku: 'A', quantity: '1', unitPrice: '3' }];
    const exchange = { ...about, replacement: order, value: '3' };
    const rows = rowsOf(
      ['2026-07-02T09:00:00Z', returnRefunded({ ...about, net: '1', credited: '2', lineCount: 1 })],
      ['2026-07-02T09:00:00Z', returnExchanged({ ...exchange, lineCount: 1, lines })],
      ['2026-07-03T09:00:00Z', returnExchangeUndone(exchange)],
    );
    expect(rows).toEqual([
      aDay({
        subject: ann,
        day: '2026-07-02',
        returns: 1,
        return_lines: 1,
        refunds: '1',
        credited: '2',
        exchanges: 1,
        exchanged: '3',
        changed_at: 2n,
      }),
      aDay({ subject: ann, day: '2026-07-03', exchanges: -1, exchanged: '-3', changed_at: 3n }),
    ]);
  });

  it('marks the rows of a walk-in as nobody’s, and leaves out what was not completed', () => {
    const cancelled = orderCancelled({
      contact: ann,
      currency: 'GBP',
      stage: 'placed',
      net: '10',
      refundDue: '0',
      reason: 'late',
    });
    const at = '2026-07-02T09:00:00Z';
    const rows = rowsOf([at, completed({ contact: undefined }), order], [at, cancelled]);
    expect(rows).toMatchObject([{ subject: order, contact: false }]);
  });
});
