import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import * as contact from '#contracts/contacts/contact.events.js';
import * as order from '#contracts/sales/order.events.js';
import { ask, askAll, createReadModelTables, type ReadModelTables } from '../../../test/support/read-model-tables.js';
import { idOf } from '#test/fixtures/read-models.fixture.js';
import { projections, queries } from '../index.js';
import { CustomerHistory } from '#test/fixtures/customer-history.fixture.js';

const asking = (path: string) => {
  const found = queries.find((one) => one.path === path);
  if (!found) throw new Error(`no query at ${path}`);
  return found;
};
const view = asking('/v1/customers/:id');
const [ann, ben, cem] = ['ann', 'ben', 'cem'].map(idOf) as [string, string, string];

let read: ReadModelTables;
let past: CustomerHistory;
beforeAll(async () => {
  read = await createReadModelTables(projections);
});
afterAll(() => read.drop());
beforeEach(() => {
  past = new CustomerHistory();
});

describe('customer 360', () => {
  it('answers all that is known of a customer at once', async () => {
    past.onContact('ann', '2026-01-02', contact.contactRelated({ kind: 'household', other: ben, direction: 'to' }));
    const reach = { kind: 'email', address: 'ann@example.com' } as const;
    past.onContact('ann', '2026-01-02', contact.contactPointAdded({ point: 1, pointKind: 'email', reach }));
    past.onContact(
      'ann',
      '2026-01-03',
      contact.contactPointVerified({ point: 1, pointKind: 'email', reach, method: 'link' }),
    );
    past.sell('1', ann, '2026-01-04', '10.1');
    past.sell('2', ann, '2026-01-06', '0.2');
    past.sell('3', ann, '2026-01-05', '7', 'EUR');
    past.refund('c1', ann, '2026-01-07', '3.05');
    past.openCase('late', ann);
    await read.fold(past.events);
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
    past.sell('1', ann, '2026-01-04', '1');
    past.sell('2', ben, '2026-01-05', '20');
    past.sell('3', cem, '2026-01-06', '300');
    const walkIn = past.sell('4', undefined, '2026-01-07', '4000');
    past.openCase('late', ann);
    await read.fold(past.events);
    const figures = async () =>
      Promise.all(
        [ann, ben, cem].map(async (id) => {
          const { timeline: _, lastEventAt: __, ...rest } = await ask(view, read, { id });
          return rest;
        }),
      );
    const before = await figures();

    past.add(
      { aggregate: 'order', aggregateId: walkIn, subject: walkIn, on: '2026-01-20T00:00:00Z' },
      order.orderAttached({ contact: ann }),
    );
    past.merge('ann', 'ben');
    past.merge('ben', 'cem');
    await read.fold(past.events);
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

    past.unmerge('ben', 'cem');
    past.unmerge('ann', 'ben');
    past.add(
      { aggregate: 'order', aggregateId: walkIn, subject: walkIn, on: '2026-02-20T00:00:00Z' },
      order.orderDetached({ contact: ann }),
    );
    await read.fold(past.events);
    expect(await figures()).toEqual(before);
  });

  it('counts what was exchanged once, by the order that replaces it', async () => {
    past.sell('1', ann, '2026-01-04', '100');
    past.sell('2', ann, '2026-01-06', '110');
    past.exchange('x1', ann, '2026-01-06', '100');
    await read.fold(past.events);
    const { sales } = (await ask(view, read, { id: ann })) as any;
    expect(sales).toMatchObject([{ orders: 2, value: '210', refunds: '0', exchanged: '100', net: '110' }]);
  });

  it('shows the relations and signs of life of all that were merged, and each others as who they are now', async () => {
    const household = (other: string, direction: 'to' | 'from') =>
      contact.contactRelated({ kind: 'household', other, direction });
    past.onContact('ann', '2026-01-02', household(cem, 'to'));
    past.onContact('cem', '2026-01-02', household(ann, 'from'));
    past.sell('1', ann, '2026-03-04', '1');
    past.merge('ann', 'ben');
    await read.fold(past.events);
    const shown = async (id: string): Promise<any> => ask(view, read, { id });
    const lived = { firstSeenAt: '2026-01-01T10:00:00.000Z', lastEventAt: '2026-03-04T23:30:00.000Z' };
    const toCem = [{ kind: 'household', other: cem, direction: 'to', since: '2026-01-02T10:00:00.000Z' }];
    expect(await shown(ben)).toMatchObject({ ...lived, relations: toCem });
    expect((await shown(cem)).relations).toMatchObject([{ other: ben, direction: 'from' }]);
    // Merged with each other, they are one, and no longer related.
    past.merge('ben', 'cem');
    await read.fold(past.events);
    expect((await shown(cem)).relations).toEqual([]);
  });

  it('ends when two merges seen in the wrong order make a cycle', async () => {
    past.merge('ann', 'ben');
    past.merge('ben', 'ann');
    await read.fold(past.events);
    expect([ann, ben]).toContain((await ask(view, read, { id: ann })).id);
  });

  it('knows no customer that never registered, a walk-in order included', async () => {
    const walkIn = past.sell('4', undefined, '2026-01-07', '4000');
    await read.fold(past.events);
    for (const path of ['/v1/customers/:id', '/v1/customers/:id/timeline', '/v1/customers/:id/orders']) {
      await expect(ask(asking(path), read, { id: walkIn })).rejects.toMatchObject({ kind: 'not-found' });
    }
  });
});
