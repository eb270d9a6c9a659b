import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { commands, resources } from '#operational/index.js';
import { definitions } from '#apps/definitions.js';
import { DEVELOPER } from '#platform/access/principal.js';
import { startSystem, type Client, type System } from '../support/system.js';
import { as, TrustingAuthenticator } from '#test/support/trusting-authenticator.js';

describe('each aggregate', () => {
  it.each([...new Set(commands.map(({ on }) => on))].map((on) => [on.name, on] as const))(
    '%s has one resource, by which it can be read whole',
    (_name, on) => {
      expect(resources.filter((each) => each.on === on)).toHaveLength(1);
    },
  );

  it('is not read under two addresses, and no resource is of something else', () => {
    expect(new Set(resources.map(({ path }) => path)).size).toBe(resources.length);
    for (const { on } of resources) expect(commands.map((each) => each.on)).toContain(on);
  });
});

describe('what commands have written', () => {
  let system: System;
  let client: Client;
  beforeAll(async () => {
    system = await startSystem(definitions, { authenticator: new TrustingAuthenticator() });
    ({ client } = system);
  }, 60_000);
  afterAll(() => system?.stop());

  const made = async (path: string, body: object): Promise<string> => {
    const { status, headers } = await client.post(path, body);
    expect(status).toBe(201);
    return headers['location'] as string;
  };
  const done = async (path: string, body: object, headers?: Record<string, string>): Promise<void> => {
    const answer = await client.post(path, body, headers);
    if (answer.status !== 200) throw new Error(`${path} answered ${JSON.stringify(answer.body)}`);
  };
  const whole = async (at: string) => (await client.get(at)).body.data;
  const idOf = (at: string) => at.split('/').at(-1)!;

  const creating = commands.filter(({ creates }) => creates);
  it('has creating commands to look at', () => expect(creating.length).toBeGreaterThan(5));

  it.each(creating.map((definition) => [definition.name, definition] as const))(
    '%s gives a Location that leads to what it created',
    async (_name, { path, method }) => {
      const { example } = client.document.paths[path][method.toLowerCase()].requestBody.content['application/json'];
      const { id: _id, ...input } = example;
      const { status, headers, body } = await client.post(path, input);
      expect(status).toBe(201);
      const found = await client.get(headers['location'] as string);
      expect([found.status, found.headers['etag'], found.body.data.id]).toEqual([200, headers['etag'], body.id]);
      expect(found.body.data.revision).toBe(body.revision);
    },
  );

  it('shows an order with its lines, deliveries, invoices, payments, refunds and returns', async () => {
    const contact = await made('/v1/contacts', { name: { full: 'Ada Lovelace' } });
    const at = await made('/v1/orders', {
      contact: idOf(contact),
      number: 'A-1',
      currency: 'GBP',
      zone: 'Europe/London',
      lines: [
        { sku: 'CUP', quantity: '6', unitPrice: '0.85' },
        { sku: 'POT', quantity: '1', unitPrice: '12' },
      ],
      note: 'ring twice',
    });
    expect(await whole(at)).toMatchObject({ status: 'placed', net: '17.1', outstanding: '17.1', payments: [] });
    await done(`${at}/confirm`, {});
    await done(`${at}/fulfilments`, { lines: [{ line: 1, quantity: '6' }], carrier: 'royal-mail', tracking: 'RM1' });
    await done(`${at}/invoices`, { invoice: 'I-1', amount: '17.10', currency: 'GBP' });
    await done(
      `${at}/payments`,
      { amount: '20', currency: 'GBP', method: 'card', reference: 'P-1', allowOverpayment: true },
      as({ actor: 'ada' }),
    );
    await done(`${at}/refunds`, { amount: '2.90', currency: 'GBP', method: 'card' });
    const back = await made('/v1/returns', { order: idOf(at), lines: [{ line: 1, quantity: '2' }] });
    const order = await whole(at);
    expect(order).toMatchObject({
      status: 'partially-fulfilled',
      contact: idOf(contact),
      number: 'A-1',
      note: 'ring twice',
      net: '17.1',
      invoiced: '17.1',
      paid: '20',
      paidBack: '2.9',
      outstanding: '0',
      overpaid: '0',
      lines: [
        { line: 1, sku: 'CUP', quantity: '6', delivered: '6', returned: '2' },
        { line: 2, sku: 'POT', delivered: '0', returned: '0' },
      ],
      fulfilments: [{ lines: [{ line: 1, quantity: '6' }], complete: false, carrier: 'royal-mail', tracking: 'RM1' }],
      invoices: [{ invoice: 'I-1', amount: '17.1' }],
      payments: [{ amount: '20', method: 'card', reference: 'P-1', by: 'ada' }],
      refunds: [{ amount: '2.9', method: 'card' }],
      returns: [{ return: idOf(back), lines: [{ line: 1, quantity: '2' }] }],
    });
    expect(order.omitted).toBeUndefined();
  });

  it('shows a draft of which nothing is owed, and a sale of which all was delivered', async () => {
    const lines = [{ sku: 'CUP', quantity: '6', unitPrice: '0.85' }];
    const draft = await made('/v1/orders', { currency: 'GBP', zone: 'UTC', lines, draft: true });
    expect(await whole(draft)).toMatchObject({ status: 'draft', outstanding: '0', draftedAt: expect.any(String) });
    const sale = await made('/v1/sales', { currency: 'GBP', zone: 'UTC', lines });
    expect(sale).toMatch(/^\/v1\/orders\//);
    expect(await whole(sale)).toMatchObject({
      status: 'completed',
      completedAt: expect.any(String),
      lines: [{ delivered: '6' }],
    });
    await done(`${draft}/cancel`, { reason: 'mistake' });
    expect(await whole(draft)).toMatchObject({ status: 'cancelled', cancelledAt: expect.any(String) });
  });

  it('shows a return with what was received, accepted and refunded', async () => {
    const sale = await made('/v1/sales', {
      currency: 'GBP',
      zone: 'UTC',
      lines: [{ sku: 'CUP', quantity: '6', unitPrice: '2' }],
      paid: '12',
    });
    const at = await made('/v1/returns', { order: idOf(sale), lines: [{ line: 1, quantity: '3', reason: 'damaged' }] });
    const [asked] = (await whole(at)).lines;
    expect([asked.quantity, asked.received, asked.accepted]).toEqual(['3', undefined, undefined]);
    await done(`${at}/authorise`, {});
    await done(`${at}/receive`, { lines: [{ line: 1, quantity: '3' }] });
    await done(`${at}/inspect`, { lines: [{ line: 1, accepted: '2', condition: 'cracked' }] });
    await done(`${at}/refund`, { amount: '4', currency: 'GBP', method: 'card' });
    await done(`${at}/close`, {});
    expect(await whole(at)).toMatchObject({
      status: 'closed',
      order: idOf(sale),
      value: '6',
      lines: [{ line: 1, quantity: '3', received: '3', accepted: '2', condition: 'cracked', reason: 'damaged' }],
      refund: { net: '4', credited: '0', method: 'card' },
      closed: { outcome: 'refunded' },
    });
    expect(await whole(sale)).toMatchObject({ paid: '12', paidBack: '4', returns: [{ return: idOf(at) }] });
  });

  it('shows a case with its messages and notes in order', async () => {
    const at = await made('/v1/cases', {
      kind: 'complaint',
      channel: 'email',
      title: 'A cup is broken',
      description: 'It came in two pieces.',
    });
    await done(`${at}/assign`, { assignee: 'grace' });
    await done(`${at}/notes`, { text: 'the third one this week' });
    await done(`${at}/replies`, { via: 'email', text: 'We are sorry.' }, as({ actor: 'grace' }));
    await done(`${at}/customer-replies`, { via: 'email', text: 'Thank you.' });
    await done(`${at}/resolve`, { resolution: 'replaced', text: 'A new cup is on its way.' });
    expect((await client.send('PUT', `${at}/satisfaction`, { score: 5, comment: 'quick' })).status).toBe(200);
    const found = await whole(at);
    expect(found).toMatchObject({
      status: 'resolved',
      title: 'A cup is broken',
      description: 'It came in two pieces.',
      assignee: 'grace',
      resolution: 'replaced',
      firstRespondedAt: expect.any(String),
      resolvedAt: expect.any(String),
      satisfaction: { score: 5, comment: 'quick' },
    });
    expect(found.messages.map(({ from, text, by }: any) => [from, text, by])).toEqual([
      ['internal', 'the third one this week', DEVELOPER],
      ['staff', 'We are sorry.', 'grace'],
      ['customer', 'Thank you.', DEVELOPER],
      ['resolution', 'A new cup is on its way.', DEVELOPER],
    ]);
  });

  it('shows a contact with its points, and of a merged one into whom', async () => {
    const reach = { kind: 'email', address: 'ada@example.org' };
    const stays = await made('/v1/contacts', { name: { given: 'Ada', family: 'Lovelace' }, points: [{ reach }] });
    const goes = await made('/v1/contacts', { name: { full: 'A. Lovelace' }, tags: ['vip'] });
    await done(`${stays}/points/verify`, { point: 1, method: 'link' });
    await done(`${goes}/merge`, { into: idOf(stays) });
    expect(await whole(stays)).toMatchObject({
      status: 'active',
      name: { full: 'Ada Lovelace' },
      points: [{ point: 1, reach, verified: true }],
      mergedDuplicates: [idOf(goes)],
    });
    expect(await whole(goes)).toMatchObject({ status: 'merged', mergedInto: idOf(stays), tags: ['vip'] });
  });
});
