import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import { TookTooLong } from '#platform/kernel/errors.js';
import { newId } from '#platform/kernel/ids.js';
import { conformingClient } from '#test/support/conforming-client.js';
import { heavyWork, startParcels } from '#test/fixtures/parcels.fixture.js';
import { as } from '#test/support/trusting-authenticator.js';

describe('queries over HTTP', () => {
  let app: Awaited<ReturnType<typeof startParcels>>['app'];
  let client: Awaited<ReturnType<typeof conformingClient>>;
  const waited: unknown[] = [];
  let away = false;
  beforeAll(async () => {
    ({ app } = await startParcels({
      logger: false,
      freshness: {
        current: async () => 10n,
        measure: async () => {
          if (away) throw Object.assign(new Error('connect'), { code: 'ECONNREFUSED' });
          return () => 10n;
        },
        waitFor: async (...asked) => (waited.push(asked) > 0 && asked[0] <= 10n ? 10n : undefined),
        recordedAt: async () => new Date('2026-01-15T12:00:00Z'),
      },
    }));
    client = await conformingClient(app);
  });
  afterAll(() => app.close());

  const refused = async (url: string) => {
    const { status, body } = await client.get(url);
    expect({ status, type: body.type }).toEqual({ status: 400, type: 'urn:yad:problem:invalid-input' });
    return body.errors as { in: string; pointer: string; detail: string }[];
  };

  it('answer with how fresh they are', async () => {
    const { status, body } = await client.get(`/v1/rows/${newId()}`);
    expect(status).toBe(200);
    expect(body).toEqual({
      data: { id: 1, city: 'Basel' },
      freshness: { position: '10', recordedAt: '2026-01-15T12:00:00.000Z', asOf: expect.stringMatching(/^at_/) },
    });
  });

  it('that turn out to need everybody are asked again, whole, among the heavy ones', async () => {
    const { status, body } = await client.get(`/v1/rows/ffff${newId().slice(4)}`);
    expect([status, body.data]).toEqual([200, { id: 2, city: 'Basel' }]);
  });

  it('walk by cursors to the end, each row once', async () => {
    const ids: number[] = [];
    let url = '/v1/rows?limit=3';
    for (;;) {
      const { body } = await client.get(url);
      ids.push(...body.data.map((row: { id: number }) => row.id));
      if (!body.next) break;
      url = `/v1/rows?limit=3&cursor=${body.next}`;
    }
    expect(ids).toEqual([1, 2, 3, 4, 5, 6, 7]);
  });

  it('refuse cursors that are forged, damaged or of another walk', async () => {
    const { next } = (await client.get('/v1/rows?city=Ulm')).body;
    expect((await client.get(`/v1/rows?city=Ulm&cursor=${next}`)).status).toBe(200);
    const forged = Buffer.concat([Buffer.alloc(16), Buffer.from('[1]')]).toString('base64url');
    const bytes = Buffer.from(next, 'base64url');
    bytes[bytes.length - 2]! ^= 1;
    for (const url of [
      `/v1/rows?city=Bonn&cursor=${next}`,
      `/v1/rows?cursor=${next}`,
      `/v1/rows?city=Ulm&cursor=${forged}`,
      `/v1/rows?city=Ulm&cursor=${bytes.toString('base64url')}`,
      `/v1/rows?city=Ulm&cursor=${next}.`,
      `/v1/rows?city=Ulm&cursor=${next.slice(0, 12)}`,
      '/v1/rows?cursor=',
      `/v1/rows?city=Ulm&cursor=${next}&cursor=${next}`,
    ]) {
      expect(await refused(url)).toEqual([expect.objectContaining({ in: 'query', pointer: '/cursor' })]);
    }
  });

  it('that look at everybody are answered a few at a time, while others are answered at once', async () => {
    let end!: () => void;
    const held = new Promise<void>((resolve) => (end = resolve));
    heavyWork.run = () => held;
    // Two run, eight wait.
    const asked = Array.from({ length: 10 }, () => client.get('/v1/row-sum'));
    await sleep(50);
    const { status, headers, body } = await client.get('/v1/row-sum');
    expect({ status, type: body.type, retry: headers['retry-after'] }).toEqual({
      status: 503,
      type: 'urn:yad:problem:too-many-heavy-queries',
      retry: '2',
    });
    expect((await client.get('/v1/rows')).status).toBe(200);
    end();
    expect((await Promise.all(asked)).map((answer) => answer.status)).toEqual(Array(10).fill(200));
    expect(heavyWork.isHeavy).toBe(true);

    heavyWork.run = () => Promise.reject(new TookTooLong());
    const stopped = await client.get('/v1/row-sum');
    expect({ status: stopped.status, type: stopped.body.type, retry: stopped.headers['retry-after'] }).toEqual({
      status: 503,
      type: 'urn:yad:problem:took-too-long',
      retry: '10',
    });
    heavyWork.run = async () => {};
  });

  it('wait for a position, and say so when it does not come', async () => {
    expect((await client.get('/v1/rows?minPosition=10')).status).toBe(200);
    expect(waited.at(-1)).toEqual([10n, ['rows'], 5000]);
    const { status, headers, body } = await client.get('/v1/rows?minPosition=11');
    expect({ status, type: body.type, retry: headers['retry-after'] }).toEqual({
      status: 503,
      type: 'urn:yad:problem:not-yet-there',
      retry: '1',
    });
  });

  it.each([
    ['an unknown parameter', '/v1/rows?colour=red', '/colour', 'query'],
    ['a wrong type', '/v1/rows?limit=many', '/limit', 'query'],
    ['a bound', '/v1/rows?limit=101', '/limit', 'query'],
    ['a parameter given twice', '/v1/rows?city=a&city=b', '/city', 'query'],
    ['a position that is none', '/v1/rows?minPosition=-1', '/minPosition', 'query'],
    ['a position beyond all', '/v1/rows?minPosition=9999999999999999999', '/minPosition', 'query'],
    ['an id that is none', '/v1/rows/7', '/id', 'path'],
    ['a path parameter in the query', `/v1/rows/${newId()}?id=7`, '/id', 'query'],
    ['a cursor where there are no pages', `/v1/rows/${newId()}?cursor=x`, '/cursor', 'query'],
    ['__proto__', '/v1/rows?__proto__=1', '/__proto__', 'query'],
    ['NUL', '/v1/rows?city=a%00b', '/city', 'query'],
  ])('refuse %s', async (_what, url, pointer, place) => {
    expect(await refused(url)).toEqual([expect.objectContaining({ in: place, pointer })]);
  });

  it('take lists of one and of many', async () => {
    expect((await client.get('/v1/rows?tag=a')).status).toBe(200);
    expect((await client.get('/v1/rows?tag=a&tag=b')).status).toBe(200);
  });

  it('say when there is no such thing', async () => {
    const { status, body } = await client.get('/v1/rows/00000000-0000-7000-8000-000000000001');
    expect({ status, type: body.type }).toEqual({ status: 404, type: 'urn:yad:problem:not-found' });
  });

  it('say that the database is away, not that something is wrong', async () => {
    away = true;
    const { status, body, headers } = await client.get(`/v1/rows/${newId()}`);
    away = false;
    expect({ status, type: body.type }).toEqual({ status: 503, type: 'urn:yad:problem:unavailable' });
    expect(headers['retry-after']).toBe('1');
  });

  it('are for their roles', async () => {
    expect((await client.get('/v1/rows', as({ roles: ['service'] }))).status).toBe(403);
  });
});
