import { afterEach, describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import type { Principal } from '#platform/access/principal.js';
import { EventFeed } from '#platform/event-feed/event-feed.js';
import { MemoryEventStore } from '#platform/event-store/memory/memory-event-store.adapter.js';
import { conformingClient } from '#test/support/conforming-client.js';
import { heavyWork, parcelCommands, startParcels } from '#test/fixtures/parcels.fixture.js';
import { NamedPrincipals, principal } from '#test/support/named-principals.js';
import type { HttpAppOptions } from './create-http-app.js';

const everybody: Record<string, Principal> = {
  shop: principal('service', 'delivery'),
  desk: principal('analyst'),
  other: { ...principal('analyst'), actor: 'other' },
  me: { actor: 'developer', roles: new Set(['service', 'analyst']), personalDataFor: 'development', by: 'development' },
};
const parcel = { label: 'books' };
const Problem = z.object({ type: z.string(), detail: z.string() });

describe('how often one may ask', () => {
  let stop = async (): Promise<void> => {};
  afterEach(() => stop());
  const start = async (options: Partial<HttpAppOptions>) => {
    const { app, store } = await startParcels({ authenticator: new NamedPrincipals(everybody), ...options });
    stop = () => app.close();
    return { app, store, client: await conformingClient(app) };
  };
  const kindOf = (body: unknown): string => Problem.parse(body).type.split(':').at(-1)!;

  it('is told in headers, and refused beyond with nothing stored', async () => {
    const { client, store } = await start({ senderLimits: { requests: { perSecond: 0.001, burst: 3 } } });
    const send = () => client.post('/v1/parcels', parcel, { 'x-as': 'shop' });
    const left: unknown[] = [];
    for (let i = 0; i < 3; i++) {
      const { status, headers } = await send();
      left.push([status, headers['ratelimit-policy'], String(headers['ratelimit']).split(';')[1]]);
    }
    expect(left).toEqual([3, 2, 1].map((n) => [201, '"requests";q=3;w=3000', `r=${n - 1}`]));
    const { status, headers, body } = await send();
    expect([status, kindOf(body)]).toEqual([429, 'too-many-requests']);
    expect(Number(headers['retry-after'])).toBeGreaterThan(900);
    expect(String(headers['ratelimit'])).toMatch(/^"requests";r=0;t=\d+$/);
    expect((await store.head()).position).toBe(3n);
    // Others are not hindered.
    expect((await client.get('/v1/rows', { 'x-as': 'desk' })).status).toBe(200);
  });

  it('counts a batch by its items, 100 as one request', async () => {
    const { app, client } = await start({ senderLimits: { requests: { perSecond: 0.001, burst: 5 } } });
    const items = Array.from({ length: 301 }, () => ({ command: parcelCommands[0]!.name, input: parcel }));
    const batch = () =>
      app.inject({ method: 'POST', url: '/v1/commands:batch', headers: { 'x-as': 'shop' }, payload: { items } });
    expect((await batch()).statusCode).toBe(200);
    expect((await client.post('/v1/parcels', parcel, { 'x-as': 'shop' })).status).toBe(201);
    expect((await client.post('/v1/parcels', parcel, { 'x-as': 'shop' })).status).toBe(429);
    expect((await batch()).statusCode).toBe(429);
  });

  it('binds nobody on a machine without sign-in', async () => {
    const { client } = await start({ senderLimits: { requests: { perSecond: 0.001, burst: 1 }, feedAtOnce: 1 } });
    for (let i = 0; i < 5; i++) {
      const { status, headers } = await client.post('/v1/parcels', parcel, { 'x-as': 'me' });
      expect([status, headers['ratelimit']]).toEqual([201, undefined]);
    }
  });

  it('binds an address that nobody can be made out for, and not who is known there', async () => {
    const { client } = await start({ senderLimits: { failedSignIns: { perSecond: 0.001, burst: 4 } } });
    const desk = { 'x-as': 'desk', authorization: 'Bearer good' };
    const guess = async (key: string) => (await client.get('/v1/rows', { authorization: `Bearer ${key}` })).status;
    expect([await guess('a'), await guess('b')]).toEqual([401, 401]);
    expect((await client.get('/v1/rows', desk)).status).toBe(200);
    const later = [await guess('c'), await guess('d'), await guess('e'), await guess('f')];
    expect(later).toEqual([401, 401, 429, 429]);
    expect((await client.get('/v1/rows', desk)).status).toBe(200);
    // Who is good, and was not seen while others failed, waits as well.
    expect((await client.get('/v1/rows', { 'x-as': 'other', authorization: 'Bearer new' })).status).toBe(429);
  });

  it('leaves places for heavy queries to others', async () => {
    const { client } = await start({ heavyQueries: { running: 3, waiting: 4, ofEach: 2 } });
    const ends: (() => void)[] = [];
    heavyWork.run = () => new Promise((resolve) => ends.push(resolve));
    const ask = (as: string) => client.get('/v1/row-sum', { 'x-as': as });
    const [first, second] = [ask('desk'), ask('desk')];
    while (ends.length < 2) await new Promise((done) => setTimeout(done, 1));
    const { status, body } = await ask('desk');
    expect([status, kindOf(body)]).toEqual([429, 'too-many-at-once']);
    heavyWork.run = async () => {};
    const third = ask('other');
    for (const each of ends) each();
    expect((await Promise.all([first, second, third])).map((answer) => answer.status)).toEqual([200, 200, 200]);
    expect((await ask('desk')).status).toBe(200);
  });

  it('leaves places at the feed to others', async () => {
    const feed = new EventFeed(new MemoryEventStore());
    const { client } = await start({ feed, senderLimits: { feedAtOnce: 1 } });
    const wait = (seconds: number) => client.get(`/v1/events?wait=${seconds}`, { 'x-as': 'shop' });
    const first = wait(1);
    await new Promise((done) => setTimeout(done, 100));
    const { status, body } = await wait(1);
    expect([status, kindOf(body)]).toEqual([429, 'too-many-at-once']);
    // Who does not wait takes no place.
    expect((await wait(0)).status).toBe(200);
    expect((await first).status).toBe(200);
    expect((await wait(1)).status).toBe(200);
  });
});
