import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import * as contact from '#contracts/contacts/contact.events.js';
import * as order from '#contracts/sales/order.events.js';
import * as back from '#contracts/sales/return.events.js';
import * as service from '#contracts/service/case.events.js';
import { ask, askAll, createReadModelTables, type ReadModelTables } from '../../../test/support/read-model-tables.js';
import { ExampleLog, idOf } from '../examples.js';
import { customer360, customer360Queries } from './index.js';

const asking = (path: string) => {
  const found = customer360Queries.find((one) => one.path === path);
  if (!found) throw new Error(`no query at ${path}`);
  return found;
};
const view = asking('/v1/customers/:id');
const [ann, ben, cem] = ['ann', 'ben', 'cem'].map(idOf) as [string, string, string];
const zone = 'Europe/London';

let read: ReadModelTables;
let log: ExampleLog;
beforeAll(async () => {
  read = await createReadModelTables([customer360]);
});
afterAll(() => read.drop());
beforeEach(() => {
  log = new ExampleLog();
  for (const [name, tag] of [
    ['ann', 'vip'],
    ['ben', 'trade'],
    ['cem', 'vip'],
  ] as const) {
    onContact(
      name,
      '2026-01-01',
      contact.contactRegistered({
        kind: 'person',
        status: 'active',
        stage: 'customer',
        name: { full: name },
        tags: [tag],
      }),
    );
  }
});

function onContact(name: string, day: string, event: Parameters<ExampleLog['add']>[1]): void {
  log.add({ stream: `contact-${idOf(name)}`, subject: idOf(name), on: `${day}T10:00:00Z` }, event);
}

function sell(number: string, who: string | undefined, day: string, net: string, currency = 'GBP'): string {
  const id = idOf(`order ${number}`);
  const at = { stream: `order-${id}`, subject: who ?? id, on: `${day}T23:30:00Z` };
  const about = { contact: who, number, currency, zone, kind: 'sale' as const, net };
  log.add(at, order.orderPlaced({ ...about, lines: [{ line: 1, sku: 'A', quantity: '1', unitPrice: net }] }));
  const sums = { lines: 1, saleLines: 1, saleValue: net, placedAt: at.on };
  log.add(at, order.orderCompleted({ ...about, ...sums }));
  return id;
}

function refund(number: string, who: string, day: string, net: string): void {
  const at = { stream: `return-${idOf(number)}`, subject: who, on: `${day}T12:00:00Z` };
  const about = { contact: who, number, currency: 'GBP', zone };
  const lines = [{ line: 1, sku: 'A', quantity: '1', unitPrice: net }];
  log.add(at, back.returnRequested({ ...about, lines, value: net }));
  log.add(at, back.returnRefunded({ ...about, net, lineCount: 1 }));
  log.add(at, back.returnClosed({ ...about, outcome: 'refunded', net }));
}

const caseAbout = (who: string) =>
  ({
    contact: who,
    kind: 'question',
    channel: 'web',
    priority: 'high',
    queue: 'shop',
    openedAt: '2026-01-05T09:00:00Z',
  }) as const;
function openCase(name: string, who: string): void {
  const at = { stream: `case-${idOf(name)}`, subject: who, on: '2026-01-05T09:00:00Z' };
  log.add(at, service.caseOpened({ ...caseAbout(who), status: 'new', title: name }));
}

const merge = (from: string, into: string) =>
  onContact(from, '2026-02-01', contact.contactMerged({ into: idOf(into), previousStatus: 'active' }));
const unmerge = (name: string, from: string) =>
  onContact(name, '2026-02-02', contact.contactUnmerged({ from: idOf(from), status: 'active' }));

describe('customer 360', () => {
  it('answers all that is known of a customer at once', async () => {
    onContact('ann', '2026-01-02', contact.contactRelated({ kind: 'household', other: ben, direction: 'to' }));
    const reach = { kind: 'email', address: 'ann@example.com' } as const;
    onContact('ann', '2026-01-02', contact.contactPointAdded({ point: 1, pointKind: 'email', reach }));
    onContact(
      'ann',
      '2026-01-03',
      contact.contactPointVerified({ point: 1, pointKind: 'email', reach, method: 'link' }),
    );
    sell('1', ann, '2026-01-04', '10.10');
    sell('2', ann, '2026-01-06', '0.2');
    sell('3', ann, '2026-01-05', '7', 'EUR');
    refund('c1', ann, '2026-01-07', '3.05');
    openCase('late', ann);
    await read.fold(log.events);
    const answer = await ask(view, read, { id: ann });
    expect(answer).toMatchObject({
      id: ann,
      mergedInto: undefined,
      mergedFrom: [],
      attachedOrders: 0,
      name: 'ann',
      tags: ['vip'],
      points: [
        {
          point: 1,
          reach,
          verifiedAt: '2026-01-03T10:00:00.000Z',
        },
      ],
      relations: [
        {
          kind: 'household',
          other: ben,
          direction: 'to',
        },
      ],
      sales: [
        {
          currency: 'EUR',
          orders: 1,
          value: '7',
          net: '7',
        },
        {
          currency: 'GBP',
          orders: 2,
          returns: 1,
          value: '10.3',
          refunds: '3.05',
          net: '7.25',
          firstOrderAt: '2026-01-04T23:30:00.000Z',
          lastOrderAt: '2026-01-06T23:30:00.000Z',
        },
      ],
      cases: {
        total: 1,
        open: 1,
        latestOpen: [
          {
            title: 'late',
            open: true,
          },
        ],
      },
      lastEventAt: '2026-01-07T12:00:00.000Z',
    });
    expect(answer.timeline[0]).toMatchObject({
      type: 'crm.sales.return.closed',
      summary: { net: '3.05', number: 'c1' },
    });
  });

  it('gives the survivor of a chain of merges with the facts of all, and each their own when it is undone', async () => {
    sell('1', ann, '2026-01-04', '1');
    sell('2', ben, '2026-01-05', '20');
    sell('3', cem, '2026-01-06', '300');
    const walkIn = sell('4', undefined, '2026-01-07', '4000');
    openCase('late', ann);
    await read.fold(log.events);
    const figures = async () =>
      Promise.all(
        [ann, ben, cem].map(async (id) => {
          const { timeline: _, lastEventAt: __, ...rest } = await ask(view, read, { id });
          return rest;
        }),
      );
    const before = await figures();

    log.add(
      { stream: `order-${walkIn}`, subject: walkIn, on: '2026-01-20T00:00:00Z' },
      order.orderAttached({ contact: ann }),
    );
    merge('ann', 'ben');
    merge('ben', 'cem');
    await read.fold(log.events);
    for (const id of [ann, ben, cem]) {
      expect(await ask(view, read, { id })).toMatchObject({
        id: cem,
        mergedInto: id === cem ? undefined : cem,
        name: 'cem',
        attachedOrders: 1,
        mergedFrom: [
          {
            id: ann,
            name: 'ann',
          },
          {
            id: ben,
            name: 'ben',
          },
        ],
        sales: [
          {
            currency: 'GBP',
            orders: 4,
            value: '4321',
            net: '4321',
          },
        ],
        cases: {
          total: 1,
          open: 1,
        },
      });
    }
    const shown = await askAll(asking('/v1/customers/:id/orders'), read, { id: ann, limit: '1' });
    expect(shown.map(({ number, contact, customer }) => [number, contact, customer])).toEqual([
      ['4', ann, cem],
      ['3', cem, cem],
      ['2', ben, cem],
      ['1', ann, cem],
    ]);
    expect((await askAll(asking('/v1/customers'), read)).map(({ id }) => id)).toEqual([cem]);

    unmerge('ben', 'cem');
    unmerge('ann', 'ben');
    log.add(
      { stream: `order-${walkIn}`, subject: walkIn, on: '2026-02-20T00:00:00Z' },
      order.orderDetached({ contact: ann }),
    );
    await read.fold(log.events);
    expect(await figures()).toEqual(before);
  });

  it('ends when two merges seen in the wrong order make a ring', async () => {
    merge('ann', 'ben');
    merge('ben', 'ann');
    await read.fold(log.events);
    expect([ann, ben]).toContain((await ask(view, read, { id: ann })).id);
  });

  it('knows no customer that never registered, a walk-in order included', async () => {
    const walkIn = sell('4', undefined, '2026-01-07', '4000');
    await read.fold(log.events);
    for (const path of ['/v1/customers/:id', '/v1/customers/:id/timeline', '/v1/customers/:id/orders']) {
      await expect(ask(asking(path), read, { id: walkIn })).rejects.toMatchObject({ kind: 'not-found' });
    }
  });
});

describe('the timeline', () => {
  it('pages through every event once, newest first, over merged contacts, and filters', async () => {
    for (let n = 10; n < 20; n++) sell(String(n), n % 2 ? ann : ben, `2026-01-${n}`, '1');
    merge('ann', 'ben');
    await read.fold(log.events);
    const timeline = asking('/v1/customers/:id/timeline');
    const all = await askAll(timeline, read, { id: ben, limit: '3' });
    const expected = log.events
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
    onContact('ben', '2026-01-09', contact.contactOwnerAssigned({ owner: 'eve' }));
    onContact(
      'ann',
      '2026-01-08',
      contact.contactBlocked({ reason: 'x', status: 'blocked', previousStatus: 'active' }),
    );
    await read.fold(log.events);
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

  it('lists orders by status, kind, currency, number and time, and gives one by id', async () => {
    const one = sell('1', ann, '2026-07-04', '10');
    sell('2', undefined, '2026-01-05', '20', 'EUR');
    await read.fold(log.events);
    const list = asking('/v1/orders');
    const numbers = async (parameters: Record<string, string>) =>
      (await askAll(list, read, { limit: '1', ...parameters })).map(({ number }) => number);
    expect(await numbers({})).toEqual(['1', '2']);
    expect(await numbers({ currency: 'EUR' })).toEqual(['2']);
    expect(await numbers({ contact: ann, status: 'completed', kind: 'sale' })).toEqual(['1']);
    expect(await numbers({ number: '2' })).toEqual(['2']);
    expect(await numbers({ to: '2026-07-01T00:00:00Z' })).toEqual(['2']);
    expect(await numbers({ status: 'cancelled' })).toEqual([]);
    // Half past eleven at night, universal time, is the next day in London's summer.
    expect(await ask(asking('/v1/orders/:id'), read, { id: one })).toMatchObject({
      number: '1',
      customer: ann,
      net: '10',
      lines: 1,
      orderedOn: '2026-07-05',
      completedOn: '2026-07-05',
    });
    await expect(ask(asking('/v1/orders/:id'), read, { id: ann })).rejects.toThrow(`there is no order ${ann}`);
  });

  it('lists returns and cases, and follows a case to its end', async () => {
    refund('c1', ann, '2026-01-07', '3.05');
    openCase('late', ann);
    openCase('lost', ben);
    const at = { stream: `case-${idOf('late')}`, subject: ann, on: '2026-01-06T09:00:00Z' };
    const resolved = { ...caseAbout(ann), status: 'resolved', resolution: 'sent', reopenings: 0 } as const;
    log.add(at, service.caseFirstResponseRecorded({ ...caseAbout(ann), status: 'in-progress', via: 'web' }));
    log.add(at, service.caseResolved(resolved));
    await read.fold(log.events);
    expect(await askAll(asking('/v1/returns'), read, { contact: ann, status: 'closed' })).toMatchObject([
      { number: 'c1', value: '3.05', refunded: '3.05', refundedOn: '2026-01-07', customer: ann },
    ]);
    expect((await ask(asking('/v1/returns/:id'), read, { id: idOf('c1') })).number).toBe('c1');
    const cases = asking('/v1/cases');
    const titles = async (parameters: Record<string, string>) =>
      (await askAll(cases, read, { limit: '1', ...parameters })).map(({ title }) => title).toSorted();
    expect(await titles({ queue: 'shop', priority: 'high' })).toEqual(['late', 'lost']);
    expect(await titles({ open: 'true' })).toEqual(['lost']);
    expect(await titles({ open: 'false', status: 'resolved', contact: ann })).toEqual(['late']);
    expect(await ask(asking('/v1/cases/:id'), read, { id: idOf('late') })).toMatchObject({
      resolution: 'sent',
      firstRespondedAt: '2026-01-06T09:00:00.000Z',
      open: false,
    });
    log.add(
      at,
      service.caseReopened({
        ...caseAbout(ann),
        status: 'in-progress',
        previousStatus: 'resolved',
        reason: 'again',
        reopenings: 1,
      }),
    );
    await read.fold(log.events);
    expect(await ask(asking('/v1/cases/:id'), read, { id: idOf('late') })).toMatchObject({
      open: true,
      resolvedAt: null,
      resolution: null,
      reopenings: 1,
      title: 'late',
    });
  });
});
