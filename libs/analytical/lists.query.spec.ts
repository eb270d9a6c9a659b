import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import * as contact from '#contracts/contacts/contact.events.js';
import * as service from '#contracts/service/case.events.js';
import { ask, askAll, createReadModelTables, type ReadModelTables } from '../../test/support/read-model-tables.js';
import { idOf } from '#test/fixtures/read-models.fixture.js';
import { projections, queries } from './index.js';
import { CustomerHistory, caseAbout } from '#test/fixtures/customer-history.fixture.js';

const asking = (path: string) => {
  const found = queries.find((one) => one.path === path);
  if (!found) throw new Error(`no query at ${path}`);
  return found;
};
const [ann, ben, cem] = ['ann', 'ben', 'cem'].map(idOf) as [string, string, string];

/** One of a list, by its id. */
const listed = async (path: string, id: string) => {
  const found = (await askAll(asking(path), read, {})).find((item) => item.id === id);
  if (!found) throw new Error(`no ${id} in ${path}`);
  return found;
};

let read: ReadModelTables;
let past: CustomerHistory;
beforeAll(async () => {
  read = await createReadModelTables(projections);
});
afterAll(() => read.drop());
beforeEach(() => {
  past = new CustomerHistory();
});

describe('the timeline', () => {
  it('pages through every event once, newest first, over merged contacts, and filters', async () => {
    for (let n = 10; n < 20; n++) past.sell(String(n), n % 2 ? ann : ben, `2026-01-${n}`, '1');
    past.merge('ann', 'ben');
    await read.fold(past.events);
    const timeline = asking('/v1/customers/:id/timeline');
    const all = await askAll(timeline, read, { id: ben, limit: '3' });
    const expected = past.events
      .filter(({ subject }) => subject !== cem)
      .map(({ occurredAt, position }) => [occurredAt.toISOString(), String(position)] as const)
      // The log was written in order of time, so that position breaks ties and nothing else.
      .toReversed();
    expect(all.map(({ occurredAt, position }) => [occurredAt, position])).toEqual(expected);
    const cut = { id: ben, from: '2026-01-12T00:00:00Z', to: '2026-01-14T00:00:00Z', type: 'crm.sales.order.com' };
    const some = await askAll(timeline, read, cut);
    expect(some.map(({ summary }) => summary.number)).toEqual(['13', '12']);
    await expect(ask(timeline, read, { ...cut, to: '2026-01-11T00:00:00Z' })).rejects.toMatchObject({
      issues: [{ pointer: '/to', message: 'is before from' }],
    });
    expect(await askAll(timeline, read, { id: ben, type: 'crm_sales' }).catch(() => 'refused')).toBe('refused');
  });
});

describe('lists', () => {
  it('lists customers by filter and in each order, page by page', async () => {
    past.onContact('ben', '2026-01-09', contact.contactOwnerAssigned({ owner: 'eve' }));
    past.onContact(
      'ann',
      '2026-01-08',
      contact.contactBlocked({ reason: 'x', status: 'blocked', previousStatus: 'active' }),
    );
    await read.fold(past.events);
    const list = asking('/v1/customers');
    const names = async (parameters: Record<string, string>) =>
      (await askAll(list, read, { limit: '1', ...parameters })).map(({ name }) => name);
    expect(await names({ sort: 'name' })).toEqual(['ann', 'ben', 'cem']);
    expect(await names({ sort: 'recency' })).toEqual(['ben', 'ann', 'cem']);
    expect((await names({ sort: 'id' })).toSorted()).toEqual(['ann', 'ben', 'cem']);
    expect(await names({ sort: 'name', tag: 'vip' })).toEqual(['ann', 'cem']);
    expect(await names({ owner: 'eve' })).toEqual(['ben']);
    expect(await names({ status: 'blocked' })).toEqual(['ann']);
    expect(await names({ kind: 'organisation' })).toEqual([]);
  });

  it('lists orders by status, kind, currency, number and time', async () => {
    const one = past.sell('1', ann, '2026-07-04', '10');
    past.sell('2', undefined, '2026-01-05', '20', 'EUR');
    await read.fold(past.events);
    const list = asking('/v1/orders');
    const numbers = async (parameters: Record<string, string>) =>
      (await askAll(list, read, { limit: '1', ...parameters })).map(({ number }) => number);
    expect(await numbers({})).toEqual(['1', '2']);
    expect(await numbers({ currency: 'EUR' })).toEqual(['2']);
    expect(await numbers({ contact: ann, status: 'completed', kind: 'sale' })).toEqual(['1']);
    expect(await numbers({ number: '2' })).toEqual(['2']);
    expect(await numbers({ to: '2026-07-01T00:00:00Z' })).toEqual(['2']);
    expect(await numbers({ status: 'cancelled' })).toEqual([]);
    const [walkIn] = await askAll(list, read, { number: '2' });
    expect(walkIn).toMatchObject({ customer: null, customerName: null });
    // Half past eleven at night, universal time, is the next day in London's summer.
    expect(await listed('/v1/orders', one)).toMatchObject({
      number: '1',
      customer: ann,
      customerName: 'ann',
      net: '10',
      lines: 1,
      orderedOn: '2026-07-05',
      completedOn: '2026-07-05',
    });
  });

  it('lists returns and cases, and follows a case to its end', async () => {
    past.refund('c1', ann, '2026-01-07', '3.05');
    past.openCase('late', ann);
    past.openCase('lost', ben);
    const at = { aggregate: 'case', aggregateId: idOf('late'), subject: ann, on: '2026-01-06T09:00:00Z' };
    const resolved = { ...caseAbout(ann), status: 'resolved', resolution: 'sent', reopenings: 0 } as const;
    past.add(at, service.caseFirstResponseRecorded({ ...caseAbout(ann), status: 'in-progress', via: 'web' }));
    past.add(at, service.caseResolved(resolved));
    await read.fold(past.events);
    expect(await askAll(asking('/v1/returns'), read, { contact: ann, status: 'closed' })).toMatchObject([
      { number: 'c1', value: '3.05', refunded: '3.05', refundedOn: '2026-01-07', customer: ann, customerName: 'ann' },
    ]);
    expect((await listed('/v1/returns', idOf('c1'))).number).toBe('c1');
    const cases = asking('/v1/cases');
    const titles = async (parameters: Record<string, string>) =>
      (await askAll(cases, read, { limit: '1', ...parameters })).map(({ title }) => title).toSorted();
    expect(await titles({ queue: 'shop', priority: 'high' })).toEqual(['late', 'lost']);
    expect(await titles({ open: 'true' })).toEqual(['lost']);
    expect(await titles({ open: 'false', status: 'resolved', contact: ann })).toEqual(['late']);
    expect(await listed('/v1/cases', idOf('late'))).toMatchObject({
      resolution: 'sent',
      firstRespondedAt: '2026-01-06T09:00:00.000Z',
      open: false,
    });
    past.add(
      at,
      service.caseReopened({
        ...caseAbout(ann),
        status: 'in-progress',
        previousStatus: 'resolved',
        reason: 'again',
        reopenings: 1,
      }),
    );
    await read.fold(past.events);
    expect(await listed('/v1/cases', idOf('late'))).toMatchObject({
      open: true,
      resolvedAt: null,
      resolution: null,
      reopenings: 1,
      title: 'late',
    });
  });

  it('shows of a merged case where it is worked on, and how that stands, merges followed', async () => {
    for (const name of ['first', 'second', 'third']) past.openCase(name, ann);
    const at = (name: string) => ({
      aggregate: 'case',
      aggregateId: idOf(name),
      subject: ann,
      on: '2026-01-06T09:00:00Z',
    });
    const mergedInto = (into: string) =>
      service.caseMerged({ ...caseAbout(ann), status: 'duplicate', into: idOf(into), previousStatus: 'new' });
    past.add(at('first'), mergedInto('second'));
    past.add(at('second'), mergedInto('third'));
    const resolved = { ...caseAbout(ann), status: 'resolved', resolution: 'sent', reopenings: 0 } as const;
    past.add(at('third'), service.caseResolved(resolved));
    // What the customer answers to the merged case is kept there, and changes nothing of where it stands.
    const replied = service.caseCustomerReplied({ ...caseAbout(ann), status: 'duplicate', via: 'web', text: 'Still' });
    past.add(at('first'), replied);
    await read.fold(past.events);
    const shown = (name: string) => listed('/v1/cases', idOf(name));
    const original = { id: idOf('third'), status: 'resolved' };
    expect(await shown('first')).toMatchObject({ status: 'duplicate', mergedInto: idOf('second'), original });
    expect(await shown('second')).toMatchObject({ status: 'duplicate', original });
    expect(await shown('third')).toMatchObject({ status: 'resolved', original: null });
    past.add(
      at('second'),
      service.caseReopened({
        ...caseAbout(ann),
        status: 'new',
        previousStatus: 'duplicate',
        reason: 'again',
        reopenings: 0,
      }),
    );
    await read.fold(past.events);
    expect(await shown('first')).toMatchObject({ original: { id: idOf('second'), status: 'new' } });
    expect(await askAll(asking('/v1/cases'), read, { open: 'true' })).toMatchObject([{ id: idOf('second') }]);
  });
});
