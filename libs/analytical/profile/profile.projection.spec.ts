import { describe, expect, it } from '@jest/globals';
import * as contact from '#contracts/contacts/contact.events.js';
import * as order from '#contracts/sales/order.events.js';
import { foldInMemory } from '#platform/projections/folding/fold-in-memory.js';
import { EventLogFixture, idOf } from '#test/fixtures/read-models.fixture.js';
import { profile } from './profile.projection.js';

const ann = idOf('ann');
const tables = (log: EventLogFixture) => foldInMemory(profile, log.events);
const attribute = (value: string) => ({ name: 'size', content: { type: 'string', value } as const });

const registered = () => {
  const log = new EventLogFixture();
  const add = (on: string, event: Parameters<EventLogFixture['add']>[1]) =>
    log.add({ aggregate: 'contact', aggregateId: ann, subject: ann, on: `${on}T00:00:00Z` }, event);
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

describe('profiles', () => {
  it('keeps the profile as the events tell it', () => {
    const { log, add, customer } = registered();
    expect(customer()).toMatchObject({ name: 'Ann Lee', details: { given: 'Ann', language: 'en' }, owner: null });
    add('2026-01-11', contact.contactDetailsUpdated({ changed: ['name'], name: { full: 'Ann Ray' }, language: 'en' }));
    add('2026-01-11', contact.contactIdentityLinked({ system: 'web', key: 'x' }));
    add('2026-01-12', contact.contactAttributeSet({ attributeType: 'string', ...attribute('large') }));
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
    expect(tables(log).get('customer_activity')).toMatchObject([
      { last_event_at: new Date('2026-01-13T00:00:00Z'), status: 'active', owner: 'eve' },
    ]);
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
    const at = { aggregate: 'order', aggregateId: idOf('o'), subject: ann, on: '2020-05-05T00:00:00Z' };
    const lines = [{ line: 1, sku: 'A', quantity: '1', unitPrice: '1' }];
    log.add(at, order.orderPlaced({ contact: ann, currency: 'GBP', zone: 'UTC', kind: 'sale', net: '1', lines }));
    expect(tables(log).get('customer_activity')).toMatchObject([
      {
        subject: ann,
        first_seen_at: new Date('2020-05-05T00:00:00Z'),
        last_event_at: new Date('2026-01-10T00:00:00Z'),
      },
    ]);
  });
});
