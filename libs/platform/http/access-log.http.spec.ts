import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { AccessLog, type AccessEntry } from '#platform/access/access-log.js';
import { orErased } from '#platform/kernel/erased.js';
import { newId } from '#platform/kernel/ids.js';
import { pagedQuery } from '#platform/projections/definition/query.js';
import { parcelCommands, parcelQueries, startParcels } from '#test/fixtures/parcels.fixture.js';
import { NamedPrincipals, principal } from '#test/support/named-principals.js';

const SECRET = 'ada@example.org';

const receivers = pagedQuery({
  name: 'Receivers',
  summary: 'Who gets parcels',
  route: 'GET /v1/receivers/:parcel',
  parameters: z.strictObject({ parcel: z.string(), words: z.string().optional() }),
  item: z.strictObject({ name: orErased(z.string()) }).meta({ id: 'Receiver' }),
  run: async () => ({ items: [{ name: SECRET }, { name: SECRET }] }),
});

describe('the access log over HTTP', () => {
  let app: Awaited<ReturnType<typeof startParcels>>['app'];
  let written: AccessEntry[] = [];
  let fails = false;
  const log = new AccessLog(
    {
      add: async (entries) => {
        if (fails) throw new Error('no database');
        written.push(...entries);
      },
      page: async () => [],
      close: async () => {},
    },
    { gatherMs: 1 },
  );
  beforeAll(async () => {
    const authenticator = new NamedPrincipals({
      analyst: principal('analyst'),
      auditor: principal('auditor'),
      admin: principal('admin'),
      service: principal('service'),
      shop: principal('service', 'delivery'),
      me: { actor: 'developer', roles: new Set(['admin']), personalDataFor: 'development', by: 'development' },
    });
    ({ app } = await startParcels({ authenticator, accessLog: log, queries: [...parcelQueries, receivers] }));
  });
  afterAll(() => app.close());
  beforeEach(() => {
    written = [];
    fails = false;
  });
  const get = (url: string, as: string, headers: Record<string, string> = {}) =>
    app.inject({ method: 'GET', url, headers: { 'x-as': as, ...headers } });
  /** What was written, once denials are, too. */
  const noted = async (): Promise<AccessEntry[]> => {
    await new Promise((done) => setTimeout(done, 20));
    return written;
  };

  it('has who saw personal values, and what for', async () => {
    const parcel = newId();
    const shop = await get(`/v1/receivers/${parcel}`, 'shop');
    expect([shop.statusCode, shop.body.includes(SECRET)]).toEqual([200, true]);
    expect(written).toEqual([
      {
        ...{ outcome: 'seen', actor: 'service for delivery', roles: ['service'], operation: 'Receivers' },
        ...{ about: `parcel=${parcel}`, by: 'purpose', why: 'delivery', count: 2, request: expect.any(String) },
      },
    ]);
    written = [];
    await get(`/v1/receivers/${parcel}`, 'auditor', { 'yad-reveal': 'the customer asks' });
    expect(written).toMatchObject([{ actor: 'auditor', by: 'reveal', why: 'the customer asks' }]);
  });

  it('has nothing of those who saw masks, or nothing personal, nor of the developer of this machine', async () => {
    for (const [url, as] of [
      [`/v1/receivers/${newId()}`, 'analyst'],
      [`/v1/receivers/${newId()}`, 'auditor'],
      [`/v1/receivers/${newId()}`, 'me'],
      ['/v1/rows', 'analyst'],
    ] as const) {
      expect((await get(url, as)).statusCode).toBe(200);
    }
    expect(await noted()).toEqual([]);
    await get(`/v1/receivers/${newId()}`, 'me', { 'yad-reveal': 'trying it' });
    expect(written).toMatchObject([{ actor: 'developer', by: 'reveal' }]);
  });

  it('never has a value that was asked for', async () => {
    await get(`/v1/receivers/${SECRET}?words=${SECRET}`, 'shop');
    await get(`/v1/receivers/${SECRET}?words=${SECRET}`, 'analyst', { 'yad-reveal': 'curious' });
    await get(`/v1/receivers/${SECRET}`, 'nobody');
    const all = await noted();
    expect(all.map(({ outcome, about }) => [outcome, about])).toEqual([
      ['seen', undefined],
      ['forbidden', undefined],
      ['unauthenticated', undefined],
    ]);
    expect(JSON.stringify(all)).not.toContain(SECRET);
  });

  it('has who was denied what, of a batch how often', async () => {
    await get('/v1/rows', 'service');
    // An administrator may send parcels, and so batches, but not move them.
    const [send, move] = parcelCommands.map(({ name }) => name);
    const moves = Array.from({ length: 3 }, () => ({ command: move, id: newId(), input: { to: 'Basel' } }));
    const items = [...moves, { command: send, input: { label: 'books' } }];
    await app.inject({ method: 'POST', url: '/v1/commands:batch', headers: { 'x-as': 'admin' }, payload: { items } });
    expect((await noted()).map(({ outcome, actor, operation, count }) => [outcome, actor, operation, count])).toEqual([
      ['forbidden', 'service', 'ListRows', 1],
      ['forbidden', 'admin', 'SendBatch', 3],
    ]);
  });

  it('refuses to show what it cannot note; masked answers and commands go on', async () => {
    fails = true;
    const { statusCode, headers, body } = await get(`/v1/receivers/${newId()}`, 'shop');
    expect([statusCode, headers['retry-after'], JSON.parse(body).type]).toEqual([
      ...[503, '2', 'urn:yad:problem:access-not-logged'],
    ]);
    expect(body).not.toContain(SECRET);
    expect((await get(`/v1/receivers/${newId()}`, 'analyst')).statusCode).toBe(200);
    const sent = {
      method: 'POST',
      url: '/v1/parcels',
      headers: { 'x-as': 'service' },
      payload: { label: 'books' },
    } as const;
    expect((await app.inject(sent)).statusCode).toBe(201);
  });
});
