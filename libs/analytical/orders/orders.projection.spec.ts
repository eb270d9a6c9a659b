import { describe, expect, it } from '@jest/globals';
import * as order from '#contracts/sales/order.events.js';
import { foldInMemory } from '#platform/projections/folding/fold-in-memory.js';
import { EventLogFixture, idOf } from '#test/fixtures/read-models.fixture.js';
import { orders } from './orders.projection.js';

const ann = idOf('ann');
const tables = (log: EventLogFixture) => foldInMemory(orders, log.events);

describe('orders, the fold', () => {
  it('follows an order from draft over hold and amendment to the end', () => {
    const log = new EventLogFixture();
    const id = idOf('o');
    const add = (day: number, event: Parameters<EventLogFixture['add']>[1]) =>
      log.add({ aggregate: 'order', aggregateId: id, subject: ann, on: `2026-01-0${day}T00:00:00Z` }, event);
    const row = () => tables(log).get('orders')![0]!;
    const about = { contact: ann, currency: 'GBP' };
    const terms = { ...about, zone: 'UTC', kind: 'sale' as const };
    const lines = [{ line: 1, sku: 'A', quantity: '2', unitPrice: '3' }];
    add(1, order.orderDrafted({ ...terms, net: '6', lines }));
    expect(row()).toMatchObject({ status: 'draft', ordered_on: '2026-01-01' });
    add(2, order.orderPlaced({ ...terms, net: '6', lines }));
    add(3, order.orderHeld({ ...about, reason: 'credit' }));
    expect(row()).toMatchObject({ status: 'on-hold', ordered_on: '2026-01-02' });
    add(4, order.orderReleased({ ...about, stage: 'placed' }));
    const more = { lines: [...lines, { ...lines[0]!, line: 2 }], net: '12' };
    add(
      5,
      order.orderAmended({ ...about, ...more, stage: 'placed', previousNet: '6', outstanding: '12', overpaid: '0' }),
    );
    const payment = { method: 'card', overpaid: '0' };
    add(6, order.orderPaymentRecorded({ ...about, ...payment, amount: '5.5', outstanding: '6.5' }));
    add(6, order.orderPaymentRecorded({ ...about, ...payment, amount: '6.5', outstanding: '0' }));
    expect(row()).toMatchObject({ status: 'placed', lines: 2, net: '12', paid: '12' });
    add(7, order.orderCancelled({ ...about, stage: 'placed', net: '12', refundDue: '12', reason: 'late' }));
    expect(row()).toMatchObject({
      status: 'cancelled',
      cancelled_at: new Date('2026-01-07T00:00:00Z'),
      overpaid: '12',
    });
    add(8, order.orderPaymentRefunded({ ...about, amount: '12', outstanding: '0', overpaid: '0' }));
    expect(row()).toMatchObject({ status: 'cancelled', paid: '12', paid_back: '12', outstanding: '0', overpaid: '0' });
    expect(tables(log).get('customer_sales')).toMatchObject([{ orders: 0, value: '0', paid: '12', paid_back: '12' }]);
  });
});
