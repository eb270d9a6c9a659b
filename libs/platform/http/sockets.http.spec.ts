import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { capturedLog } from '#test/support/captured-log.js';
import { startParcels } from '#test/fixtures/parcels.fixture.js';

// Requests byte by byte over a socket: what a client library would never send.

type Parcels = Awaited<ReturnType<typeof startParcels>>;
const TIMEOUT_MS = 400;

describe('requests as bytes', () => {
  let app: Parcels['app'];
  let store: Parcels['store'];
  let port: number;
  let logged: Awaited<ReturnType<typeof capturedLog>>;
  beforeAll(async () => {
    logged = await capturedLog('warn');
    ({ app, store } = await startParcels({ logger: logged.log, bodyLimit: 65_536, patienceMs: TIMEOUT_MS }));
    await app.listen(0, '127.0.0.1');
    ({ port } = app.getHttpServer().address() as { port: number });
  });
  afterAll(() => app.close());

  interface Answer {
    status: number;
    head: string;
    body: any;
    /** All that came, where there were more answers than one. */
    text: string;
    closed: boolean;
  }

  /** Sends bytes and gives what comes back until the server closes, or has said nothing more for a moment. */
  const send = (bytes: string | Buffer, quietMs = 150): Promise<Answer> =>
    new Promise((resolve) => {
      const socket = connect(port, '127.0.0.1');
      let text = '';
      let timer: NodeJS.Timeout | undefined;
      const settle = (closed: boolean): void => {
        clearTimeout(timer);
        socket.destroy();
        const [head = ''] = text.split('\r\n\r\n', 1);
        const length = Number(/content-length: (\d+)/i.exec(head)?.[1]);
        const body = text.slice(head.length + 4, head.length + 4 + length);
        const json = body.startsWith('{') ? (JSON.parse(body) as unknown) : body;
        resolve({ status: Number(/^HTTP\/1\.1 (\d+)/.exec(head)?.[1]), head, body: json, text, closed });
      };
      socket.on('data', (data) => {
        text += data.toString();
        clearTimeout(timer);
        timer = setTimeout(settle, quietMs, false);
      });
      socket.on('error', () => {});
      socket.on('close', () => settle(true));
      socket.write(bytes);
    });
  const post = (body: string | Buffer, headers: Record<string, string> = {}): Buffer => {
    const all = {
      Host: 'localhost',
      'Content-Type': 'application/json',
      'Content-Length': Buffer.byteLength(body),
      ...headers,
    };
    const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
    return Buffer.concat([Buffer.from(`POST /v1/parcels HTTP/1.1\r\n${lines.join('')}\r\n`), Buffer.from(body)]);
  };
  const get = (path: string, headers = 'Host: localhost\r\n'): string => `GET ${path} HTTP/1.1\r\n${headers}\r\n`;
  const sound = '{"label":"books"}';

  /** The answer to a request after which nothing more may be stored. */
  const refused = async (sending: Promise<Answer>): Promise<Answer & { kind: string }> => {
    const before = (await store.head()).position;
    const answer = await sending;
    expect((await store.head()).position).toBe(before);
    expect(answer.body.status).toBe(answer.status);
    return { ...answer, kind: String(answer.body.type).replace('urn:yad:problem:', '') };
  };

  it('are answered where nothing is wrong', async () => {
    expect(await send(post(sound))).toMatchObject({ status: 201, closed: false });
  });

  describe('of a web page that its reader does not know of', () => {
    it.each([
      ['by a name that was made to lead here', { Host: 'evil.example' }, 403, 'foreign-host'],
      ['from another origin', { Origin: 'http://evil.example' }, 403, 'foreign-origin'],
      ['from a file or a sandbox', { Origin: 'null' }, 403, 'foreign-origin'],
      ['from another port', { Origin: 'http://localhost:5173' }, 403, 'foreign-origin'],
      ['as a form of plain text', { 'Content-Type': 'text/plain' }, 415, 'unsupported-media-type'],
      ['as an empty type', { 'Content-Type': '' }, 415, 'unsupported-media-type'],
      [
        'as letters of another encoding',
        { 'Content-Type': 'application/json; charset=utf-16' },
        415,
        'unsupported-media-type',
      ],
    ])('are refused: %s', async (_what, headers, status, kind) => {
      const answer = await refused(send(post(sound, headers)));
      expect(answer).toMatchObject({ status, kind });
      expect(answer.head).toContain('application/problem+json');
      const batch = post(JSON.stringify({ items: [{ command: 'SendParcel', input: { label: 'x' } }] }), headers);
      const path = Buffer.from(batch.toString().replace('/v1/parcels', '/v1/commands:batch'));
      expect(await refused(send(path))).toMatchObject({ status, kind });
    });

    it('are refused before their body has come, which is not waited for where it is large', async () => {
      const large = { 'Content-Type': 'text/plain', 'Content-Length': '10000000' };
      const [head] = post(sound, large).toString().split('{');
      expect(await refused(send(head!))).toMatchObject({ status: 415, closed: true });
    });

    it('are passed over to the end of their body: the next one is read from its beginning', async () => {
      const form = post(sound, { 'Content-Type': 'text/plain' });
      const before = (await store.head()).position;
      const { text } = await send(Buffer.concat([form, post(sound)]));
      expect(text.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 415', 'HTTP/1.1 201']);
      expect((await store.head()).position).toBe(before + 1n);
    });

    it('ask in vain for leave', async () => {
      const ask = `OPTIONS /v1/parcels HTTP/1.1\r\nHost: localhost\r\nOrigin: http://evil.example\r\nAccess-Control-Request-Method: POST\r\n\r\n`;
      const { status, head } = await refused(send(ask));
      expect([status, head.toLowerCase().includes('access-control-allow')]).toEqual([403, false]);
    });

    it('may be of the service’s own documents', async () => {
      expect(await send(post(sound, { Host: `localhost:${port}`, Origin: `http://localhost:${port}` }))).toMatchObject({
        status: 201,
      });
      expect(await send(get('/health/live', 'Host: 10.0.0.1\r\n'))).toMatchObject({ status: 200 });
    });
  });

  describe('with a body that is not what it seems', () => {
    it.each([
      ['bytes that are not UTF-8', Buffer.from('{"label":"Fran\xe7ois"}', 'latin1')],
      ['an overlong NUL', Buffer.from('{"label":"a\xc0\x80"}', 'latin1')],
      ['half a surrogate pair in bytes', Buffer.from('{"label":"\xed\xa0\x80"}', 'latin1')],
      ['UTF-16', Buffer.from('\ufeff{"label":"x"}', 'utf16le')],
      ['something after its end', `${sound} x`],
      ['two values', sound + sound],
      ['a NUL after its end', `${sound}\0`],
    ])('are refused: %s', async (_what, body) => {
      expect(await refused(send(post(body)))).toMatchObject({ status: 400, kind: 'malformed-request' });
    });

    it.each([
      ['a key given twice', '{"label":"books","label":"bombs"}', '/label'],
      ['a number that would be altered', '{"label":"x","notes":{"n":9007199254740993}}', '/notes/n'],
      ['NUL in a text', '{"label":"a\\u0000b"}', '/label'],
      ['half a surrogate pair in a text', '{"label":"\\udc00"}', '/label'],
    ])('name what is wrong: %s', async (_what, body, pointer) => {
      const { status, body: problem } = await refused(send(post(body)));
      expect([status, problem.errors[0].pointer]).toEqual([400, pointer]);
    });

    it('may begin with a byte order mark', async () => {
      const { status, body } = await send(post(`\ufeff${sound}`));
      expect(status).toBe(201);
      expect((await store.readStream({ aggregate: 'parcel', aggregateId: body.id }))[0]!.data).toBe(
        '{"label":"books"}',
      );
    });

    it.each(['br', 'deflate', 'gzip, br'])('that is compressed by %s is refused', async (encoding) => {
      expect(await refused(send(post(sound, { 'Content-Encoding': encoding })))).toMatchObject({ status: 415 });
    });

    it('that says gzip and is none is refused', async () => {
      expect(await refused(send(post(sound, { 'Content-Encoding': 'gzip' })))).toMatchObject({ status: 400 });
    });
  });

  describe('that lie about their length', () => {
    it.each([
      ['two lengths', post(sound, { 'Content-Length': '17\r\nContent-Length: 18' })],
      ['a length and chunks', post(`11\r\n${sound}\r\n0\r\n\r\n`, { 'Transfer-Encoding': 'chunked' })],
      ['chunks that are none', post(sound, { 'Transfer-Encoding': 'xchunked', 'Content-Length': '17' })],
      ['a length with a sign', post(sound, { 'Content-Length': '+17' })],
      ['line ends of one character', Buffer.from(post(sound).toString().replaceAll('\r\n', '\n'))],
      ['a space before the colon', Buffer.from(post(sound).toString().replace('Host:', 'Host :'))],
      ['a header over two lines', post(sound, { 'Yad-Reason': 'a\r\n b' })],
    ])('are refused: %s', async (_what, bytes) => {
      const answer = await refused(send(bytes));
      expect(answer).toMatchObject({ status: 400, closed: true });
    });

    it.each([
      ['Host', 'localhost\r\nHost: evil.example'],
      ['Authorization', 'Bearer ada\r\nAuthorization: Bearer eve'],
      ['Content-Type', 'application/json\r\nContent-Type: text/plain'],
    ])('or have two of one header, of which one would be passed over: %s', async (name, values) => {
      expect(await refused(send(post(sound, { [name]: values })))).toMatchObject({
        status: 400,
        body: { errors: [{ in: 'header', pointer: `/${name}`, detail: 'is given twice' }] },
      });
    });

    it('too short: the rest is not taken for a request', async () => {
      const hidden = `{"label":"x"}POST /v1/parcels HTTP/1.1\r\nHost: evil.example\r\nContent-Length: 2\r\n\r\n{}`;
      const before = (await store.head()).position;
      const { text } = await send(post(hidden, { 'Content-Length': '13' }));
      // The first is a whole request, and the second one passes the same guards.
      expect((await store.head()).position).toBe(before + 1n);
      expect(text.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 201', 'HTTP/1.1 403']);
    });

    it('too long, or send byte by byte: are told so and cut off in time', async () => {
      const start = performance.now();
      const answer = await refused(send(post(sound, { 'Content-Length': '18' }), 5000));
      expect(answer).toMatchObject({ status: 408, kind: 'too-slow', closed: true });
      const took = performance.now() - start;
      expect([took > TIMEOUT_MS - 50, took < TIMEOUT_MS + 10_000]).toEqual([true, true]);
      const chunked = post('1\r\n{\r\n', { 'Transfer-Encoding': 'chunked', 'Content-Length': '' }).toString();
      // As large as it may become, a body in chunks has a little longer.
      const open = chunked.replace('Content-Length: \r\n', '');
      expect(await refused(send(open, 8000))).toMatchObject({ status: 408, closed: true });
    }, 40_000);
  });

  describe('that are too large', () => {
    it('in their headers', async () => {
      const answer = await refused(send(get('/v1/rows', `Host: localhost\r\nX-Large: ${'x'.repeat(20_000)}\r\n`)));
      expect(answer).toMatchObject({ status: 431, kind: 'headers-too-large', closed: true });
    });

    it('in their address', async () => {
      const answer = await refused(send(get(`/v1/rows?city=${'x'.repeat(20_000)}`)));
      expect(answer).toMatchObject({ status: 414, kind: 'uri-too-long', closed: true });
    });

    it('in the number of their headers: none is passed over', async () => {
      const many = `Host: localhost\r\n${'a:\r\n'.repeat(3000)}Origin: http://evil.example\r\n`;
      expect(await refused(send(get('/v1/rows', many)))).toMatchObject({ status: 403, kind: 'foreign-origin' });
    });
  });

  describe('with letters', () => {
    const header = (name: string, bytes: string) =>
      Buffer.from(
        post(sound, { [name]: 'LETTERS' })
          .toString('latin1')
          .replace('LETTERS', bytes),
        'latin1',
      );
    const utf8 = (text: string) => Buffer.from(text).toString('latin1');

    it('in a header keep them', async () => {
      const { body } = await send(header('Yad-On-Behalf-Of', utf8('Jörg سارا')));
      const [event] = await store.readStream({ aggregate: 'parcel', aggregateId: body.id });
      expect(event!.meta.onBehalfOf).toBe('Jörg سارا');
    });

    it.each(['Yad-Reason', 'Yad-On-Behalf-Of', 'Idempotency-Key'])(
      'that are no letters are refused: %s',
      async (name) => {
        const { status, body } = await refused(send(header(name, '\xff\xfe')));
        expect([status, body.errors[0]]).toEqual([
          400,
          { in: 'header', pointer: `/${name}`, detail: 'is not in UTF-8' },
        ]);
      },
    );

    it('that name no actor are refused', async () => {
      expect(await refused(send(header('Yad-Actor', '\xff')))).toMatchObject({ status: 400, kind: 'invalid-input' });
    });

    it.each(['%ff', '%zz', '%c0%80', '%'])('in a query that are none are refused: %s', async (city) => {
      const { status, body } = await refused(send(get(`/v1/rows?limit=2&city=${city}`)));
      expect([status, body.errors[0].pointer]).toEqual([400, '/city']);
    });
  });

  describe('of any method', () => {
    it('HEAD is GET without its body', async () => {
      const { status, head, body } = await send(get('/v1/rows').replace('GET', 'HEAD'));
      expect({ status, body }).toEqual({ status: 200, body: '' });
      expect(head).toMatch(/content-length: [1-9]/i);
    });

    it.each(['TRACE', 'PUT', 'PATCH', 'PROPFIND'])('that the address does not know: %s', async (method) => {
      const answer = await refused(send(get('/v1/parcels').replace('GET', method)));
      expect(answer).toMatchObject({ status: 405, kind: 'method-not-allowed' });
      expect(answer.head).toMatch(/allow: POST, OPTIONS/i);
    });

    it('OPTIONS tells what an address knows, and * what the app does', async () => {
      const one = await send(get('/v1/parcels').replace('GET', 'OPTIONS'));
      expect([one.status, one.head]).toEqual([204, expect.stringMatching(/allow: POST, OPTIONS/i)]);
      const all = await send(get('*').replace('GET', 'OPTIONS'));
      expect([all.status, all.head]).toEqual([204, expect.stringMatching(/allow: DELETE, GET, HEAD, POST, OPTIONS/i)]);
    });

    it('without a host, or that name another in their target', async () => {
      expect(await refused(send(get('/v1/rows', '')))).toMatchObject({ status: 400, kind: 'malformed-request' });
      expect(await refused(send(get('http://evil.example/v1/rows')))).toMatchObject({
        status: 403,
        kind: 'foreign-host',
      });
      expect(await send(get('http://localhost/v1/rows'))).toMatchObject({ status: 200 });
    });

    it('GET has no body', async () => {
      const bytes = `${get('/v1/rows', 'Host: localhost\r\nContent-Length: 2\r\n')}{}`;
      expect(await refused(send(bytes))).toMatchObject({ status: 400, kind: 'malformed-request' });
    });
  });

  it('that end within their body store nothing, and fill no log', async () => {
    const before = (await store.head()).position;
    const lines = logged.lines();
    const socket = connect(port, '127.0.0.1');
    socket.write(post(sound).subarray(0, -3));
    await new Promise((resolve) => setTimeout(resolve, 100));
    socket.destroy();
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(logged.lines()).toEqual(lines);
    expect((await store.head()).position).toBe(before);
    expect(await send(post(sound))).toMatchObject({ status: 201 });
  });
});
