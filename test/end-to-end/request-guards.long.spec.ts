import { request } from 'node:http';
import { connect } from 'node:net';
import { networkInterfaces } from 'node:os';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createTestDatabase } from '../support/postgres.js';
import { Program } from './processes.js';

// The programs themselves, with no setting but the database: who may knock at them, and what they answer at once.

interface Answer {
  status: number;
  body: any;
}

/** Sends a request with the headers that are given, and no other; `fetch` would set Host by itself. */
function send(url: string, method = 'GET', body?: string, headers: Record<string, string> = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const type: Record<string, string> = body === undefined ? {} : { 'content-type': 'application/json' };
    const sent = request(url, { method, headers: { ...type, ...headers }, agent: false }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (piece: string) => (text += piece));
      response.on('end', () => {
        const json = /json/.test(response.headers['content-type'] ?? '');
        resolve({ status: response.statusCode!, body: json ? (JSON.parse(text) as unknown) : text });
      });
    });
    sent.on('error', reject).end(body);
  });
}

/** Whether something takes connections there. */
const listens = (host: string, port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect({ host, port, timeout: 2000 });
    const settle = (open: boolean): void => {
      socket.destroy();
      resolve(open);
    };
    socket
      .on('connect', () => settle(true))
      .on('error', () => settle(false))
      .on('timeout', () => settle(false));
  });

describe('the request guards of the programs', () => {
  let database: Awaited<ReturnType<typeof createTestDatabase>>;
  let standalone: Program;
  let operations: Program;
  let url: string;
  let other: string;
  let port: number;
  const env = (more: Record<string, string> = {}) => ({ DATABASE_URL: database.url, PORT: '0', HOST: '', ...more });
  const addressOf = async (program: Program): Promise<string> => (await program.said(/http:\/\/\S+:\d+/))[0];

  beforeAll(async () => {
    database = await createTestDatabase();
    standalone = new Program('standalone/main.js', { env: env() });
    url = await addressOf(standalone);
    port = Number(new URL(url).port);
    operations = new Program('operations/main.js', { env: env({ ALLOWED_HOSTS: 'crm.example' }) });
    other = await addressOf(operations);
  }, 60_000);
  afterAll(async () => {
    await Promise.all([standalone?.stop(), operations?.stop()]);
    await database?.drop();
  }, 60_000);

  const head = async (): Promise<string> => (await send(`${url}/v1/audit/events?limit=1`)).body.freshness.position;
  const refused = async (sending: Promise<Answer>): Promise<[number, string]> => {
    const before = await head();
    const { status, body } = await sending;
    expect(await head()).toBe(before);
    return [status, body.type];
  };
  const contact = '{"name":{"full":"Ada"}}';

  it('are on loopback, by either of its names, and on no other address', async () => {
    expect(url).toMatch(/^http:\/\/localhost:/);
    for (const name of ['localhost', '127.0.0.1']) {
      expect((await send(`http://${name}:${port}/health/ready`)).status).toBe(200);
    }
    const audit = new Program('audit/main.js', { env: env() });
    const ports = [port, Number(new URL(other).port), Number(new URL(await addressOf(audit)).port)];
    const others = Object.values(networkInterfaces())
      .flatMap((each) => each ?? [])
      .filter(({ address }) => address !== '127.0.0.1');
    for (const { address, scopeid } of others) {
      const host = scopeid ? `${address}%${scopeid}` : address;
      for (const each of ports) expect([address, each, await listens(host, each)]).toEqual([address, each, false]);
    }
    await audit.stop();
  });

  it('are closed to pages of other origins and to names that lead here', async () => {
    const to = `${url}/v1/contacts`;
    const foreign = (kind: string) => [403, `urn:yad:problem:foreign-${kind}`];
    expect(await refused(send(to, 'POST', contact, { host: 'evil.example' }))).toEqual(foreign('host'));
    expect(await refused(send(to, 'POST', contact, { origin: 'http://evil.example' }))).toEqual(foreign('origin'));
    expect(await refused(send(`${url}/v1/customers`, 'GET', undefined, { host: 'evil.example' }))).toEqual(
      foreign('host'),
    );
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', '']) {
      const form = send(to, 'POST', contact, { 'content-type': type });
      expect(await refused(form)).toEqual([415, 'urn:yad:problem:unsupported-media-type']);
    }
    for (const path of ['/docs', '/openapi.json']) {
      expect((await send(`${url}${path}`, 'GET', undefined, { host: 'evil.example' })).status).toBe(403);
      expect((await send(`${url}${path}`)).status).toBe(200);
    }
  });

  it('are open to the service’s own documents, to ALLOWED_HOSTS, and for health to whoever asks', async () => {
    expect((await send(`${url}/v1/contacts`, 'POST', contact, { origin: url })).status).toBe(201);
    expect((await send(`${url}/health/ready`, 'GET', undefined, { host: '10.9.8.7:80' })).status).toBe(200);
    const named = { host: 'crm.example', origin: 'https://crm.example' };
    expect((await send(`${other}/v1/contacts`, 'POST', contact, named)).status).toBe(201);
    expect((await send(`${url}/v1/contacts`, 'POST', contact, named)).status).toBe(403);
  });

  it('say what is wrong with ALLOWED_HOSTS, and stay shut', async () => {
    const wrong = new Program('operations/main.js', { env: env({ ALLOWED_HOSTS: 'http://crm.example' }) });
    const { code, output } = await wrong.ended;
    expect([code, output]).toEqual([1, expect.stringContaining("ALLOWED_HOSTS: 'http://crm.example' is not the name")]);
  });

  it('of two processes give one first answer to a hundred payments with one key', async () => {
    const order = JSON.stringify({
      currency: 'GBP',
      zone: 'UTC',
      lines: [{ sku: 'CUP', quantity: '1', unitPrice: '1000.00' }],
    });
    const { id } = (await send(`${url}/v1/orders`, 'POST', order)).body;
    const payment = '{"amount":"10","currency":"GBP","method":"card"}';
    for (const key of ['a key', '0198f3a0-1b2c-7d3e-8f40-0000000000aa']) {
      const before = await head();
      const answers = await Promise.all(
        Array.from({ length: 100 }, (_, i) =>
          send(`${i % 2 ? url : other}/v1/orders/${id}/payments`, 'POST', payment, { 'idempotency-key': key }),
        ),
      );
      expect(answers.map(({ status }) => status)).toEqual(Array(100).fill(200));
      expect(answers.filter(({ body }) => body.repeated === false)).toHaveLength(1);
      expect(new Set(answers.map(({ body }) => body.position)).size).toBe(1);
      expect(BigInt(await head())).toBe(BigInt(before) + 1n);
      // Nobody takes another's name, and with it another's key of the same text.
      const eve = { 'idempotency-key': key, 'yad-actor': 'eve' };
      expect((await send(`${url}/v1/orders/${id}/payments`, 'POST', payment, eve)).status).toBe(403);
    }
  });

  it('of the programs close on who sends no request, or one that never ends', async () => {
    const cut = (bytes: string): Promise<string> =>
      new Promise((resolve) => {
        const socket = connect(port, '127.0.0.1');
        let text = '';
        socket.on('data', (data) => (text += data.toString())).on('error', () => {});
        socket.on('close', () => resolve(/^HTTP\/1\.1 (\d+)/.exec(text)?.[1] ?? 'closed'));
        if (bytes) socket.write(bytes);
      });
    const start = performance.now();
    const body =
      'POST /v1/contacts HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{';
    const answers = Promise.all(['', 'GET /v1/orders HTTP/1.1\r\nHost: loc', body].map(cut));
    // Others are served meanwhile.
    expect((await send(`${url}/v1/orders`)).status).toBe(200);
    expect(await answers).toEqual([expect.stringMatching(/^(408|closed)$/), '408', '408']);
    expect(performance.now() - start).toBeLessThan(40_000);
  }, 60_000);

  it('of two processes take one another’s cursors, which tell no name', async () => {
    for (const name of ['Lovelace', 'Byron']) {
      await send(`${url}/v1/contacts`, 'POST', JSON.stringify({ name: { full: name } }));
    }
    const { body: first } = await send(`${url}/v1/audit/events?limit=1`);
    const next = (at: string, cursor: string) => send(`${at}/v1/audit/events?limit=1&cursor=${cursor}`);
    const [here, there] = [await next(url, first.next), await next(other, first.next)];
    expect([here.status, there.status, there.body.data]).toEqual([200, 200, here.body.data]);
    const { body: customers } = await send(`${url}/v1/customers?limit=1&minPosition=${await head()}`);
    expect(customers.next).toEqual(expect.any(String));
    expect(Buffer.from(customers.next, 'base64url').toString('latin1')).not.toMatch(/Ada|Byron|Lovelace|[0-9a-f]{8}-/);
    for (const cursor of [
      `${first.next.slice(0, -2)}AA`,
      customers.next,
      Buffer.from('["Ada"]').toString('base64url'),
    ]) {
      const { status, body } = await next(url, cursor);
      expect([status, body.errors[0].pointer]).toEqual([400, '/cursor']);
    }
  });
});
