import { describe, expect, it } from '@jest/globals';
import { eventContracts } from '#contracts/index.js';
import * as contact from '#contracts/contacts/contact.events.js';
import * as order from '#contracts/sales/order.events.js';
import { foldInMemory } from '#platform/projections/folding/fold-in-memory.js';
import { EventLogFixture, idOf } from '#test/fixtures/read-models.fixture.js';
import { caseHandlers } from './cases.projection.js';
import { customer360, summaryFields } from './customer-360.projection.js';
import { profileHandlers } from './profile.projection.js';
import { salesHandlers } from './sales.projection.js';

const ann = idOf('ann');
const tables = (log: EventLogFixture) => foldInMemory(customer360, log.events);
const attribute = (value: string) => ({ name: 'size', content: { type: 'string', value } as const });

const registered = () => {
  const log = new EventLogFixture();
  const add = (on: string, event: Parameters<EventLogFixture['add']>[1]) =>
    log.add({ stream: `contact-${ann}`, subject: ann, on: `${on}T00:00:00Z` }, event);
  add(
    '2026-01-10',
    contact.contactRegistered({
      kind: 'person',
      status: 'identified',
      stage: 'lead',
      name: {
        full: 'Ann Lee',
        given: 'Ann',
      },
      language: 'en',
      identities: [
        {
          system: 'shop',
          key: '1',
        },
      ],
      attributes: [attribute('small')],
    }),
  );
  return { log, add, customer: () => tables(log).get('customers')![0]! };
};

const facts = (date: string, value: string) =>
  contact.contactExternalFactsImported({ source: 'gazette', date, licence: 'CC0', facts: [attribute(value)] });

describe('customer 360, the fold', () => {
  it('keeps the profile as the events tell it', () => {
    const { log, add, customer } = registered();
    expect(customer()).toMatchObject({ name: 'Ann Lee', details: { given: 'Ann', language: 'en' }, owner: null });
    add('2026-01-11', contact.contactDetailsUpdated({ changed: ['name'], name: { full: 'Ann Ray' }, language: 'en' }));
    add('2026-01-11', contact.contactIdentityLinked({ system: 'web', key: 'x' }));
    add('2026-01-12', contact.contactAttributeSet(attribute('large')));
    add('2026-01-12', contact.contactOwnerAssigned({ owner: 'eve' }));
    add('2026-01-13', contact.contactActivated({ status: 'active', by: 'business' }));
    expect(customer()).toMatchObject({
      name: 'Ann Ray',
      details: { language: 'en' },
      status: 'active',
      owner: 'eve',
      identities: [
        {
          system: 'shop',
          key: '1',
        },
        {
          system: 'web',
          key: 'x',
        },
      ],
      attributes: { size: { value: 'large' } },
    });
    expect(tables(log).get('customer_activity')).toMatchObject([{ last_event_on: '2026-01-13' }]);
    add(
      '2026-01-14',
      contact.contactAttributeCleared({
        name: 'size',
        attributeType: 'string',
        previous: {
          type: 'string',
          value: 'large',
        },
      }),
    );
    add('2026-01-14', contact.contactOwnerAssigned({ previousOwner: 'eve' }));
    expect(customer()).toMatchObject({ attributes: {}, owner: null });
  });

  it('takes the newest fact of a source, whichever was imported last', () => {
    const { add, customer } = registered();
    add('2026-01-11', facts('2025-06-01', 'new'));
    add('2026-01-12', facts('2024-06-01', 'old'));
    expect(customer()['facts']).toMatchObject([{ content: { value: 'new' }, date: '2025-06-01', source: 'gazette' }]);
  });

  it('sees a customer earlier when history is imported after the registration', () => {
    const { log } = registered();
    const at = { stream: `order-${idOf('o')}`, subject: ann, on: '2020-05-05T00:00:00Z' };
    const lines = [{ line: 1, sku: 'A', quantity: '1', unitPrice: '1' }];
    log.add(at, order.orderPlaced({ contact: ann, currency: 'GBP', zone: 'UTC', kind: 'sale', net: '1', lines }));
    expect(tables(log).get('customer_activity')).toEqual([
      {
        subject: ann,
        first_seen_at: new Date('2020-05-05T00:00:00Z'),
        last_event_at: new Date('2026-01-10T00:00:00Z'),
        last_event_on: '2026-01-10',
      },
    ]);
  });

  it('has one timeline entry for each event, in short', () => {
    const { log } = registered();
    const id = idOf('walk-in');
    const at = { stream: `order-${id}`, subject: id, on: '2026-01-11T00:00:00Z' };
    const lines = [1, 2].map((line) => ({ line, sku: 'A', quantity: '1', unitPrice: '1' }));
    log.add(
      at,
      order.orderPlaced({ number: '7', currency: 'GBP', zone: 'UTC', kind: 'sale', net: '2', lines, note: 'x' }),
    );
    log.add(at, order.orderAttached({ contact: ann, number: '7' }));
    expect(
      tables(log)
        .get('timeline')!
        .map(({ subject, position, summary }) => [subject, position, summary]),
    ).toEqual(
      expect.arrayContaining([
        [ann, 1n, { kind: 'person', status: 'identified', stage: 'lead' }],
        [id, 2n, { number: '7', currency: 'GBP', kind: 'sale', net: '2', lines: 2 }],
        [id, 3n, { number: '7', contact: ann }],
      ]),
    );
  });

  it('follows an order from draft over hold and amendment to the end', () => {
    const log = new EventLogFixture();
    const id = idOf('o');
    const add = (day: number, event: Parameters<EventLogFixture['add']>[1]) =>
      log.add({ stream: `order-${id}`, subject: ann, on: `2026-01-0${day}T00:00:00Z` }, event);
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

  it('names each event once', () => {
    const types = [...profileHandlers, ...salesHandlers, ...caseHandlers].map(([type]) => type);
    expect(types).toHaveLength(new Set(types).size);
  });

  it('folds every event of cases, whose rows they all change', () => {
    const all = eventContracts.map(({ type }) => type).filter((type) => type.startsWith('crm.service.case.'));
    expect(caseHandlers.map(([type]) => type).toSorted()).toEqual(all.toSorted());
  });

  it('repeats no personal field in the timeline, which erasing a subject does not reach', () => {
    const leaks = eventContracts.flatMap(({ type, personalFields }) =>
      [...summaryFields, 'lines', 'contact']
        .filter((name) => personalFields.includes(name))
        .map((name) => `${type} ${name}`),
    );
    expect(leaks).toEqual([]);
  });
});
