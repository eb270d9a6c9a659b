import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { newId } from '#platform/kernel/ids.js';
import { MOST_SHOWN, Newest, shownLists } from '#platform/kernel/resource.js';
import { conformingClient } from '#test/support/conforming-client.js';
import { parcelCommands, startParcels } from '#test/fixtures/parcels.fixture.js';
import { as } from '#test/support/trusting-authenticator.js';

describe('aggregates over HTTP', () => {
  let app: Awaited<ReturnType<typeof startParcels>>['app'];
  let client: Awaited<ReturnType<typeof conformingClient>>;
  beforeAll(async () => {
    ({ app } = await startParcels({ logger: false }));
    client = await conformingClient(app);
  });
  afterAll(() => app.close());

  const sent = async (...stops: string[]): Promise<string> => {
    const { headers } = await client.post('/v1/parcels', { label: 'books' });
    const at = headers['location'] as string;
    for (const to of stops) await client.post(`${at}/move`, { to });
    return at;
  };

  it('shows the whole where Location leads, with the revision that If-Match takes', async () => {
    const at = await sent('Basel', 'Ulm');
    const { status, headers, body } = await client.get(at);
    expect([status, headers['etag'], headers['cache-control']]).toEqual([200, '"2"', 'no-store']);
    expect(body.data).toEqual({ id: at.split('/').at(-1), revision: 2, at: 'Ulm', moves: ['Basel', 'Ulm'] });
    expect(BigInt(body.freshness.position)).toBeGreaterThan(0n);
    const stale = await client.post(`${at}/move`, { to: 'Bern' }, { 'if-match': '"1"' });
    expect(stale.status).toBe(412);
    const moved = await client.post(`${at}/move`, { to: 'Bern' }, { 'if-match': headers['etag'] as string });
    expect([moved.status, moved.headers['etag']]).toEqual([200, '"3"']);
    expect((await client.get(at)).headers['etag']).toBe('"3"');
  });

  it.each([
    ['"1"', 304],
    ['W/"1"', 304],
    ['"7", "1"', 304],
    ['"0"', 200],
    ['"2"', 200],
    ['"abc"', 200],
    ['*', 200],
    ['"2","3","4","5","6","1"', 200],
  ])('answers If-None-Match %s of an aggregate at revision 1 with %i', async (given, expected) => {
    const at = await sent('Basel');
    const { status, headers, body } = await client.get(at, { 'if-none-match': given });
    expect([status, headers['etag']]).toEqual([expected, '"1"']);
    expect(body === undefined).toBe(expected === 304);
  });

  it('answers HEAD with the headers of GET, and no body', async () => {
    const at = await sent('Basel');
    const head = await app.inject({ method: 'HEAD', url: at });
    expect([head.statusCode, head.headers['etag'], head.body]).toEqual([200, '"1"', '']);
    expect((await app.inject({ method: 'HEAD', url: `/v1/parcels/${newId()}` })).statusCode).toBe(404);
  });

  it('says what is wrong with a request', async () => {
    expect((await client.get(`/v1/parcels/${newId()}`)).body.type).toBe('urn:yad:problem:not-found');
    const malformed = await client.get('/v1/parcels/4711');
    expect([malformed.status, malformed.body.errors]).toEqual([
      400,
      [{ in: 'path', pointer: '/id', detail: 'is not a lower-case uuid' }],
    ]);
    const at = await sent();
    expect((await client.get(`${at}?deep=1`)).body.errors).toEqual([
      { in: 'query', pointer: '/deep', detail: 'is not a known parameter' },
    ]);
    expect((await client.get(`${at}?minPosition=x`)).body.errors[0].pointer).toBe('/minPosition');
    expect((await client.get(`${at}?minPosition=11`)).body.type).toBe('urn:yad:problem:not-yet-there');
    expect((await client.get(`${at}?minPosition=10`)).status).toBe(200);
    expect((await client.get(at, as({ roles: ['analyst'] }))).status).toBe(403);
  });

  it('does not start with a creating command whose Location would lead nowhere', async () => {
    await expect(startParcels({ resources: [], commands: parcelCommands })).rejects.toThrow(
      'SendParcel: its aggregate parcel has no resource to be read at',
    );
  });
});

describe('the lists of an answer', () => {
  it('have the newest entries, and say how many were left out', () => {
    const many = new Newest<number>();
    for (let i = 0; i < MOST_SHOWN + 5; i++) many.add(i);
    const few = Array.from({ length: MOST_SHOWN }, (_, i) => i);
    const shown = shownLists({ many, few, long: [...few, -1, -2] });
    expect(shown.many).toHaveLength(MOST_SHOWN);
    expect([shown.many[0], shown.many.at(-1)]).toEqual([5, MOST_SHOWN + 4]);
    expect(shown.few).toEqual(few);
    expect(shown.long.at(-1)).toBe(-2);
    expect(shown.omitted).toEqual({ many: 5, long: 2 });
    expect(shownLists({ few })).toEqual({ few });
  });

  it('hold a bounded amount of text, and one text however long', () => {
    const texts = new Newest<string>((text) => text.length);
    const mib = 'x'.repeat(1024 * 1024);
    for (let i = 0; i < 5; i++) texts.add(mib);
    expect([texts.items.length, texts.omitted]).toEqual([2, 3]);
    texts.add(mib.repeat(3));
    expect([texts.items.length, texts.omitted]).toEqual([1, 5]);
  });
});
