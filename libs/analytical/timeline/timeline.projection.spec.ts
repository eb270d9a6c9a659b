import { describe, expect, it } from '@jest/globals';
import * as contact from '#contracts/contacts/contact.events.js';
import * as order from '#contracts/sales/order.events.js';
import { foldInMemory } from '#platform/projections/folding/fold-in-memory.js';
import { EventLogFixture, idOf } from '#test/fixtures/read-models.fixture.js';
import { timeline } from './timeline.projection.js';

const ann = idOf('ann');
const summaries = (log: EventLogFixture) =>
  foldInMemory(timeline, log.events)
    .get('timeline')!
    .map(({ subject, position, summary }) => [subject, position, summary]);

describe('the timeline, the fold', () => {
  it('has one entry for each event, with what its contract shows: counts of lists, contacts other than the subject', () => {
    const log = new EventLogFixture();
    const registered = { kind: 'person', status: 'identified', stage: 'lead', name: { full: 'Ann Lee' } } as const;
    const at = { aggregate: 'contact', aggregateId: ann, subject: ann, on: '2026-01-10T00:00:00Z' };
    log.add(at, contact.contactRegistered(registered));
    const id = idOf('walk-in');
    const walkIn = { aggregate: 'order', aggregateId: id, subject: id, on: '2026-01-11T00:00:00Z' };
    const lines = [1, 2].map((line) => ({ line, sku: 'A', quantity: '1', unitPrice: '1' }));
    const terms = { number: '7', currency: 'GBP', zone: 'UTC', kind: 'sale' as const, net: '2', lines };
    log.add(walkIn, order.orderPlaced({ ...terms, note: 'x' }));
    log.add(walkIn, order.orderAttached({ contact: ann, number: '7' }));
    log.add({ ...at, aggregate: 'order', aggregateId: idOf('own') }, order.orderPlaced({ ...terms, contact: ann }));
    const shown = { number: '7', currency: 'GBP', kind: 'sale', net: '2', lines: 2 };
    expect(summaries(log)).toEqual(
      expect.arrayContaining([
        [ann, 1n, { kind: 'person', status: 'identified', stage: 'lead' }],
        [id, 2n, shown],
        [id, 3n, { number: '7', contact: ann }],
        [ann, 4n, shown],
      ]),
    );
  });

  it('has an entry for an event of a type that this build does not know, by its envelope', () => {
    const log = new EventLogFixture();
    const at = { aggregate: 'order', aggregateId: ann, subject: ann, on: '2026-01-10T00:00:00Z' };
    const known = log.add(at, order.orderAttached({ contact: ann, number: '7' }));
    Object.assign(known, { type: 'crm.sales.order.blessed' });
    expect(foldInMemory(timeline, log.events).get('timeline')).toMatchObject([
      { subject: ann, type: 'crm.sales.order.blessed', summary: {} },
    ]);
  });
});
