import { request, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { EventFeed, type EventFeedOptions } from '#platform/event-feed/event-feed.js';
import { MemoryEventStore } from '#platform/event-store/memory/memory-event-store.adapter.js';
import { derivedId, newId } from '#platform/kernel/ids.js';
import { anEvent } from '#test/conformance/event-store/event-store.conformance.js';
import { startParcels } from '#test/fixtures/parcels.fixture.js';
import { conformingClient } from '#test/support/conforming-client.js';
import { closeInOrder } from './close-in-order.js';
import { as } from '#test/support/trusting-authenticator.js';

const [ann, bob] = [derivedId('ann'), derivedId('bob')];

async function start(options: EventFeedOptions = {}) {
  const store = new MemoryEventStore();
  const feed = new EventFeed(store, options);
  const { app } = await startParcels({ feed, logger: false });
  await app.listen(0, '127.0.0.1');
  const happen = async (type = 'crm.a.one', subject = ann, data = '{"a":1}') => {
    const stream = { aggregate: 'thing', aggregateId: newId() };
    await store.append([
      { commandId: newId(), fingerprint: null, events: [anEvent(stream, 0, { type, subject, data })] },
    ]);
  };
  return { store, feed, app, happen, client: await conformingClient(app), port: portOf(app) };
}
const portOf = (app: NestFastifyApplication): number => (app.getHttpServer().address() as AddressInfo).port;

interface Sent {
  id?: string;
  event?: string;
  data?: any;
}

/** A client of server-sent events, as a browser reads them. */
async function follow(port: number, path: string, headers: Record<string, string> = {}) {
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    request({ port, host: '127.0.0.1', path, headers: { accept: 'text/event-stream', ...headers } }, resolve)
      .on('error', reject)
      .end();
  });
  const seen: Sent[] = [];
  let text = '';
  let ended = false;
  response
    .setEncoding('utf8')
    .on('data', (more: string) => {
      text += more;
      const frames = text.split('\n\n');
      text = frames.pop()!;
      for (const frame of frames) {
        const sent: Record<string, string> = {};
        for (const line of frame.split('\n')) {
          const [name, value] = [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)];
          sent[name] = name in sent ? `${sent[name]}\n${value}` : value;
        }
        if (sent['data']) seen.push({ ...sent, data: JSON.parse(sent['data']) });
      }
    })
    .on('error', () => {})
    .on('close', () => (ended = true));
  const until = async (ready: (seen: Sent[]) => boolean): Promise<Sent[]> => {
    for (let i = 0; i < 500 && !ready(seen); i++) await sleep(10);
    if (!ready(seen)) throw new Error(`this came: ${JSON.stringify(seen)}`);
    return seen;
  };
  return { response, seen, until, isEnded: () => ended, end: () => response.destroy() };
}
const events = (seen: readonly Sent[]) => seen.filter(({ event }) => event === undefined);

describe('GET /v1/events', () => {
  let system: Awaited<ReturnType<typeof start>>;
  beforeAll(async () => {
    system = await start({ look: 10 });
    for (let i = 0; i < 25; i++) await system.happen(i % 5 === 0 ? 'crm.b.two' : 'crm.a.one', i % 2 ? ann : bob);
  });
  afterAll(() => closeInOrder(system.app));

  it('gives page after page from the beginning, each going on where the one before ended', async () => {
    const { client, store } = system;
    const seen: string[] = [];
    let url = '/v1/events?limit=10';
    for (let pages = 1; ; pages++) {
      const { status, body } = await client.get(url);
      expect([status, body.log, body.incarnation, body.head]).toEqual([200, store.identity.id, 1, '25']);
      expect(body.through).toBe(body.events.at(-1).yadposition);
      seen.push(...body.events.map(({ yadposition }: any) => yadposition));
      if (!body.more) {
        expect([pages, body.next]).toEqual([3, `25.1.${store.identity.id}`]);
        break;
      }
      url = `/v1/events?limit=10&after=${pages % 2 ? body.next : body.through}`;
    }
    expect(seen).toEqual(Array.from({ length: 25 }, (_, i) => String(i + 1)));
  });

  it('tells how far it looked where a filter takes little, by types and subject', async () => {
    const { client } = system;
    const ask = async (query: string) => {
      const { body } = await client.get(`/v1/events?${query}`);
      return [body.through, body.more, body.events.map(({ yadposition }: any) => Number(yadposition))];
    };
    expect(await ask('types=crm.b.two')).toEqual(['10', true, [1, 6]]);
    expect(await ask('types=crm.b.,crm.unknown&after=10')).toEqual(['20', true, [11, 16]]);
    expect(await ask('types=crm.b.&types=crm.unknown&after=20')).toEqual(['25', false, [21]]);
    expect(await ask('types=crm.unknown')).toEqual(['10', true, []]);
    expect(await ask(`subject=${ann}&limit=3`)).toEqual(['6', true, [2, 4, 6]]);
    expect(await ask(`subject=${bob}&types=crm.b.two`)).toEqual(['25', false, [1, 11, 21]]);
    expect(await ask(`subject=${newId()}`)).toEqual(['25', false, []]);
  });

  it('gives a batch of CloudEvents to who asks for one, and compresses what is large', async () => {
    const { app, client } = system;
    const accept = 'application/cloudevents-batch+json';
    const { headers, body } = await client.get('/v1/events?limit=2', { accept });
    expect(headers).toMatchObject({
      'content-type': `${accept}; charset=utf-8`,
      'yad-through': '2',
      'yad-more': 'true',
    });
    expect(body).toEqual([expect.objectContaining({ id: expect.any(String) }), expect.anything()]);
    const zipped = await app.inject({ url: '/v1/events', headers: { 'accept-encoding': 'gzip' } });
    expect(zipped.headers['content-encoding']).toBe('gzip');
    expect(JSON.parse(gunzipSync(zipped.rawPayload).toString()).events).toHaveLength(25);
  });

  it('answers HEAD as what GET would, and never by a stream', async () => {
    for (const accept of ['*/*', 'text/event-stream']) {
      const { statusCode, headers, body } = await system.app.inject({
        method: 'HEAD',
        url: '/v1/events?limit=1',
        headers: { accept },
      });
      expect([statusCode, headers['content-type'], body]).toEqual([200, 'application/json; charset=utf-8', '']);
    }
  });

  it.each([
    ['after=-1', '/after'],
    ['after=1.2', '/after'],
    ['after=9999999999999999999', '/after'],
    ['after=1&after=2', '/after'],
    ['incarnation=0', '/incarnation'],
    ['incarnation=9', '/incarnation'],
    ['types=', '/types/0'],
    ['types=Crm', '/types/0'],
    [`types=${Array.from({ length: 51 }, () => 'a').join(',')}`, '/types'],
    ['subject=ann', '/subject'],
    ['limit=0', '/limit'],
    ['limit=1001', '/limit'],
    ['limit=1e2', '/limit'],
    ['wait=31', '/wait'],
    ['wait=0.5', '/wait'],
    ['afterr=1', '/afterr'],
    ['types=%ff', '/types'],
  ])('refuses %s by its name', async (query, pointer) => {
    const { status, body } = await system.client.get(`/v1/events?${query}`);
    expect([status, body.errors]).toEqual([400, [expect.objectContaining({ in: 'query', pointer })]]);
  });

  it('is for services alone', async () => {
    expect((await system.client.get('/v1/events', as({ roles: ['analyst', 'auditor'] }))).status).toBe(403);
    expect(
      (await system.client.get('/v1/events?limit=1', as({ roles: ['service'], personalDataFor: 'deliveries' }))).status,
    ).toBe(200);
    const stream = await follow(system.port, '/v1/events', as({ roles: ['analyst'] }));
    expect(stream.response.statusCode).toBe(403);
  });

  it('says of a position that the log does not have where to go on', async () => {
    const { client, port } = system;
    const { status, body } = await client.get('/v1/events?after=26');
    expect([status, body.type, body.goOnAfter]).toEqual([410, 'urn:yad:problem:position-lost', '25']);
    const stream = await follow(port, '/v1/events', { 'last-event-id': '26' });
    expect(stream.response.statusCode).toBe(410);
    const wrong = await follow(port, '/v1/events', { 'last-event-id': 'x' });
    expect(wrong.response.statusCode).toBe(400);
  });
});

describe('GET /v1/events at the end of the log', () => {
  it('waits for what comes, and answers without it when the time is over', async () => {
    const { app, client, happen } = await start();
    await happen();
    const waiting = client.get('/v1/events?after=1&wait=20');
    await sleep(50);
    await happen();
    expect((await waiting).body).toMatchObject({ after: '1', through: '2', events: [{ yadposition: '2' }] });
    const began = Date.now();
    expect((await client.get('/v1/events?after=2&wait=1')).body).toMatchObject({
      through: '2',
      more: false,
      events: [],
    });
    expect(Date.now() - began).toBeGreaterThanOrEqual(990);
    await closeInOrder(app);
  });

  it('streams what was and what comes, each event under its position, and goes on after the last', async () => {
    const { app, port, happen } = await start();
    for (let i = 0; i < 3; i++) await happen(undefined, undefined, '{"a":1,\n"b":2}');
    const first = await follow(port, '/v1/events?after=1');
    expect(first.response.headers['content-type']).toBe('text/event-stream; charset=utf-8');
    await first.until((seen) => seen.some(({ event }) => event === 'progress'));
    expect(first.seen).toEqual([
      { id: '2', data: expect.objectContaining({ yadposition: '2', data: { a: 1, b: 2 } }) },
      { id: '3', data: expect.objectContaining({ yadposition: '3' }) },
      { event: 'progress', id: '3', data: { through: '3', head: '3', more: false } },
    ]);
    await happen();
    await first.until((seen) => events(seen).length === 3);
    first.end();
    await happen();
    // The same address again, as a browser does.
    const again = await follow(port, '/v1/events?after=1', { 'last-event-id': '4' });
    await again.until((seen) => events(seen).length === 1);
    expect(events(again.seen).map(({ id }) => id)).toEqual(['5']);
    again.end();
    await closeInOrder(app);
  });

  it('tells a stream with a filter how far the log was looked at, so that it need not look again', async () => {
    const { app, port, happen } = await start({ look: 4 });
    for (let i = 0; i < 10; i++) await happen();
    const stream = await follow(port, '/v1/events?types=crm.b.');
    await stream.until((seen) => seen.length === 3);
    expect(stream.seen.map(({ id, data }) => [id, data.more])).toEqual([
      ['4', true],
      ['8', true],
      ['10', false],
    ]);
    await happen('crm.b.one');
    await stream.until((seen) => events(seen).length === 1);
    stream.end();
    await closeInOrder(app);
  });

  it('ends a stream whose position the log loses, and says where to go on', async () => {
    const { app, port, store, happen } = await start();
    for (let i = 0; i < 5; i++) await happen();
    const stream = await follow(port, '/v1/events?after=4');
    await stream.until((seen) => events(seen).length === 1);
    store.failOver(3n);
    await stream.until((seen) => seen.at(-1)?.event === 'problem');
    expect(stream.seen.at(-1)!.data).toMatchObject({ status: 410, goOnAfter: '3' });
    await sleep(20);
    expect(stream.isEnded()).toBe(true);
    const again = await follow(port, '/v1/events', { 'last-event-id': '5' });
    expect(again.response.statusCode).toBe(410);
    // In the incarnation of now its positions tell by themselves where they are of.
    await happen();
    const onwards = await follow(port, '/v1/events?after=3');
    await onwards.until((seen) => events(seen).length === 1);
    expect(events(onwards.seen)[0]).toMatchObject({ id: String(store.identity.current.beginsAt) });
    onwards.end();
    await closeInOrder(app);
  });

  it('says when too many wait, and when to come back', async () => {
    const { app, client, port } = await start({ mostWaiting: 1, mostFollowing: 1 });
    const waiting = client.get('/v1/events?wait=1');
    await sleep(30);
    const refused = await client.get('/v1/events?wait=1');
    expect([refused.status, refused.headers['retry-after']]).toEqual([503, '1']);
    const stream = await follow(port, '/v1/events');
    await stream.until((seen) => seen.length > 0);
    expect((await follow(port, '/v1/events')).response.statusCode).toBe(503);
    stream.end();
    await waiting;
    await closeInOrder(app);
  });

  it('ends waiting requests and streams in order when the app closes', async () => {
    const { app, client, port, happen } = await start();
    await happen();
    const stream = await follow(port, '/v1/events');
    await stream.until((seen) => seen.length > 0);
    const waiting = client.get('/v1/events?after=1&wait=30');
    await sleep(50);
    const began = Date.now();
    await closeInOrder(app);
    expect((await waiting).body).toMatchObject({ through: '1', events: [] });
    await sleep(20);
    expect([stream.isEnded(), stream.response.complete]).toEqual([true, true]);
    expect(Date.now() - began).toBeLessThan(5_000);
  });
});
