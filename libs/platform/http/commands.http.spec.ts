import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startParcels } from './testing/parcels.js';

describe('commands over HTTP', () => {
  let app: Awaited<ReturnType<typeof startParcels>>['app'];
  beforeAll(async () => {
    ({ app } = await startParcels());
  });
  afterAll(() => app.close());
  const post = (url: string, payload: unknown, headers: Record<string, string> = {}) =>
    app.inject({
      method: 'POST',
      url,
      headers: { 'content-type': 'application/json', ...headers },
      payload: payload as any,
    });

  it('creates', async () => {
    const answer = await post('/v1/parcels', { label: 'x' });
    console.log(answer.statusCode, answer.headers, answer.body);
    expect(answer.statusCode).toBe(201);
    for (const a of [
      await post('/v1/parcels', { label: 'x', foo: 1 }),
      await post('/v1/parcels', '{"label": '),
      await post('/v1/parcels', '{"label": "a", "__proto__": {"a":1}}'),
      await post('/v1/parcelsx', { label: 'x', foo: 1 }),
      await post('/v1/parcels', 'x', { 'content-type': 'text/plain' }),
      await post('/v1/parcels', 'x'.repeat(1100000)),
      await post('/v1/parcels/%zz/move', {}),
      await post('/v1/parcels/' + 'x'.repeat(200) + '/move', {}),
      await post('/v1/commands:batch', {
        items: [
          { command: 'SendParcel', input: { label: 'a' } },
          { command: 'MoveParcel', input: 1 },
        ],
      }),
      await app.inject('/v1/rows?limit=2'),
      await app.inject('/health/ready'),
    ])
      console.log(a.statusCode, a.headers['content-type'], a.body);
  });
});
