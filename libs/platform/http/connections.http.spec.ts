import { createServer, type IncomingMessage, type Server } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from '@jest/globals';
import { startParcels } from '#test/fixtures/parcels.fixture.js';
import { closeInOrder, drain } from './close-in-order.js';
import {
  Connections,
  MOST_AHEAD,
  watchedResponses,
  type ConnectionsOptions,
  type WatchedResponse,
} from './connections.js';

const PATIENCE_MS = 400;
/** Long after the patience is over; a client that is not cut off by then is not at all. */
const LATE_MS = 10_000;

const ends: (() => Promise<unknown> | void)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end();
});

/** A client that sees bytes. */
class Client {
  text = '';
  readonly closed: Promise<void>;
  isClosed = false;

  private constructor(readonly socket: Socket) {
    socket.on('data', (data) => (this.text += data.toString('latin1'))).on('error', () => {});
    this.closed = new Promise((resolve) => socket.once('close', () => resolve(void (this.isClosed = true))));
    ends.push(() => void socket.destroy());
  }

  static to(port: number, options: { allowHalfOpen?: boolean } = {}): Client {
    return new Client(connect({ port, host: '127.0.0.1', ...options }));
  }

  send(text: string): this {
    this.socket.write(text);
    return this;
  }

  get(path: string, more = ''): this {
    return this.send(`GET ${path} HTTP/1.1\r\nHost: localhost\r\n${more}\r\n`);
  }

  post(path: string, body: string, length = body.length, more = ''): this {
    const head = `POST ${path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n${more}`;
    return this.send(`${head}Content-Length: ${length}\r\n\r\n${body}`);
  }

  async has(what: RegExp | string): Promise<string> {
    const pattern = new RegExp(what);
    for (const end = Date.now() + LATE_MS; !pattern.test(this.text); await sleep(5)) {
      if (Date.now() > end) throw new Error(`no ${pattern} in ${this.text.slice(0, 2000)}`);
    }
    return this.text;
  }

  /** Waits for the connection's end. @throws Error where it does not come */
  async ended(): Promise<string> {
    const late = sleep(LATE_MS, 'late', { ref: false });
    if ((await Promise.race([this.closed, late])) === 'late') throw new Error(`still open: ${this.text.slice(0, 500)}`);
    return this.text;
  }

  get statuses(): string[] {
    return [...this.text.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => status!);
  }
}

async function parcels(options: Parameters<typeof startParcels>[0] = {}) {
  const started = await startParcels({ logger: false, patienceMs: PATIENCE_MS, ...options });
  await started.app.listen(0, '127.0.0.1');
  ends.push(() => closeInOrder(started.app));
  const { port } = started.app.getHttpServer().address() as AddressInfo;
  return { ...started, port };
}

/** A server that answers as a spec says. */
async function serve(
  answer: (request: IncomingMessage, response: WatchedResponse) => void,
  options: ConnectionsOptions = {},
): Promise<{ port: number; server: Server; connections: Connections }> {
  const server = createServer(watchedResponses, (request, response) => answer(request, response as WatchedResponse));
  const connections = Connections.watch(server, { patienceMs: PATIENCE_MS, ...options });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  ends.push(() => {
    server.closeAllConnections();
    return connections.close();
  });
  return { port: (server.address() as AddressInfo).port, server, connections };
}

/** More than the buffers of the system between both ends take. */
const LARGE = Buffer.alloc(32 * 1024 * 1024, 'x');
const sound = '{"label":"books"}';

describe('while a process goes down', () => {
  it('every answer says that its connection ends, and new connections are still taken', async () => {
    const { app, port } = await parcels();
    drain(app);
    const id = '01890000-0000-7000-8000-000000000001';
    const asked: [string, (client: Client) => Client, string][] = [
      ['a command', (to) => to.post('/v1/parcels', `{"id":"${id}","label":"books"}`), '201'],
      ['a resource', (to) => to.get(`/v1/parcels/${id}`), '200'],
      ['one that has not changed', (to) => to.get(`/v1/parcels/${id}`, 'If-None-Match: "0"\r\n'), '304'],
      ['a query', (to) => to.get('/v1/rows'), '200'],
      ['a query without its body', (to) => to.send('HEAD /v1/rows HTTP/1.1\r\nHost: localhost\r\n\r\n'), '200'],
      ['the methods', (to) => to.send('OPTIONS /v1/rows HTTP/1.1\r\nHost: localhost\r\n\r\n'), '204'],
      ['liveness', (to) => to.get('/health/live'), '200'],
      ['wrong input', (to) => to.post('/v1/parcels', '{}'), '400'],
      ['no such address', (to) => to.get('/v1/none'), '404'],
      ['another host', (to) => to.send('GET /v1/rows HTTP/1.1\r\nHost: evil.example\r\n\r\n'), '403'],
      ['another method', (to) => to.send('PUT /v1/rows HTTP/1.1\r\nHost: localhost\r\n\r\n'), '405'],
      ['an answer that is compressed by a stream', (to) => to.get('/openapi.json', 'Accept-Encoding: gzip\r\n'), '200'],
      ['what is no request', (to) => to.send('nonsense\r\n\r\n'), '400'],
    ];
    for (const [what, ask, status] of asked) {
      const client = ask(Client.to(port));
      const text = await client.ended();
      expect([what, client.statuses]).toEqual([what, [status]]);
      expect([what, text.split('\r\n\r\n')[0]]).toEqual([what, expect.stringMatching(/^connection: close$/im)]);
    }
  });

  it('idle connections stay open, as a request may be on its way over them, and end with their next answer', async () => {
    const { app, port } = await parcels();
    const client = Client.to(port).get('/health/live');
    expect(await client.has('"ok"')).not.toMatch(/connection: close/i);
    drain(app);
    await sleep(200);
    expect(client.isClosed).toBe(false);
    client.post('/v1/parcels', sound);
    expect(await client.ended()).toMatch(/HTTP\/1\.1 201[^]*connection: close/i);
  });

  it('a request that was under way when it began is told with its answer', async () => {
    let release!: () => void;
    const gate = new Promise<void>((open) => (release = open));
    let asked!: () => void;
    const begun = new Promise<void>((resolve) => (asked = resolve));
    const readiness = { slow: () => (asked(), gate) };
    const { app, port } = await parcels({ readiness });
    const client = Client.to(port).get('/health/ready');
    await begun;
    drain(app);
    release();
    expect(await client.ended()).toMatch(/HTTP\/1\.1 200[^]*connection: close/i);
  });

  it('of requests that were sent ahead all are answered, and the last one is told', async () => {
    const { app, port } = await parcels();
    drain(app);
    const client = Client.to(port);
    const one = `POST /v1/parcels HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${sound.length}\r\n\r\n${sound}`;
    client.send(one.repeat(3));
    const text = await client.ended();
    expect(client.statuses).toEqual(['201', '201', '201']);
    expect(text.match(/connection: close/gi)).toHaveLength(1);
    expect(text.lastIndexOf('HTTP/1.1')).toBeLessThan(text.toLowerCase().indexOf('connection: close'));
  });

  it('what comes after the last answer was begun is passed over, so that its sender may send it again', async () => {
    const seen: [string, boolean][] = [];
    const { port, connections } = await serve((request, response) => {
      seen.push([request.url!, response.isAfterLast]);
      response.end(LARGE);
    });
    connections.drain();
    const client = Client.to(port);
    client.socket.pause();
    client.get('/first');
    await sleep(100);
    client.get('/second');
    await sleep(100);
    client.socket.resume();
    const text = await client.ended();
    expect(seen).toEqual([
      ['/first', false],
      ['/second', true],
    ]);
    expect(text.match(/HTTP\/1\.1/g)).toHaveLength(1);
    expect(text.length).toBeGreaterThan(LARGE.length);
  });

  it('a stream that was begun before ends with its connection', async () => {
    let stream!: WatchedResponse;
    const { port, connections } = await serve((_request, response) => {
      stream = response;
      response.isStream = true;
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write('data: 1\n\n');
    });
    const client = Client.to(port).get('/');
    await client.has('data: 1');
    connections.drain();
    stream.end('data: 2\n\n');
    expect(await client.ended()).toMatch(/data: 2\n\n\r\n0\r\n\r\n$/);
  });
});

describe('a client that keeps others waiting is cut off', () => {
  it.each([
    ['within its body', sound.slice(0, 5), undefined],
    ['before its body', '', undefined],
    ['within a body that may become large', '{"items":[', '/v1/commands:batch'],
  ])('when it falls silent %s', async (_where, begun, path = '/v1/parcels') => {
    const { port, store } = await parcels();
    const client = Client.to(port).post(path, begun, 1_000);
    expect(await client.ended()).toMatch(/HTTP\/1\.1 408[^]*connection: close[^]*problem:too-slow/i);
    expect((await store.head()).position).toBe(0n);
  });

  it('when it sends a byte now and then', async () => {
    const { port } = await parcels();
    const client = Client.to(port).post('/v1/commands:batch', '{"items":[', 1_000_000);
    const trickle = setInterval(() => client.send(' '), 20);
    ends.push(() => clearInterval(trickle));
    expect(await client.ended()).toMatch(/HTTP\/1\.1 408/);
  });

  it('but not one that is slow and comes on', async () => {
    const { port } = await parcels();
    const client = Client.to(port).post('/v1/parcels', '', 120_000 + sound.length);
    // Twice the slowest pace, and three times the patience.
    for (let i = 0; i < 12; i++) {
      client.send(' '.repeat(10_000));
      await sleep(80);
    }
    client.send(sound);
    await client.has(/HTTP\/1\.1 201/);
  });

  it.each([
    [
      'whose body is refused unread',
      (to: Client) => to.post('/v1/parcels', '', 100, 'Origin: http://evil.example\r\n'),
      '403',
    ],
    [
      'whose body nobody reads',
      (to: Client) =>
        to.send(
          'PUT /v1/rows HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n',
        ),
      '405',
    ],
    ['that does not return a goodbye', (to: Client) => to.send('nonsense\r\n\r\n'), '400'],
  ])('%s, and that stays', async (_what, ask, status) => {
    const { port, app } = await parcels();
    const open = (): Promise<number> =>
      new Promise((resolve) => app.getHttpServer().getConnections((_error: unknown, count: number) => resolve(count)));
    const client = ask(Client.to(port, { allowHalfOpen: true }));
    await client.has(`HTTP/1\\.1 ${status}`);
    expect(await open()).toBe(1);
    const end = Date.now() + LATE_MS;
    while ((await open()) > 0 && Date.now() < end) await sleep(20);
    expect(await open()).toBe(0);
  });

  it('when it does not take its answer', async () => {
    let given!: WatchedResponse;
    const { port } = await serve((_request, response) => {
      given = response;
      response.end(LARGE);
    });
    const client = Client.to(port).get('/');
    client.socket.pause();
    const end = Date.now() + LATE_MS;
    while (!given?.destroyed && Date.now() < end) await sleep(20);
    expect(given.destroyed).toBe(true);
  });

  it('when it asks on and on without taking its answers', async () => {
    let asked = 0;
    const { port, server } = await serve((_request, response) => {
      asked++;
      response.end(LARGE.subarray(0, 100_000));
    });
    const client = Client.to(port);
    client.socket.pause();
    const asking = setInterval(() => client.get('/'), 5);
    ends.push(() => clearInterval(asking));
    const count = (): Promise<number> => new Promise((resolve) => server.getConnections((_error, n) => resolve(n)));
    const end = Date.now() + LATE_MS;
    while ((asked === 0 || (await count()) > 0) && Date.now() < end) await sleep(20);
    expect(await count()).toBe(0);
  });

  it('but not the reader of a stream that takes it slowly', async () => {
    const { port } = await serve((_request, response) => {
      response.isStream = true;
      response.writeHead(200);
      response.write(LARGE);
    });
    const client = Client.to(port).get('/');
    client.socket.pause();
    let read = 0;
    client.socket.removeAllListeners('data').on('data', (data: Buffer) => (read += data.length));
    for (let i = 0; i < 15; i++) {
      client.socket.resume();
      await sleep(10);
      client.socket.pause();
      await sleep(90);
    }
    expect(client.isClosed).toBe(false);
    expect(read).toBeGreaterThan(0);
  });

  it('when it sends requests ahead without end', async () => {
    let release!: () => void;
    const gate = new Promise<void>((open) => (release = open));
    let looks = 0;
    const readiness = { slow: () => (looks++, gate) };
    const { port } = await parcels({ readiness, patienceMs: 60_000 });
    const client = Client.to(port).send(
      'GET /health/ready HTTP/1.1\r\nHost: localhost\r\n\r\n'.repeat(MOST_AHEAD + 50),
    );
    await sleep(200);
    expect(looks).toBe(MOST_AHEAD);
    release();
    expect(await client.ended()).toMatch(/connection: close[^]*problem:overloaded/i);
    expect(client.statuses).toEqual([...Array<string>(MOST_AHEAD).fill('200'), '503']);
  });

  it('when there are too many of them', async () => {
    const { port } = await parcels({ mostConnections: 2 });
    const [first, second] = [Client.to(port).get('/health/live'), Client.to(port).get('/health/live')];
    await first.has('200');
    await second.has('200');
    expect(await Client.to(port).get('/health/live').ended()).toBe('');
    first.socket.destroy();
    await first.closed;
    await sleep(50);
    await Client.to(port).get('/health/live').has('200');
  });
});
