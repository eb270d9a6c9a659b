import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { commands } from '#operational/index.js';
import { conformingClient } from '#test/support/conforming-client.js';
import { inMemoryOperations } from '#test/support/in-memory-app.js';
import { newId } from '#platform/kernel/ids.js';
import { apiDocument } from './api-document.js';
import { as } from '#test/support/trusting-authenticator.js';

describe('the operations app', () => {
  let app: Awaited<ReturnType<typeof inMemoryOperations>>;
  let client: Awaited<ReturnType<typeof conformingClient>>;
  beforeAll(async () => {
    app = await inMemoryOperations();
    client = await conformingClient(app);
  });
  afterAll(() => app.close());

  it('takes an order and shows its events', async () => {
    const order = {
      currency: 'GBP',
      zone: 'Europe/London',
      lines: [{ sku: 'TEAPOT', quantity: '2', unitPrice: '12.50' }],
    };
    const placed = await client.post('/v1/orders', order, { ...as({ actor: 'ada' }), 'yad-reason': 'by telephone' });
    expect(placed.status).toBe(201);
    const { status, body } = await client.get(
      `/v1/audit/streams/order/${placed.body.id}/events?minPosition=${placed.body.position}`,
    );
    expect(status).toBe(200);
    expect(body.data).toEqual([
      expect.objectContaining({
        type: expect.stringContaining('placed'),
        actor: 'ada',
        reason: 'by telephone',
        revision: 0,
      }),
    ]);
  });

  it.each(commands.map((definition) => [definition.name, definition] as const))(
    '%s has an example that its schema takes, and answers nonsense with a problem, not a failure',
    async (name, { method, path }) => {
      const operation = client.document.paths[path.replace(':id', '{id}')][method.toLowerCase()];
      expect(operation.operationId).toBe(name);
      const { example } = operation.requestBody.content['application/json'];
      expect(example).toBeDefined();
      const url = path.replace(':id', newId());
      for (const body of [example, {}, [], null, { unknown: 1 }, { ...example, __unknown: { deep: [[[]]] } }]) {
        const items = [{ command: name, ...(path.includes(':id') ? { id: newId() } : {}), input: body }];
        const [outcome] = (await client.post('/v1/commands:batch', { items })).body.outcomes;
        expect(outcome.status).toBeLessThan(500);
        if (method !== 'POST') continue;
        const { status } = await client.post(url, body);
        expect(status).toBe(outcome.status);
      }
    },
  );

  describe('business time', () => {
    const line = { line: 1, sku: 'TEAPOT', quantity: '1', unitPrice: '5' };
    const sale = { currency: 'GBP', zone: 'Europe/London', lines: [line] };
    const occurred = (instant: string) => ({ 'yad-occurred-at': instant });
    const refused = async (answer: Promise<{ status: number; body: any }>, rule: string) => {
      const before = await client.get('/v1/audit/events');
      const { status, body } = await answer;
      expect([status, body.rule]).toEqual([409, rule]);
      expect((await client.get('/v1/audit/events')).body.data).toEqual(before.body.data);
      return body.detail as string;
    };

    it('a refund is not dated before its sale, nor a cancellation before the placing', async () => {
      const sold = await client.post('/v1/sales', sale, occurred('2026-05-05T10:00:00Z'));
      const back = { order: sold.body.id, lines: [{ line: 1, quantity: '1' }] };
      const detail = await refused(client.post('/v1/returns', back, occurred('2026-05-01T10:00:00Z')), 'date-in-order');
      expect(detail).toBe(
        `2026-05-01T10:00:00.000Z is before the beginning of order-${sold.body.id}, dated 2026-05-05T10:00:00.000Z`,
      );
      const { body: order } = await client.post('/v1/orders', sale, occurred('2026-05-05T10:00:00Z'));
      const cancel = `/v1/orders/${order.id}/cancel`;
      await refused(client.post(cancel, { reason: 'mistake' }, occurred('2026-05-05T09:59:59Z')), 'date-in-order');
      expect((await client.post(cancel, { reason: 'mistake' }, occurred('2026-05-05T10:00:00Z'))).status).toBe(200);
    });

    it('nothing is dated ahead of the clock, alone or in a batch', async () => {
      await refused(client.post('/v1/sales', sale, occurred('2062-01-05T10:00:00Z')), 'date-not-ahead');
      const items = [{ command: 'RecordSale', input: sale, occurredAt: '2062-01-05T10:00:00Z' }];
      const { body } = await client.post('/v1/commands:batch', { items });
      expect(body.outcomes).toMatchObject([{ status: 409, rule: 'date-not-ahead' }]);
    });

    it('nobody is born ahead of the clock', async () => {
      const { status, body } = await client.post('/v1/contacts', { birthDate: '2090-01-01' });
      expect([status, body.errors]).toEqual([400, [expect.objectContaining({ pointer: '/birthDate' })]]);
    });
  });

  it('is part of the whole document', () => {
    const whole = apiDocument();
    for (const path of Object.keys(client.document.paths)) expect(whole['paths']).toHaveProperty([path]);
  });
});
