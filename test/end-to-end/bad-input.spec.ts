import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { newId } from '#platform/kernel/ids.js';
import { startSystem, type Client, type System } from '../support/system.js';

// Bad input, sent to the whole system over its port: a problem that names the place, and nothing stored.
describe('bad input', () => {
  let system: System;
  let client: Client;
  let contact: string;
  beforeAll(async () => {
    system = await startSystem();
    ({ client } = system);
    contact = (await client.post('/v1/contacts', { name: { full: 'Ada' } })).body.id;
  }, 60_000);
  afterAll(() => system?.stop());

  /** The problem that a request is answered with; the store's head must not have moved. */
  const problemOf = async (sending: ReturnType<Client['post']>): Promise<any> => {
    const before = await system.head();
    const { status, body } = await sending;
    expect(await system.head()).toBe(before);
    expect(body.status ?? body).toBe(status);
    return {
      kind: body.type.replace('urn:yad:problem:', ''),
      status,
      detail: body.detail,
      rule: body.rule,
      errors: body.errors,
    };
  };
  const at = (pointer: string, place = 'body') => ({
    kind: 'invalid-input',
    status: 400,
    errors: expect.arrayContaining([expect.objectContaining({ pointer, in: place, detail: expect.any(String) })]),
  });
  const line = { sku: 'CUP', quantity: '1', unitPrice: '1.00' };
  const order = (more: object, ...lines: object[]) => ({
    currency: 'GBP',
    zone: 'UTC',
    lines: lines.length ? lines : [line],
    ...more,
  });

  it.each<[string, string, unknown, string]>([
    ['an unknown field', '/v1/contacts', { name: { full: 'A' }, colour: 'red' }, '/colour'],
    ['an unknown field within', '/v1/orders', order({}, { ...line, size: 'L' }), '/lines/0/size'],
    ['a number for a text', '/v1/contacts', { name: { full: 7 } }, '/name/full'],
    ['a number for an amount', '/v1/orders', order({}, { ...line, unitPrice: 1.5 }), '/lines/0/unitPrice'],
    ['an amount that is none', '/v1/orders', order({}, { ...line, unitPrice: '1e3' }), '/lines/0/unitPrice'],
    ['a quantity of nothing', '/v1/orders', order({}, { ...line, quantity: '0' }), '/lines/0/quantity'],
    ['a currency that is none', '/v1/orders', order({ currency: 'pounds' }), '/currency'],
    ['a zone that is none', '/v1/orders', order({ zone: 'Mars/Olympus' }), '/zone'],
    ['no lines', '/v1/orders', { currency: 'GBP', zone: 'UTC', lines: [] }, '/lines'],
    ['a missing field', '/v1/orders', { zone: 'UTC', lines: [line] }, '/currency'],
    ['an id that is none', '/v1/orders', order({ contact: '17' }), '/contact'],
    ['a list for an object', '/v1/contacts', [], ''],
    ['null', '/v1/cases', 'null', '/kind'],
    ['__proto__', '/v1/contacts', '{"name":{"full":"A"},"__proto__":{"admin":true}}', '/__proto__'],
    ['__proto__ in escapes', '/v1/contacts', '{"\\u005f_proto__":{}}', '/__proto__'],
    ['__proto__ within', '/v1/contacts', '{"name":{"full":"A","__proto__":{}}}', '/name/__proto__'],
    ['constructor', '/v1/orders', '{"lines":[{"constructor":{"prototype":{}}}]}', '/lines/0/constructor'],
    ['NUL', '/v1/contacts', '{"name":{"full":"a\\u0000b"}}', '/name/full'],
    ['half a surrogate pair', '/v1/contacts', '{"name":{"full":"\\ud800"}}', '/name/full'],
    ['a deep body', '/v1/contacts', `{"name":${'['.repeat(200_000)}${']'.repeat(200_000)}}`, `/name${'/0'.repeat(31)}`],
    ['too many lines', '/v1/orders', order({}, ...Array.from({ length: 10_001 }, () => line)), '/lines'],
  ])('%s', async (_what, path, body, pointer) => {
    expect(await problemOf(client.post(path, body))).toMatchObject(at(pointer));
    const command = { '/v1/contacts': 'RegisterContact', '/v1/orders': 'PlaceOrder', '/v1/cases': 'OpenCase' }[path];
    // The same in a batch, beside nothing else: an outcome that names the place within the item.
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    const batch = client.post('/v1/commands:batch', `{"items":[{"command":"${command}","input":${text}}]}`);
    const before = await system.head();
    const [outcome] = (await batch).body.outcomes;
    expect(outcome.status).toBe(400);
    expect(outcome.errors.map((error: any) => error.pointer)).toContainEqual(expect.stringMatching(/^\/input/));
    expect(await system.head()).toBe(before);
  });

  it('an oversized body', async () => {
    const body = { name: { full: 'x'.repeat(1_100_000) } };
    expect(await problemOf(client.post('/v1/contacts', body))).toMatchObject({ kind: 'body-too-large', status: 413 });
  });

  it('a batch of too many items, and one that is none', async () => {
    const items = Array.from({ length: 10_001 }, () => ({ command: 'RegisterContact', input: {} }));
    expect(await problemOf(client.post('/v1/commands:batch', { items }))).toMatchObject(at('/items'));
    expect(await problemOf(client.post('/v1/commands:batch', []))).toMatchObject(at(''));
  });

  it('what is not JSON', async () => {
    const cut = client.post('/v1/contacts', '{"name": {"full": "A"}');
    expect(await problemOf(cut)).toMatchObject({ kind: 'malformed-request', status: 400 });
    const form = client.post('/v1/contacts', 'name=A', { 'content-type': 'application/x-www-form-urlencoded' });
    expect(await problemOf(form)).toMatchObject({ kind: 'unsupported-media-type', status: 415 });
  });

  it.each([
    ['If-Match', '3'],
    ['Yad-Occurred-At', 'yesterday'],
    ['Idempotency-Key', 'k'.repeat(201)],
  ])('the header %s', async (header, value) => {
    const sent = client.post(`/v1/contacts/${contact}/tags`, { tags: ['vip'] }, { [header]: value });
    expect(await problemOf(sent)).toMatchObject(at(`/${header}`, 'header'));
  });

  it('a stale If-Match', async () => {
    const path = `/v1/contacts/${contact}/tags`;
    expect((await client.post(path, { tags: ['one'] }, { 'if-match': '"0"' })).status).toBe(200);
    const stale = client.post(path, { tags: ['two'] }, { 'if-match': '"0"' });
    expect(await problemOf(stale)).toMatchObject({
      kind: 'stale-revision',
      status: 412,
      detail: expect.stringContaining('revision 1'),
    });
  });

  it('a key with another body, another command, another aggregate', async () => {
    const key = { 'idempotency-key': newId() };
    const path = `/v1/contacts/${contact}/tags`;
    expect((await client.post(path, { tags: ['keyed'] }, key)).status).toBe(200);
    const { id: other } = (await client.post('/v1/contacts', {})).body;
    for (const [to, body] of [
      [path, { tags: ['another'] }],
      [`/v1/contacts/${contact}/untag`, { tags: ['keyed'] }],
      [`/v1/contacts/${other}/tags`, { tags: ['keyed'] }],
    ] as const) {
      const reused = { kind: 'idempotency-key-reused', status: 422 };
      expect(await problemOf(client.post(to, body, key))).toMatchObject(reused);
    }
  });

  it.each([
    ['/v1/contacts/17/tags', { tags: ['x'] }, at('/id', 'path')],
    [`/v1/contacts/${newId()}/tags`, { tags: ['x'] }, { status: 404 }],
    ['/v1/nowhere', {}, { kind: 'no-such-route', status: 404 }],
  ])('the path %s', async (path, body, problem) => {
    expect(await problemOf(client.post(path, body))).toMatchObject(problem);
  });

  it.each([
    ['/v1/orders?status=lost', '/status'],
    ['/v1/orders?colour=red', '/colour'],
    ['/v1/orders?limit=0', '/limit'],
    ['/v1/orders?limit=ten', '/limit'],
    ['/v1/orders?from=yesterday', '/from'],
    ['/v1/orders?from=2026-02-01T00:00:00Z&to=2026-01-01T00:00:00Z', '/to'],
    ['/v1/orders?minPosition=-1', '/minPosition'],
    ['/v1/orders?cursor=forged', '/cursor'],
    ['/v1/orders?__proto__=1', '/__proto__'],
    ['/v1/analytics/rfm', '/currency'],
    ['/v1/analytics/rfm?currency=GBP&day=2026-02-30', '/day'],
    ['/v1/analytics/rfm?currency=GBP&method=fixed', '/recencyBounds'],
    ['/v1/analytics/rfm?currency=GBP&method=fixed&recencyBounds=1,2', '/recencyBounds'],
    ['/v1/analytics/rfm?currency=GBP&method=fixed&recencyBounds=1,2,x,4', '/recencyBounds/2'],
    ['/v1/analytics/rfm?currency=GBP&method=fixed&recencyBounds=1,2,4,3', '/recencyBounds'],
    ['/v1/audit/events?from=never', '/from'],
  ])('the query %s', async (path, pointer) => {
    expect(await problemOf(client.get(path))).toMatchObject(at(pointer, 'query'));
  });

  it('a position that is not there yet', async () => {
    const ahead = (await system.head()) + 1_000n;
    const { status, body } = await client.get(`/v1/orders?minPosition=${ahead}`);
    expect([status, body.type]).toEqual([503, 'urn:yad:problem:not-yet-there']);
  }, 60_000);

  it('left the read models at peace', () => expect(system.troubles).toEqual([]));
});
