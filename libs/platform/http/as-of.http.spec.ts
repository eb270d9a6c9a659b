import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { definitions } from '#apps/definitions.js';
import { MemoryEventStore } from '#platform/event-store/memory/memory-event-store.adapter.js';
import { newId } from '#platform/kernel/ids.js';
import { DefinitionChanged, SnapshotUnderWay, type PastAsk } from '#platform/projections/as-of/past-reads.js';
import { servedBy } from '#platform/runtime/composition.js';
import { conformingClient } from '#test/support/conforming-client.js';
import { sourceOfNothing, startParcels } from '#test/fixtures/parcels.fixture.js';
import { AsOfTokens } from './as-of-tokens.js';
import { createHttpApp } from './create-http-app.js';
import { keysOfThisProcess } from './cursor-keys/cursor-keys.js';
import { TrustingAuthenticator } from '#test/support/trusting-authenticator.js';

describe('asOf on questions about read models', () => {
  let app: Awaited<ReturnType<typeof startParcels>>['app'];
  let client: Awaited<ReturnType<typeof conformingClient>>;
  const asked: PastAsk[] = [];
  let past: () => void = () => {};
  beforeAll(async () => {
    ({ app } = await startParcels({
      past: {
        asOf: async (ask, work) => {
          asked.push(ask);
          past();
          return work({ rows: async () => [] }, false);
        },
      },
      named: async (name) =>
        name === 'closing-2026-10' ? { ...asked[0]!.point, through: 1n, versions: undefined } : undefined,
    }));
    client = await conformingClient(app);
    for (const label of ['books', 'tea']) await client.post('/v1/parcels', { label });
  });
  afterAll(() => app.close());

  const refused = async (url: string) => {
    const { status, body } = await client.get(url);
    expect({ status, type: body.type }).toEqual({ status: 400, type: 'urn:yad:problem:invalid-input' });
    return body.errors as { in: string; pointer: string; detail: string }[];
  };
  const row = `/v1/rows/${newId()}`;

  it('every answer has a token, by which the same answer comes again', async () => {
    const { body: first } = await client.get(row);
    expect(first.freshness.asOf).toMatch(/^at_/);
    const { body: again } = await client.get(`${row}?asOf=${first.freshness.asOf}`);
    expect(again).toEqual(first);
    expect(asked.at(-1)).toMatchObject({
      point: { through: 10n, versions: { query: { name: 'GetRow', version: 1 } } },
      waitMs: 5000,
    });
  });

  it('a token names the versions that made the answer, not those that this code is about to make', async () => {
    const cursorKeys = keysOfThisProcess();
    const { app: behind } = await startParcels({
      cursorKeys,
      read: {
        inSnapshot: async (...given) => ({
          ...(await sourceOfNothing.inSnapshot(...given)),
          versions: new Map([['rows', 0]]),
        }),
      },
    });
    const { body } = await (await conformingClient(behind)).get(row);
    await behind.close();
    const point = await new AsOfTokens(cursorKeys).open(body.freshness.asOf);
    expect(point!.versions).toEqual({ query: { name: 'GetRow', version: 1 }, projections: new Map([['rows', 0]]) });
  });

  it('a position is what was known when its event was recorded', async () => {
    const { body } = await client.get(`${row}?asOf=1`);
    expect(body.freshness.position).toBe('1');
    const { point } = asked.at(-1)!;
    expect(point).toMatchObject({ through: 1n, vectors: new Map() });
    expect(point.versions).toEqual({ query: { name: 'GetRow', version: 1 }, projections: new Map([['rows', 1]]) });
    expect(Math.abs(point.now.getTime() - Date.now())).toBeLessThan(60_000);
    const { body: again } = await client.get(`${row}?asOf=${body.freshness.asOf}`);
    expect(again).toEqual(body);
  });

  it('an instant is itself what stood for now', async () => {
    const instant = new Date().toISOString();
    await client.get(`${row}?asOf=${instant}`);
    expect(asked.at(-1)!.point).toMatchObject({ through: 2n, now: new Date(instant) });
    await client.get(`${row}?asOf=2001-01-01T00:00:00%2B01:00`);
    expect(asked.at(-1)!.point).toMatchObject({ through: 0n, now: new Date('2000-12-31T23:00:00Z') });
  });

  it('a snapshot goes by its name', async () => {
    await client.get(`${row}?asOf=closing-2026-10`);
    expect(asked.at(-1)!.point).toMatchObject({ through: 1n });
    expect(await refused(`${row}?asOf=closing-2026-11`)).toEqual([
      { in: 'query', pointer: '/asOf', detail: 'is not the name of a snapshot that is kept' },
    ]);
  });

  it.each([
    ['3', 'is ahead of the log, whose last position is 2'],
    ['99999999999999999999', 'is not a position such as "1234"'],
    ['2099-01-01T00:00:00Z', /^is ahead of the clock/],
    ['at_AAAA', 'is not a token that an answer had'],
    ['Yesterday', /^is not a position, an instant/],
    ['2026-11-28', /^is not a position, an instant/],
    ['', /^is not a position, an instant/],
    ['-1', /^is not a position, an instant/],
  ])('refuses %p', async (asOf, detail) => {
    const [issue] = await refused(`${row}?asOf=${asOf}`);
    expect(issue).toMatchObject({ in: 'query', pointer: '/asOf' });
    expect(issue!.detail).toEqual(typeof detail === 'string' ? detail : expect.stringMatching(detail));
  });

  it('refuses what cannot go together', async () => {
    expect(await refused(`${row}?asOf=1&minPosition=1`)).toMatchObject([{ pointer: '/minPosition' }]);
    expect(await refused(`${row}?asOf=1&asOf=2`)).toMatchObject([{ pointer: '/asOf', detail: 'is given twice' }]);
    expect(await refused(`${row}?definition=current`)).toMatchObject([{ pointer: '/definition' }]);
    expect(await refused(`${row}?asOf=1&definition=old`)).toMatchObject([{ pointer: '/definition' }]);
  });

  it('says where it can be seen how far the read models of then are', async () => {
    const snapshot = newId();
    past = () => {
      throw new SnapshotUnderWay(snapshot);
    };
    const { status, headers, body } = await client.get(`${row}?asOf=1`, { prefer: 'respond-async, wait=0' });
    past = () => {};
    expect([status, headers['location'], headers['retry-after'], body]).toEqual([
      202,
      `/v1/snapshots/${snapshot}`,
      '1',
      { snapshot },
    ]);
    expect(asked.at(-1)!.waitMs).toBe(0);
  });

  it('tells that what made the answer has changed', async () => {
    past = () => {
      throw new DefinitionChanged('rows was made otherwise then');
    };
    const { status, body } = await client.get(`${row}?asOf=1`);
    past = () => {};
    expect([status, body.type]).toEqual([409, 'urn:yad:problem:definition-changed']);
  });
});

describe('asOf on questions about the log', () => {
  it('answers with what was in the log then', async () => {
    const served = servedBy(definitions, ['commands', 'audit'], { store: new MemoryEventStore() });
    const app = await createHttpApp({
      ...served,
      authenticator: new TrustingAuthenticator(),
      cursorKeys: keysOfThisProcess(),
      logger: false,
    });
    const client = await conformingClient(app);
    const id = newId();
    await client.post('/v1/contacts', { id, kind: 'person', name: { given: 'Ada' } });
    const urls = [
      '/v1/audit/events?limit=5',
      `/v1/audit/streams/contact/${id}/events`,
      `/v1/audit/customers/${id}/events`,
      `/v1/audit/streams/contact/${id}/state`,
      '/v1/audit/events/1',
    ];
    const before = await Promise.all(urls.map(async (url) => (await client.get(url)).body));
    const early = `/v1/audit/streams/contact/${id}/state?at=${new Date(Date.now() + 1).toISOString()}`;
    await client.post(`/v1/contacts/${id}/tags`, { tags: ['tea'] });
    await client.post('/v1/contacts', { kind: 'person', name: { given: 'Grace' } });
    for (const [at, url] of urls.entries()) {
      const token = before[at].freshness.asOf;
      const { body } = await client.get(`${url}${url.includes('?') ? '&' : '?'}asOf=${token}`);
      expect(body).toEqual(before[at]);
      const { body: now } = await client.get(url);
      if (!url.endsWith('/1')) expect(now.data).not.toEqual(before[at].data);
    }
    expect((await client.get(`${early}&asOf=1`)).status).toBe(400);
    expect((await client.get('/v1/audit/events/2?asOf=1')).status).toBe(404);
    await app.close();
  });
});
