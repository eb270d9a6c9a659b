import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { speakTo } from '../support/speak.js';
import { startSystem, type Client, type System } from '../support/system.js';

// What a user does first, on the whole system over its port; the client holds every answer against /openapi.json.
describe('first steps', () => {
  let system: System;
  let client: Client;
  beforeAll(async () => {
    system = await startSystem();
    ({ client } = system);
  }, 60_000);
  afterAll(() => system?.stop());

  const { send, ask } = speakTo(() => system);
  const on = (day: string) => ({ 'yad-occurred-at': `${day}T12:00:00Z` });
  const zone = 'Europe/London';
  const lines = [
    { sku: 'TEAPOT', quantity: '2', unitPrice: '12.50' },
    { sku: 'CUP', quantity: '6', unitPrice: '0.85' },
  ];
  const register = async (full: string): Promise<string> => (await send('/contacts', { name: { full } })).id;
  const buy = async (day: string, contact?: string, more: object = {}): Promise<string> => {
    const { id } = await send('/orders', { contact, currency: 'GBP', zone, lines, ...more }, on(day));
    await send(`/orders/${id}/confirm`, {}, on(day));
    const all = lines.map(({ quantity }, index) => ({ line: index + 1, quantity }));
    await send(`/orders/${id}/fulfilments`, { lines: all }, on(day));
    await send(`/orders/${id}/complete`, {}, on(day));
    return id;
  };
  const rfm = '/analytics/rfm?currency=GBP&day=2026-02-01';
  /** Everything that speaks of the figures of these customers. */
  const figures = async (...customers: string[]): Promise<unknown> => ({
    customers: await Promise.all(
      customers.map(async (id) => {
        const { timeline: _timeline, lastEventAt: _last, ...view } = await ask(`/customers/${id}`);
        return [view, await ask(`/customers/${id}/rfm?currency=GBP&day=2026-02-01`)];
      }),
    ),
    report: await ask(rfm),
    scores: await ask(rfm.replace('rfm?', 'rfm/customers?')),
    days: await ask('/analytics/sales-by-day?currency=GBP'),
    summary: await ask('/analytics/sales-summary?currency=GBP'),
  });

  let ada: string;
  let order: string;

  it('an order is placed, delivered, completed and in part returned; a case is opened and resolved', async () => {
    ada = await register('Ada Lovelace');
    order = await buy('2026-01-05', ada, { number: 'A-1' });
    await send(`/orders/${order}/payments`, { amount: '30.10', currency: 'GBP', method: 'card' }, on('2026-01-06'));
    const { id: back } = await send('/returns', { order, lines: [{ line: 1, quantity: '1' }] }, on('2026-01-07'));
    for (const step of ['authorise', 'receive', 'inspect'])
      await send(`/returns/${back}/${step}`, {}, on('2026-01-08'));
    await send(`/returns/${back}/refund`, { currency: 'GBP' }, on('2026-01-08'));
    await send(`/returns/${back}/close`);
    const { id: issue } = await send('/cases', {
      contact: ada,
      kind: 'complaint',
      channel: 'email',
      title: 'It leaks',
    });
    await send(`/cases/${issue}/assign`, { assignee: 'lena' });
    await send(`/cases/${issue}/replies`, { via: 'email', text: 'We look into it' });
    expect((await ask(`/customers/${ada}`)).cases).toMatchObject({ total: 1, open: 1, latestOpen: [{ id: issue }] });
    await send(`/cases/${issue}/resolve`, { resolution: 'replaced' });

    const view = await ask(`/customers/${ada}`);
    expect(view).toMatchObject({ id: ada, name: 'Ada Lovelace', cases: { total: 1, open: 0, latestOpen: [] } });
    expect(view.sales).toEqual([
      expect.objectContaining({
        orders: 1,
        returns: 1,
        value: '30.1',
        refunds: '12.5',
        net: '17.6',
        paid: '30.1',
        paidBack: '12.5',
      }),
    ]);
    expect(await ask(`/customers/${ada}/orders`)).toEqual([
      expect.objectContaining({
        id: order,
        number: 'A-1',
        status: 'completed',
        net: '30.1',
        completedOn: '2026-01-05',
      }),
    ]);
    expect(await ask(`/returns?order=${order}`)).toEqual([
      expect.objectContaining({ id: back, status: 'closed', refunded: '12.5' }),
    ]);
  });

  it('the timeline has every event of the customer once, the newest first, page by page', async () => {
    const seen: any[] = [];
    const position = await system.head();
    let next: string | undefined;
    do {
      const cursor = next ? `&cursor=${next}` : '';
      const { status, body } = await client.get(
        `/v1/customers/${ada}/timeline?limit=3&minPosition=${position}${cursor}`,
      );
      expect(status).toBe(200);
      seen.push(...body.data);
      next = body.next;
    } while (next);
    const times = seen.map(({ occurredAt, position: at }) => [occurredAt, Number(at)] as const);
    expect(times).toEqual(times.toSorted((a, b) => b[0].localeCompare(a[0]) || b[1] - a[1]));
    const recorded = await system.store.readSubjects([ada], { after: 0n, limit: 1000 });
    expect(new Set(seen.map(({ position: at }) => at))).toEqual(new Set(recorded.map((e) => String(e.position))));
    expect(seen).toHaveLength(recorded.length);
  });

  it('sales by day and RFM count what was sold, on its day', async () => {
    expect(await ask('/analytics/sales-by-day?currency=GBP')).toEqual([
      expect.objectContaining({ day: '2026-01-05', orders: 1, value: '30.1', refunds: '0', customers: 1 }),
      expect.objectContaining({ day: '2026-01-08', orders: 0, creditNotes: 1, refunds: '12.5', net: '-12.5' }),
    ]);
    const { score } = await ask(`/customers/${ada}/rfm?currency=GBP&day=2026-02-01`);
    expect(score).toMatchObject({ lastPurchaseOn: '2026-01-05', recency: 27, frequency: 1, monetary: '30.1' });
  });

  it('a merge brings two customers together, and its undoing gives back the figures of both', async () => {
    const twin = await register('A. Lovelace');
    await buy('2026-01-20', twin);
    await buy('2026-01-21', twin);
    await send('/cases', { contact: twin, kind: 'question', channel: 'web', title: 'When?' });
    const before = await figures(ada, twin);

    await send(`/contacts/${twin}/merge`, { into: ada });
    const merged = await ask(`/customers/${ada}`);
    expect(merged.sales[0]).toMatchObject({ orders: 3, returns: 1, value: '90.3', net: '77.8' });
    expect(merged.mergedFrom.map(({ id }: any) => id)).toEqual([twin]);
    expect(await ask(`/customers/${twin}`)).toEqual({ ...merged, mergedInto: ada });
    expect((await ask(`/customers/${twin}/rfm?currency=GBP&day=2026-02-01`)).score).toMatchObject({ frequency: 3 });
    expect((await ask(rfm)).population).toBe(1);

    await send(`/contacts/${twin}/unmerge`, { from: ada });
    expect(await figures(ada, twin)).toEqual(before);
  });

  it('a walk-in order is nobody’s, is attached to a customer, and is nobody’s again', async () => {
    const walkIn = await buy('2026-01-25');
    const before = await figures(ada);
    await send(`/orders/${walkIn}/attach`, { contact: ada });
    expect(await ask(`/customers/${ada}`)).toMatchObject({ attachedOrders: 1, sales: [{ orders: 2, value: '60.2' }] });
    expect((await ask(`/customers/${ada}/orders`)).map(({ id }: any) => id)).toEqual([walkIn, order]);
    await send(`/orders/${walkIn}/detach`);
    expect(await figures(ada)).toEqual(before);
  });

  it('a batch of 1,000 takes what is right and says of each other item what is wrong', async () => {
    const bad: Record<number, [object, number]> = {
      7: [{ command: 'NoSuchCommand', input: {} }, 400],
      99: [{ command: 'RegisterContact', input: { colour: 'red' } }, 400],
      250: [{ command: 'ConfirmOrder', id: order, input: {} }, 409],
      251: [{ command: 'ConfirmOrder', id: order, ifMatch: 0, input: {} }, 412],
      500: [{ command: 'TagContact', input: { tag: 'vip' } }, 400],
      998: [{ command: 'RegisterContact', input: { id: ada, name: { full: 'Ada' } } }, 409],
    };
    const items = Array.from({ length: 1000 }, (_, i) =>
      bad[i] ? bad[i][0] : { command: 'RegisterContact', key: `guest ${i}`, input: { name: { full: `Guest ${i}` } } },
    );
    const before = await system.head();
    const { status, body } = await client.post('/v1/commands:batch', { items });
    expect(status).toBe(200);
    expect(body.outcomes.map((outcome: any) => outcome.status)).toEqual(items.map((_, i) => bad[i]?.[1] ?? 201));
    expect(await system.head()).toBe(before + 994n);
    const again = await client.post('/v1/commands:batch', { items });
    expect(again.body.outcomes.filter(({ repeated }: any) => repeated)).toHaveLength(994);
    expect(await system.head()).toBe(before + 994n);
    expect(await ask(`/customers/${body.outcomes[999].id}`)).toMatchObject({ name: 'Guest 999' });
  });

  it('fifty requests at once with one key are one event and one answer', async () => {
    const before = await system.head();
    const key = { 'idempotency-key': 'fifty at once' };
    const attempts = Array.from({ length: 50 }, () => send('/contacts', { name: { full: 'Grace' } }, key));
    const answers = await Promise.all(attempts);
    expect(await system.head()).toBe(before + 1n);
    expect(new Set(answers.map(({ repeated: _repeated, ...answer }) => JSON.stringify(answer))).size).toBe(1);
    // All but the one that stored it hear that it is a repeat, also those that came while it was under way.
    expect(answers.filter(({ repeated }) => !repeated)).toHaveLength(1);
    expect((await send('/contacts', { name: { full: 'Grace' } }, key)).repeated).toBe(true);
    expect(await system.head()).toBe(before + 1n);
  });

  it('auditors see the events of a stream, a customer and a span, and any state as it was', async () => {
    const stream = `order/${order}`;
    const events = await ask(`/audit/streams/${stream}/events`);
    expect(events.map(({ type }: any) => type.split('.').at(-1))).toEqual([
      'placed',
      'confirmed',
      'fulfilment-recorded',
      'completed',
      'payment-recorded',
      'return-opened',
      'return-settled',
    ]);
    const [placed, confirmed, fulfilled] = events;
    const ofAda = await ask(`/audit/customers/${ada}/events?limit=1000`);
    expect(ofAda).toEqual(expect.arrayContaining(events));
    const span = `from=${placed.recordedAt}&to=${fulfilled.recordedAt}&limit=1000`;
    const found = (await ask(`/audit/events?${span}`)).map((event: any) => event.recordedAt);
    expect(found.every((at: string) => at >= placed.recordedAt && at < fulfilled.recordedAt)).toBe(true);
    expect(found.length > 0).toBe(placed.recordedAt < fulfilled.recordedAt);
    expect(await ask(`/audit/events/${confirmed.position}`)).toEqual(confirmed);

    const stateAt = async (bound: string) => (await ask(`/audit/streams/${stream}/state${bound}`)).state.status;
    expect(await stateAt('?revision=0')).toBe('placed');
    expect(await stateAt(`?position=${confirmed.position}`)).toBe('confirmed');
    expect(await stateAt(`?position=${BigInt(fulfilled.position) - 1n}`)).toBe('confirmed');
    expect(await stateAt(`?at=${events.at(-1).recordedAt}`)).toBe('completed');
    expect(await stateAt('')).toBe('completed');
    const before = new Date(Date.parse(placed.recordedAt) - 1).toISOString();
    expect((await client.get(`/v1/audit/streams/${stream}/state?at=${before}`)).status).toBe(404);
  });

  it('none of it gave the read models trouble, and rebuilt from the log they are the same', async () => {
    expect(system.troubles).toEqual([]);
    for (const name of system.host.admin.names) {
      const { equal, differences } = await system.host.admin.verify(name);
      expect({ name, equal, differences }).toEqual({ name, equal: true, differences: [] });
    }
  });
});
