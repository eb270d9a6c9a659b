import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { apiDocument } from '#apps/operations/api-document.js';
import { ExactDecimal } from '#platform/kernel/money.js';
import { speakTo } from '../support/speak.js';
import { startSystem, type Client, type System } from '../support/system.js';

// What comes in and goes out, over the port, and what the read models make of it.
describe('money', () => {
  let system: System;
  let client: Client;
  beforeAll(async () => {
    system = await startSystem();
    ({ client } = system);
  }, 60_000);
  afterAll(() => system?.stop());

  const { send, ask } = speakTo(() => system);
  const refused = async (path: string, body: unknown): Promise<string> => {
    const { status, body: problem } = await client.post(`/v1${path}`, body);
    expect([400, 409, 422]).toContain(status);
    return problem.rule ?? problem.errors[0].pointer;
  };

  const gbp = { currency: 'GBP' };
  const register = async (full: string): Promise<string> => (await send('/contacts', { name: { full } })).id;
  const place = async (contact: string, lines: object[], currency = 'GBP'): Promise<string> =>
    (await send('/orders', { contact, currency, zone: 'Europe/London', lines })).id;
  const pay = (order: string, amount: string, more: object = {}) =>
    send(`/orders/${order}/payments`, { ...gbp, amount, method: 'card', ...more });
  const deliver = async (order: string, ...quantities: string[]): Promise<void> => {
    await send(`/orders/${order}/confirm`);
    await send(`/orders/${order}/fulfilments`, {
      lines: quantities.map((quantity, index) => ({ line: index + 1, quantity })),
    });
    await send(`/orders/${order}/complete`);
  };
  /** Goods of the first line that come back as far as to be refunded. */
  const giveBack = async (order: string, quantity = '1'): Promise<string> => {
    const { id } = await send('/returns', { order, lines: [{ line: 1, quantity }] });
    for (const step of ['authorise', 'receive', 'inspect']) await send(`/returns/${id}/${step}`);
    return id;
  };
  const hundred = { sku: 'A', quantity: '1', unitPrice: '100.00' };
  const salesOf = async (contact: string) => (await ask(`/customers/${contact}`)).sales;

  it.each([
    ['0', '0', '100'],
    ['60', '60', '40'],
    ['100', '100', '0'],
  ])('of an order of 100 of which %s was paid, a refund pays %s back and takes %s off', async (paid, out, off) => {
    const contact = await register('Ada');
    const order = await place(contact, [hundred]);
    if (paid !== '0') await pay(order, paid);
    await deliver(order, '1');
    const back = await giveBack(order);
    await send(`/returns/${back}/refund`, gbp);
    expect(await ask(`/returns/${back}`)).toMatchObject({ status: 'refunded', refund: { net: out, credited: off } });
    expect(await ask(`/orders/${order}`)).toMatchObject({ paid, paidBack: out, outstanding: '0', overpaid: '0' });
    // The order takes no more, and gives no more.
    expect(await refused(`/orders/${order}/payments`, { ...gbp, amount: '0.01', method: 'card' })).toBe(
      'payment-within-due',
    );
    expect(await refused(`/orders/${order}/refunds`, gbp)).toBe('something-overpaid');
    const figures = { value: '100', refunds: out, credited: off, net: '0', paid, paidBack: out, outstanding: '0' };
    expect(await salesOf(contact)).toMatchObject([figures]);
  });

  it('a prepaid order that is cancelled, and an overpayment, are paid back', async () => {
    const contact = await register('Ben');
    const order = await place(contact, [hundred]);
    await pay(order, '105', { allowOverpayment: true });
    await send(`/orders/${order}/refunds`, { ...gbp, amount: '2.50', method: 'card', reference: 'R-1' });
    expect(await ask(`/orders/${order}`)).toMatchObject({ paid: '105', paidBack: '2.5', overpaid: '2.5' });
    await send(`/orders/${order}/cancel`, { reason: 'changed-mind' });
    expect(await ask(`/orders/${order}`)).toMatchObject({ status: 'cancelled', outstanding: '0', overpaid: '102.5' });
    expect(await refused(`/orders/${order}/refunds`, { ...gbp, amount: '102.51' })).toBe('refund-within-overpaid');
    await send(`/orders/${order}/refunds`, gbp);
    expect(await ask(`/orders/${order}`)).toMatchObject({ paid: '105', paidBack: '105', overpaid: '0' });
    expect(await salesOf(contact)).toMatchObject([
      { orders: 0, value: '0', paid: '105', paidBack: '105', overpaid: '0' },
    ]);
    const [latest] = await ask(`/customers/${contact}/timeline?limit=1`);
    expect(latest).toMatchObject({ type: 'crm.sales.order.payment-refunded', summary: { amount: '102.5' } });
  });

  it('of two returns that are refunded at once, both together pay back no more than was paid', async () => {
    const order = await place(await register('Cem'), [{ ...hundred, quantity: '8' }]);
    await pay(order, '250');
    await deliver(order, '8');
    const returns: string[] = [];
    for (let n = 0; n < 8; n++) returns.push(await giveBack(order));
    const refunds = returns.map((id) => client.post(`/v1/returns/${id}/refund`, gbp));
    const answers = await Promise.all([...refunds, client.post(`/v1/orders/${order}/refunds`, gbp)]);
    expect(answers.filter(({ status }) => status >= 500)).toEqual([]);
    for (const id of returns) await client.post(`/v1/returns/${id}/refund`, gbp);
    expect(await ask(`/orders/${order}`)).toMatchObject({
      paid: '250',
      paidBack: '250',
      outstanding: '0',
      overpaid: '0',
    });
    const paidBack = (await ask(`/returns?order=${order}`)).map(({ refunded }: any) => Number(refunded));
    expect(paidBack.reduce((a: number, b: number) => a + b)).toBe(250);
  });

  it('a replacement serves one return, is paid by what was paid for the goods, and gives it back when cancelled', async () => {
    const contact = await register('Dia');
    const order = await place(contact, [{ ...hundred, quantity: '2' }]);
    await pay(order, '200');
    await deliver(order, '2');
    const [first, second] = [await giveBack(order), await giveBack(order)];
    const replacement = await place(contact, [{ ...hundred, unitPrice: '120' }]);
    await send(`/returns/${first}/exchange`, { replacement });
    expect(await refused(`/returns/${second}/exchange`, { replacement })).toBe('replacement-serves-one-return');
    expect(await ask(`/orders/${order}`)).toMatchObject({
      paid: '200',
      moved: '-100',
      outstanding: '0',
      overpaid: '0',
    });
    expect(await ask(`/orders/${replacement}`)).toMatchObject({ paid: '0', moved: '100', outstanding: '20' });
    expect(await salesOf(contact)).toMatchObject([
      { value: '200', exchanged: '100', net: '100', paid: '200', outstanding: '20' },
    ]);
    await send(`/returns/${first}/close`);
    await send(`/orders/${replacement}/cancel`, { reason: 'sold-out' });
    expect(await ask(`/orders/${replacement}`)).toMatchObject({ status: 'cancelled', moved: '0', overpaid: '0' });
    const undone = await ask(`/returns/${first}`);
    expect(undone).toMatchObject({ status: 'inspected' });
    expect(Object.keys(undone)).not.toContain('replacement');
    expect(Object.keys(undone)).not.toContain('closed');
    expect(await refused(`/returns/${first}/exchange`, { replacement })).toBe('replacement-exists');
    for (const back of [first, second]) await send(`/returns/${back}/refund`, gbp);
    expect(await ask(`/orders/${order}`)).toMatchObject({ paid: '200', paidBack: '200', moved: '0', outstanding: '0' });
    expect(await salesOf(contact)).toMatchObject([
      { value: '200', refunds: '200', exchanged: '0', net: '0', outstanding: '0' },
    ]);
  });

  it('what is due is in whole units of the currency, and the currency is one of ISO 4217', async () => {
    const contact = await register('Eve');
    const order = await place(contact, [{ sku: 'A', quantity: '3', unitPrice: '0.333333' }], 'EUR');
    const cents = (amount: string) => send(`/orders/${order}/payments`, { amount, currency: 'EUR', method: 'card' });
    expect(await ask(`/orders/${order}`)).toMatchObject({ net: '0.999999', outstanding: '1' });
    await cents('0.99');
    expect(await ask(`/orders/${order}`)).toMatchObject({ outstanding: '0.01' });
    await cents('0.01');
    expect(await ask(`/orders/${order}`)).toMatchObject({ paid: '1', outstanding: '0', overpaid: '0' });
    const yen = await place(contact, [hundred], 'JPY');
    const half = { amount: '0.005', currency: 'JPY', method: 'card' };
    expect(await refused(`/orders/${yen}/payments`, half)).toBe('amount-can-be-paid');
    const nowhere = { currency: 'ZZZ', zone: 'Europe/London', lines: [hundred] };
    expect(await refused('/orders', nowhere)).toBe('/currency');
  });

  it('amounts have one written form in every answer, however they were sent', async () => {
    const contact = await register('Fay');
    const lines = [
      { sku: 'A', quantity: '02.500', unitPrice: '012.500' },
      { sku: 'B', quantity: '1', unitPrice: '-0.0' },
    ];
    const order = await place(contact, lines);
    await send(`/orders/${order}/confirm`);
    await send(`/orders/${order}/invoices`, { ...gbp, invoice: 'I', amount: '31.250' });
    await pay(order, '00031.500', { allowOverpayment: true });
    await send(`/orders/${order}/refunds`, { ...gbp, amount: '0.10' });
    await send(`/orders/${order}/fulfilments`, {
      lines: [
        { line: 1, quantity: '2.5000' },
        { line: 2, quantity: '1.0' },
      ],
    });
    await send(`/orders/${order}/complete`);
    const back = await giveBack(order, '1.50');
    await send(`/returns/${back}/refund`, { ...gbp, amount: '18.70' });
    const sold = { contact, ...gbp, zone: 'Europe/London', quantities: 'sold' };
    await send('/credit-notes', { ...sold, lines: [{ sku: 'A', quantity: '-1.0', unitPrice: '2.10' }] });
    await send('/sales', {
      contact,
      ...gbp,
      zone: 'Europe/London',
      lines: [{ sku: 'A', quantity: '-1.0', unitPrice: '2.10' }],
    });
    const limit = { name: 'limit', content: { type: 'decimal', value: '0100.50' } };
    expect((await client.send('PUT', `/v1/contacts/${contact}/attributes`, limit)).status).toBeLessThan(300);

    const ids: Record<string, string> = { orders: order, returns: back, customers: contact };
    const wrong: string[] = [];
    let decimals = 0;
    const look = (value: unknown, at: string): void => {
      if (typeof value === 'string' && /^-?\d+(\.\d+)?$/.test(value)) {
        decimals++;
        if (!ExactDecimal.safeParse(value).success) wrong.push(`${at}: ${value}`);
      } else if (typeof value === 'object' && value !== null) {
        for (const [name, each] of Object.entries(value)) look(each, `${at}/${name}`);
      }
    };
    const paths = Object.entries<any>((apiDocument() as any).paths).filter(
      // Schemas of events and snapshots are no answers about anybody.
      ([path, { get }]) => get && path.startsWith('/v1/') && !/^\/v1\/(schemas|events|snapshots)/.test(path),
    );
    for (const [path, { get }] of paths) {
      const at = path
        .slice('/v1'.length)
        .replace('{aggregate}/{id}', `order/${order}`)
        .replace('{id}', ids[path.split('/')[2]!] ?? contact)
        .replace('{position}', String(await system.head()));
      // What is compared, from its beginning.
      const given: Record<string, string> = { currency: 'GBP', from: '0' };
      const needed = get.parameters
        .filter(({ name, in: place, required }: any) => required && place === 'query' && name in given)
        .map(({ name }: any) => `${name}=${given[name]}`);
      if (path.startsWith('/v1/cases/{id}')) continue;
      look(await ask(`${at}${needed.length > 0 ? '?' : ''}${needed.join('&')}`), path);
    }
    look(await ask(`/audit/streams/return/${back}/events`), 'return');
    look(await ask(`/audit/streams/return/${back}/state`), 'return');
    expect(wrong).toEqual([]);
    expect(decimals).toBeGreaterThan(300);
    expect(system.troubles).toEqual([]);
  });
});
