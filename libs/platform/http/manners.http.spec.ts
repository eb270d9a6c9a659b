import { request } from 'node:http';
import { gunzipSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { CommandGateway } from '#platform/command-handling/command-gateway.js';
import { newId } from '#platform/kernel/ids.js';
import { startParcels } from '#test/fixtures/parcels.fixture.js';
import { capturedLog } from '#test/support/captured-log.js';
import { AllowedMethods } from './allowed-methods.js';
import { MOST_URL } from './request-guards.js';

type Parcels = Awaited<ReturnType<typeof startParcels>>;
const KIB = 1024;

describe('methods', () => {
  let app: Parcels['app'];
  beforeAll(async () => {
    ({ app } = await startParcels({ logger: false }));
  });
  afterAll(() => app.close());
  const ask = (method: string, url: string) => app.inject({ method: method as any, url });

  it.each([
    ['PUT', '/v1/parcels', 'POST, OPTIONS'],
    ['GET', '/v1/parcels', 'POST, OPTIONS'],
    ['POST', `/v1/parcels/${newId()}?deep=1`, 'DELETE, GET, HEAD, OPTIONS'],
    ['GET', `/v1/parcels/${newId()}/move`, 'POST, OPTIONS'],
    ['DELETE', '/v1/commands:batch', 'POST, OPTIONS'],
    ['POST', '/v1/rows', 'GET, HEAD, OPTIONS'],
    ['POST', '/health/live', 'GET, HEAD, OPTIONS'],
    ['TRACE', '/v1/rows', 'GET, HEAD, OPTIONS'],
  ])('%s %s that the address does not know is 405, and says which it knows', async (method, url, allow) => {
    const { statusCode, headers, json } = await ask(method, url);
    expect([statusCode, headers['allow']]).toEqual([405, allow]);
    expect(headers['content-type']).toContain('application/problem+json');
    expect(json()).toMatchObject({ type: 'urn:yad:problem:method-not-allowed', status: 405 });
    const options = await ask('OPTIONS', url);
    expect([options.statusCode, options.headers['allow'], options.body]).toEqual([204, allow, '']);
  });

  it('of an address that is not there are not told of', async () => {
    for (const method of ['GET', 'PUT', 'OPTIONS']) {
      const { statusCode, headers, json } = await ask(method, '/v1/parcelsx');
      expect([statusCode, headers['allow']]).toEqual([404, undefined]);
      expect(json()).toMatchObject({ type: 'urn:yad:problem:no-such-route' });
    }
  });

  it('are told for the whole app by OPTIONS *', () => {
    const allowed = new AllowedMethods();
    allowed.note({ url: '/a/:id', method: ['GET', 'HEAD'] });
    allowed.note({ url: '/a.b', method: 'POST' });
    expect(allowed.of('*')).toEqual(['GET', 'HEAD', 'POST', 'OPTIONS']);
    expect([allowed.of('/a/1'), allowed.of('/a/1/2'), allowed.of('/axb')]).toEqual([
      ['GET', 'HEAD', 'OPTIONS'],
      [],
      [],
    ]);
  });

  it('HEAD answers what GET would, without the body', async () => {
    const [get, head] = [await ask('GET', '/v1/rows'), await ask('HEAD', '/v1/rows')];
    expect([head.statusCode, head.headers['content-type'], head.body]).toEqual([200, get.headers['content-type'], '']);
  });
});

describe('addresses', () => {
  it('have a bound, and what is longer is told so', async () => {
    const { app } = await startParcels({ logger: false });
    const at = (length: number) => `/v1/rows?city=${'x'.repeat(length - '/v1/rows?city='.length)}`;
    const fits = await app.inject(at(MOST_URL));
    // The value itself is too long for its schema.
    expect([fits.statusCode, fits.json().type]).toEqual([400, 'urn:yad:problem:invalid-input']);
    const long = await app.inject(at(MOST_URL + 1));
    expect([long.statusCode, long.json().type]).toEqual([414, 'urn:yad:problem:uri-too-long']);
    await app.close();
  });
});

describe('gzip', () => {
  let app: Parcels['app'];
  let store: Parcels['store'];
  let url: URL;
  let release = (): void => {};
  let logged: Awaited<ReturnType<typeof capturedLog>>;
  beforeAll(async () => {
    logged = await capturedLog('warn');
    ({ app, store } = await startParcels({
      logger: logged.log,
      bodyLimit: 64 * KIB,
      batchBodyLimit: 256 * KIB,
      bodiesUnderWay: { batches: 300 * KIB, others: 100 * KIB },
    }));
    await app.listen(0, '127.0.0.1');
    url = new URL((await app.getUrl()).replace('[::1]', '127.0.0.1'));
  });
  afterAll(() => app.close());

  interface Answer {
    status: number;
    headers: Record<string, any>;
    bytes: Buffer;
    body: any;
  }
  const send = (path: string, body: Buffer | undefined, headers: Record<string, string> = {}, at = url) =>
    new Promise<Answer>((resolve, reject) => {
      const method = body ? 'POST' : 'GET';
      const typed = body ? { 'content-type': 'application/json', ...headers } : headers;
      const sent = request(new URL(path, at), { method, headers: typed }, (answer) => {
        const chunks: Buffer[] = [];
        answer.on('data', (chunk) => chunks.push(chunk));
        answer.on('end', () => {
          const bytes = Buffer.concat(chunks);
          const text = answer.headers['content-encoding'] === 'gzip' ? gunzipSync(bytes) : bytes;
          const json = text.toString().startsWith('{') ? JSON.parse(text.toString()) : text.toString();
          resolve({ status: answer.statusCode!, headers: answer.headers, bytes, body: json });
        });
      });
      sent.on('error', reject);
      sent.end(body);
    });
  const zipped = { 'content-encoding': 'gzip' };
  const zip = (value: unknown): Buffer => gzipSync(typeof value === 'string' ? value : JSON.stringify(value));

  it('is taken for bodies, alone and of batches, in parts and in any case', async () => {
    const one = await send('/v1/parcels', zip({ label: 'books' }), zipped);
    expect([one.status, one.headers['location']]).toEqual([201, `/v1/parcels/${one.body.id}`]);
    const upper = await send('/v1/parcels', zip({ label: 'books' }), { 'content-encoding': 'GZIP' });
    expect(upper.status).toBe(201);
    const unsized = await send('/v1/parcels', zip({ label: 'books' }), { ...zipped, 'transfer-encoding': 'chunked' });
    expect(unsized.status).toBe(201);
    const items = Array.from({ length: 500 }, () => ({ command: 'SendParcel', input: { label: 'x'.repeat(50) } }));
    const batch = await send('/v1/commands:batch', zip({ items }), zipped);
    expect([batch.status, batch.body.outcomes.length]).toEqual([200, 500]);
    expect(batch.body.outcomes.every(({ status }: any) => status === 201)).toBe(true);
  });

  it('makes nothing larger than what may be sent as it is: bytes are counted after inflation', async () => {
    const before = (await store.head()).position;
    const bomb = zip(`{"label":"x"}${' '.repeat(50 * 1024 * KIB)}`);
    expect(bomb.length).toBeLessThan(64 * KIB);
    const answer = await send('/v1/parcels', bomb, zipped);
    expect([answer.status, answer.body.type]).toEqual([413, 'urn:yad:problem:body-too-large']);
    const most = 64 * KIB;
    const exact = await send('/v1/parcels', zip(`{"label":"x"}${' '.repeat(most - 13)}`), zipped);
    expect(exact.status).toBe(201);
    const over = await send('/v1/parcels', zip(`{"label":"x"}${' '.repeat(most - 12)}`), zipped);
    expect(over.status).toBe(413);
    expect((await store.head()).position).toBe(before + 1n);
  });

  it('counts among the bodies under way by what it was inflated to, until it is answered', async () => {
    const gate = new Promise<void>((resolve) => (release = resolve));
    const gateway: CommandGateway = {
      execute: async ({ id }) => {
        await gate;
        return { id, stream: `parcel-${id}`, revision: 0, position: 1n, events: 1, repeated: false };
      },
    };
    const other = await startParcels({ logger: false, gateway, bodiesUnderWay: { batches: KIB, others: 100 * KIB } });
    await other.app.listen(0, '127.0.0.1');
    const at = new URL((await other.app.getUrl()).replace('[::1]', '127.0.0.1'));
    const large = zip(`{"label":"x"}${' '.repeat(70 * KIB)}`);
    expect(large.length).toBeLessThan(KIB);
    const first = send('/v1/parcels', large, zipped, at);
    await new Promise((resolve) => setTimeout(resolve, 200));
    const second = await send('/v1/parcels', large, zipped, at);
    expect([second.status, second.body.type]).toEqual([503, 'urn:yad:problem:overloaded']);
    const small = send('/v1/parcels', zip({ label: 'x' }), zipped, at);
    release();
    expect((await Promise.all([first, small])).map(({ status }) => status)).toEqual([201, 201]);
    expect((await send('/v1/parcels', large, zipped, at)).status).toBe(201);
    await other.app.close();
  });

  it('that is broken, cut off or something else is refused, and fills no log', async () => {
    const before = logged.lines();
    const whole = zip({ label: 'books' });
    for (const body of [Buffer.from('{"label":"books"}'), whole.subarray(0, -9), Buffer.alloc(20)]) {
      const { status, body: problem } = await send('/v1/parcels', body, zipped);
      expect([status, problem.type]).toEqual([400, 'urn:yad:problem:malformed-request']);
    }
    for (const encoding of ['br', 'deflate', 'gzip, gzip', 'zstd']) {
      const { status, headers } = await send('/v1/parcels', whole, { 'content-encoding': encoding });
      expect([encoding, status, headers['accept-encoding']]).toEqual([encoding, 415, 'gzip']);
    }
    // A sender that goes away in the middle.
    await new Promise<void>((resolve) => {
      const sent = request(new URL('/v1/parcels', url), {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'content-length': '1000', ...zipped },
      });
      sent.on('error', () => resolve());
      sent.write(whole.subarray(0, 10), () => sent.destroy(new Error('gone')));
    });
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(logged.lines()).toEqual(before);
  });

  it('is how large answers come to those who take it, and small ones never', async () => {
    const accepts = { 'accept-encoding': 'gzip' };
    const large = await send('/openapi.json', undefined, accepts);
    expect([large.headers['content-encoding'], large.headers['vary']]).toEqual(['gzip', 'accept-encoding']);
    expect(large.body.openapi).toBe('3.1.0');
    const plain = await send('/openapi.json', undefined);
    expect([plain.headers['content-encoding'], plain.body]).toEqual([undefined, large.body]);
    expect(large.bytes.length * 3).toBeLessThan(plain.bytes.length);
    const small = await send('/v1/rows', undefined, accepts);
    expect([small.status, small.headers['content-encoding']]).toEqual([200, undefined]);
    const items = Array.from({ length: 100 }, () => ({ command: 'SendParcel', input: { label: 'x' } }));
    const batch = await send('/v1/commands:batch', Buffer.from(JSON.stringify({ items })), accepts);
    expect([batch.headers['content-encoding'], batch.body.outcomes.length]).toEqual(['gzip', 100]);
  });

  it('leaves the revision of an aggregate as its ETag', async () => {
    const { headers } = await send('/v1/parcels', zip({ label: 'books' }), zipped);
    for (let i = 0; i < 60; i++) {
      await send(`${headers['location']}/move`, zip({ to: `${i}`.padEnd(40, '-') }), zipped);
    }
    const whole = await send(headers['location'], undefined, { 'accept-encoding': 'gzip' });
    expect([whole.headers['content-encoding'], whole.headers['etag'], whole.body.data.moves.length]).toEqual([
      'gzip',
      '"60"',
      60,
    ]);
    const same = await send(headers['location'], undefined, { 'accept-encoding': 'gzip', 'if-none-match': '"60"' });
    expect([same.status, same.bytes.length]).toEqual([304, 0]);
  });
});
