import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { OutcomeUnknown, Overloaded, TooContended } from '#platform/kernel/errors.js';
import { newId } from '#platform/kernel/ids.js';
import { conformingClient } from '#test/support/conforming-client.js';
import { startParcels } from '#test/fixtures/parcels.fixture.js';
import { as } from '#test/support/trusting-authenticator.js';

describe('commands over HTTP', () => {
  let app: Awaited<ReturnType<typeof startParcels>>['app'];
  let store: Awaited<ReturnType<typeof startParcels>>['store'];
  let client: Awaited<ReturnType<typeof conformingClient>>;
  beforeAll(async () => {
    ({ app, store } = await startParcels({ logger: false }));
    client = await conformingClient(app);
  });
  afterAll(() => app.close());

  const stored = async () => (await store.head()).position;
  const refused = async (answer: Promise<{ status: number; body: any }>) => {
    const before = await stored();
    const { status, body } = await answer;
    expect(await stored()).toBe(before);
    expect(body.status).toBe(status);
    return { status, kind: body.type.replace('urn:yad:problem:', ''), errors: body.errors, body };
  };
  const parcel = async (headers = {}) =>
    (await client.post('/v1/parcels', { label: 'books' }, headers)).body.id as string;

  it('creates under a new id, and says where', async () => {
    const { status, headers, body } = await client.post('/v1/parcels', { label: 'books' });
    expect(status).toBe(201);
    expect(headers['location']).toBe(`/v1/parcels/${body.id}`);
    expect(headers['etag']).toBe('"0"');
    expect(body).toMatchObject({ revision: 0, events: 1, repeated: false, position: String(await stored()) });
  });

  it('creates under the id that the body names', async () => {
    const id = newId();
    expect((await client.post('/v1/parcels', { id, label: 'books' })).body.id).toBe(id);
    expect(await refused(client.post('/v1/parcels', { id, label: 'books' }))).toMatchObject({
      status: 409,
      kind: 'rule-violated',
      body: { rule: 'parcel-is-new' },
    });
  });

  it('changes, and answers with the new revision', async () => {
    const { status, headers, body } = await client.post(`/v1/parcels/${await parcel()}/move`, { to: 'Basel' });
    expect({ status, etag: headers['etag'], revision: body.revision }).toEqual({
      status: 200,
      etag: '"1"',
      revision: 1,
    });
    expect(headers['location']).toBeUndefined();
  });

  it('takes no body where nothing is needed', async () => {
    expect((await client.delete(`/v1/parcels/${await parcel()}`)).status).toBe(200);
  });

  describe('bad input', () => {
    it.each([
      ['an unknown field', { label: 'x', colour: 'red' }, '/colour'],
      ['an unknown field within', { label: 'x', stops: [{ city: 'Ulm' }, { city: 'Ulm', zip: 1 }] }, '/stops/1/zip'],
      ['a wrong type', { label: 7 }, '/label'],
      ['a wrong type within', { label: 'x', worth: { amount: 1, currency: 'EUR' } }, '/worth/amount'],
      ['a missing field', {}, '/label'],
      ['a list', [], ''],
      ['an id that is none', { label: 'x', id: '1' }, '/id'],
      ['__proto__', '{"label":"x","__proto__":{"admin":true}}', '/__proto__'],
      ['__proto__ in escapes', '{"label":"x","\\u005f_proto__":{}}', '/__proto__'],
      ['__proto__ within', '{"label":"x","notes":{"a":[{"__proto__":1}]}}', '/notes/a/0/__proto__'],
      ['constructor', '{"label":"x","notes":{"constructor":{"prototype":1}}}', '/notes/constructor'],
      ['NUL', '{"label":"a\\u0000b"}', '/label'],
      ['half a surrogate pair', '{"label":"x","notes":{"a":"\\ud800"}}', '/notes/a'],
      ['a pointer to be escaped', { label: 'x', 'a/b~c': 1 }, '/a~1b~0c'],
    ])('%s is named', async (_what, body, pointer) => {
      expect(await refused(client.post('/v1/parcels', body))).toMatchObject(at(pointer));
    });

    it('a deep body', async () => {
      expect((await client.post('/v1/parcels', deep(30))).status).toBe(201);
      const { errors, ...answer } = await refused(client.post('/v1/parcels', deep(31)));
      expect(answer).toMatchObject({ status: 400, kind: 'invalid-input' });
      expect(errors[0].detail).toContain('deeper than 32');
      expect(await refused(client.post('/v1/parcels', deep(200_000)))).toMatchObject({ status: 400 });
    });

    it('an oversized body', async () => {
      const body = { label: 'x', notes: { a: 'x'.repeat(1024 * 1024) } };
      expect(await refused(client.post('/v1/parcels', body))).toMatchObject({ status: 413, kind: 'body-too-large' });
    });

    it('what is not JSON', async () => {
      const cut = client.post('/v1/parcels', '{"label": "x"');
      expect(await refused(cut)).toMatchObject({ status: 400, kind: 'malformed-request' });
      const form = client.post('/v1/parcels', 'label=x', { 'content-type': 'application/x-www-form-urlencoded' });
      expect(await refused(form)).toMatchObject({ status: 415, kind: 'unsupported-media-type' });
    });

    it('paths', async () => {
      expect(await refused(client.post('/v1/parcels/17/move', { to: 'Ulm' }))).toMatchObject(at('/id', 'path'));
      expect(await refused(client.post('/v1/nowhere', {}))).toMatchObject({ status: 404, kind: 'no-such-route' });
      expect(await refused(client.post('/v1/parcels/%zz/nowhere', {}))).toMatchObject({ status: 400 });
      expect(await refused(client.post(`/v1/parcels/${'x'.repeat(300)}/move`, { to: 'Ulm' }))).toMatchObject(
        at('/id', 'path'),
      );
      expect(await refused(client.post(`/v1/parcels/${newId()}/move`, { to: 'Ulm' }))).toMatchObject({
        status: 404,
        kind: 'not-found',
      });
    });

    it.each([
      ['If-Match', '3'],
      ['If-Match', '*'],
      ['If-Match', 'W/"3"'],
      ['If-Match', '"3", "4"'],
      ['Yad-Occurred-At', 'yesterday'],
      ['Yad-Occurred-At', '2011-12-09T12:50:00'],
      ['Yad-Reason', ''],
      ['Yad-Reason', Buffer.from('\u200f\u2800').toString('latin1')],
      ['Idempotency-Key', 'key '.repeat(50) + '!'],
    ])('the header %s: %s', async (header, value) => {
      const answer = client.post('/v1/parcels', { label: 'x' }, { [header]: value });
      expect(await refused(answer)).toMatchObject(at(`/${header}`, 'header'));
    });
  });

  it('refuses what the roles do not allow', async () => {
    expect(
      await refused(client.post('/v1/parcels', { label: 'x' }, as({ roles: ['analyst', 'auditor'] }))),
    ).toMatchObject({
      status: 403,
    });
    expect(await refused(client.post('/v1/parcels', { label: 'x' }, as({ roles: [] })))).toMatchObject({ status: 403 });
    expect((await client.post('/v1/parcels', { label: 'x' }, as({ roles: ['analyst', 'service'] }))).status).toBe(201);
  });

  it('refuses a stale If-Match', async () => {
    const url = `/v1/parcels/${await parcel()}/move`;
    expect((await client.post(url, { to: 'Ulm' }, { 'if-match': '"0"' })).status).toBe(200);
    const stale = client.post(url, { to: 'Bonn' }, { 'if-match': '"0"' });
    expect(await refused(stale)).toMatchObject({ status: 412, kind: 'stale-revision' });
  });

  describe('idempotency keys', () => {
    it('give one answer and one event to fifty at once', async () => {
      const before = await stored();
      const key = { 'idempotency-key': 'fifty' };
      const send = () => client.post('/v1/parcels', { label: 'x' }, key);
      const answers = await Promise.all(Array.from({ length: 50 }, send));
      expect(await stored()).toBe(before + 1n);
      const { repeated: _first, ...first } = answers[0]!.body;
      for (const { status, body } of [...answers, await send()]) {
        expect(status).toBe(201);
        expect(body).toMatchObject(first);
      }
      expect(answers.filter(({ body }) => !body.repeated)).toHaveLength(1);
    });

    it('know a body by its meaning, not by its text', async () => {
      const key = { 'idempotency-key': newId() };
      const first = await client.post('/v1/parcels', '{"label":"x","worth":{"amount":"1","currency":"EUR"}}', key);
      const again = await client.post('/v1/parcels', '{"worth": {"currency":"EUR","amount":"1"},"label":"x"}', key);
      expect(again.body).toEqual({ ...first.body, repeated: true });
    });

    it('are refused with another body, command, id', async () => {
      const key = { 'idempotency-key': 'once' };
      const id = (await client.post('/v1/parcels', { label: 'x' }, key)).body.id as string;
      const reused = { status: 422, kind: 'idempotency-key-reused' };
      expect(await refused(client.post('/v1/parcels', { label: 'y' }, key))).toMatchObject(reused);
      expect(await refused(client.post('/v1/parcels', { label: 'x', id: newId() }, key))).toMatchObject(reused);
      expect(await refused(client.post(`/v1/parcels/${id}/move`, { to: 'Ulm' }, key))).toMatchObject(reused);
    });

    it('belong to their actor', async () => {
      const ada = await parcel({ 'idempotency-key': 'mine', ...as({ actor: 'ada' }) });
      expect(await parcel({ 'idempotency-key': 'mine', ...as({ actor: 'bob' }) })).not.toBe(ada);
      expect(await parcel({ 'idempotency-key': 'mine', ...as({ actor: 'ada' }) })).toBe(ada);
    });

    it('that are uuids belong to their actor too, in whichever case they are written', async () => {
      const key = newId();
      const ada = await parcel({ 'idempotency-key': key, ...as({ actor: 'ada' }) });
      expect(await parcel({ 'idempotency-key': key, ...as({ actor: 'bob' }) })).not.toBe(ada);
      expect(await parcel({ 'idempotency-key': key.toUpperCase(), ...as({ actor: 'ada' }) })).toBe(ada);
    });

    it('leave nothing behind by which they, or the input, could be guessed', async () => {
      const key = { 'idempotency-key': 'ada@example.com', ...as({ actor: 'ada' }) };
      const other = await startParcels({ logger: false });
      const [here, there] = await Promise.all(
        [{ app, store }, other].map(async (each) => {
          const { body } = await (await conformingClient(each.app)).post('/v1/parcels', { label: 'x' }, key);
          const [event] = await each.store.readStream({ aggregate: 'parcel', aggregateId: body.id });
          const receipt = (await each.store.receipts([event!.commandId])).get(event!.commandId)!;
          return [body.id, event!.commandId, receipt.fingerprint!.toString('hex')];
        }),
      );
      await other.app.close();
      // In two logs, whose secrets differ, nothing of it is the same; without a secret all would be.
      for (const [i, value] of here!.entries()) expect(there![i]).not.toBe(value);
    });

    it.each(['yad-occurred-at', 'yad-on-behalf-of'])(
      'are refused with another %s: it would be lost',
      async (header) => {
        const key = newId();
        const [one, other] =
          header === 'yad-occurred-at' ? ['2011-12-09T12:50:00Z', '2011-12-10T12:50:00Z'] : ['x', 'y'];
        await parcel({ 'idempotency-key': key, [header]: one });
        const changed = client.post('/v1/parcels', { label: 'books' }, { 'idempotency-key': key, [header]: other! });
        expect(await refused(changed)).toMatchObject({ status: 422, kind: 'idempotency-key-reused' });
      },
    );
  });

  it('keeps who, for whom, when and why', async () => {
    const { body } = await client.post(
      '/v1/parcels',
      { label: 'x' },
      {
        ...as({ actor: 'ada' }),
        'yad-on-behalf-of': 'bob',
        'yad-occurred-at': '2011-12-09T12:50:00+02:00',
        'yad-reason': Buffer.from('auf Wunsch, größer').toString('latin1'),
        'yad-correlation-id': 'c1',
        'yad-causation-id': 'c0',
      },
    );
    const [event] = await store.readStream({ aggregate: 'parcel', aggregateId: body.id });
    expect(event!.meta).toEqual({
      actor: 'ada',
      onBehalfOf: 'bob',
      correlationId: 'c1',
      causationId: 'c0',
    });
    expect(JSON.parse(event!.personalData!).parts.reason).toEqual({ reason: 'auf Wunsch, größer' });
    expect(event!.occurredAt.toISOString()).toBe('2011-12-09T10:50:00.000Z');
  });

  it('says nothing of its inside when it fails, but names the trace', async () => {
    const trace = '4bf92f3577b34da6a3ce929d0e0e4736';
    const { status, body } = await client.post(
      `/v1/parcels/${await parcel()}/move`,
      { to: 'nowhere' },
      {
        traceparent: `00-${trace}-00f067aa0ba902b7-01`,
      },
    );
    expect(status).toBe(500);
    expect(body.instance).toBe(`urn:yad:trace:${trace}`);
    expect(JSON.stringify(body)).not.toContain('secret');
  });
});

describe('the shell', () => {
  it.each([
    ['overloaded', new Overloaded(), 503],
    ['too-contended', new TooContended({ aggregate: 'parcel', aggregateId: '1' }), 409],
    ['outcome-unknown', new OutcomeUnknown(true), 503],
  ])('says when to come back: %s', async (kind, error, expected) => {
    const { app } = await startParcels({ gateway: { execute: () => Promise.reject(error) } });
    const { status, headers, body } = await (await conformingClient(app)).post('/v1/parcels', { label: 'x' });
    expect({ status, type: body.type }).toEqual({ status: expected, type: `urn:yad:problem:${kind}` });
    expect(Number(headers['retry-after'])).toBeGreaterThan(0);
    await app.close();
  });

  it.each([
    ['25006', 'the database is read-only'],
    ['53100', 'the disk of the database is full'],
    ['53200', 'the database is out of memory'],
    ['53300', 'the database has no connection left'],
    ['55P03', 'a lock in the database was not free in time'],
    ['57014', 'the database took too long'],
    ['57P01', 'the database cannot be reached'],
    ['57P03', 'the database cannot be reached'],
    ['08006', 'the database cannot be reached'],
    ['25P03', 'the database cannot be reached'],
    ['ECONNREFUSED', 'the database cannot be reached'],
    ['ETIMEDOUT', 'the database cannot be reached'],
  ])('does not call it a failure of its own that the database cannot do it now: %s', async (code, reason) => {
    const error = Object.assign(new Error('in words of the server'), { code });
    const { app } = await startParcels({ gateway: { execute: () => Promise.reject(error) } });
    const { status, headers, body } = await (await conformingClient(app)).post('/v1/parcels', { label: 'x' });
    expect({ status, type: body.type }).toEqual({ status: 503, type: 'urn:yad:problem:unavailable' });
    expect(body.detail).toContain(reason);
    expect(Number(headers['retry-after'])).toBeGreaterThan(0);
    await app.close();
  });

  it('answers what is not HTTP with a problem too', async () => {
    const { app } = await startParcels();
    await app.listen(0, '127.0.0.1');
    const socket = connect((app.getHttpServer().address() as { port: number }).port, '127.0.0.1');
    socket.write('this is not HTTP\r\n\r\n');
    let answer = '';
    for await (const chunk of socket) answer += String(chunk);
    expect(answer).toContain('400 Bad Request');
    expect(JSON.parse(answer.slice(answer.indexOf('{')))).toMatchObject({ type: 'urn:yad:problem:malformed-request' });
    await app.close();
  });

  it('answers health, and is not ready while a check fails', async () => {
    const { app } = await startParcels({ readiness: { store: () => Promise.reject(new Error('no connection')) } });
    const client = await conformingClient(app);
    expect((await client.get('/health/live')).body).toEqual({ status: 'ok' });
    const { status, body } = await client.get('/health/ready');
    expect({ status, detail: body.detail }).toEqual({ status: 503, detail: 'store: no connection' });
    await app.close();
  });
});

const at = (pointer: string, place = 'body') => ({
  status: 400,
  kind: 'invalid-input',
  errors: [expect.objectContaining({ pointer, in: place })],
});

const deep = (levels: number) => `{"label":"x","notes":{"a":${'['.repeat(levels)}1${']'.repeat(levels)}}}`;
