import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from '@jest/globals';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { newId } from '#platform/kernel/ids.js';
import { MemoryEventStore } from '#platform/event-store/memory/memory-event-store.adapter.js';
import { EventFeed } from '#platform/event-feed/event-feed.js';
import { heavyWork, startParcels } from '#test/fixtures/parcels.fixture.js';
import { capturedLog } from '#test/support/captured-log.js';
import { as } from '#test/support/trusting-authenticator.js';
import { logRequests } from './request-watch.js';

const CANARY = 'canary-7f3a';
const json = { 'content-type': 'application/json' };
const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';

let app: NestFastifyApplication | undefined;
afterEach(async () => {
  // fetch opens connections ahead, on which nothing is ever sent.
  app?.getHttpServer().closeAllConnections();
  await app?.close();
});

async function start(options: Parameters<typeof startParcels>[0] = {}) {
  const captured = await capturedLog();
  ({ app } = await startParcels({ logger: captured.log, ...options }));
  return { ...captured, app };
}

/** Lines are written when the connection is done with the answer, which is after the client has it. */
async function requestLines(lines: () => any[], count: number): Promise<any[]> {
  for (let tries = 0; ; tries++) {
    const found = lines().filter(({ msg }) => msg === 'request');
    if (found.length >= count) return found;
    if (tries > 300) throw new Error(`${found.length} of ${count} lines: ${JSON.stringify(lines())}`);
    await sleep(10);
  }
}

describe('a request', () => {
  it('has one line in the log, with the name that its answer has', async () => {
    const { app, lines } = await start();
    await app.listen(0, '127.0.0.1');
    const { port } = app.getHttpServer().address() as { port: number };
    const answer = await fetch(`http://127.0.0.1:${port}/v1/parcels`, {
      method: 'POST',
      headers: { ...as({ actor: 'shop' }), ...json },
      body: JSON.stringify({ id: newId(), label: 'books' }),
    });
    const body = await answer.text();
    const [line, ...more] = await requestLines(lines, 1);
    expect(more).toEqual([]);
    expect(answer.headers.get('yad-request-id')).toBe(line.requestId);
    expect(line).toEqual({
      level: 'info',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
      app: 'test',
      requestId: expect.stringMatching(/^\w+-\w+$/),
      operation: 'SendParcel',
      actor: 'shop',
      method: 'POST',
      route: '/v1/parcels',
      status: 201,
      ms: expect.any(Number),
      bytes: body.length,
      msg: 'request',
    });
  });

  it('is named by the trace that it belongs to, in answer, problem and log', async () => {
    const { app, lines } = await start();
    const headers = { traceparent: `00-${TRACE}-00f067aa0ba902b7-01` };
    const answer = await app.inject({ url: `/v1/rows/x`, headers });
    expect(answer.headers['yad-request-id']).toBe(TRACE);
    expect(answer.json().instance).toBe(`urn:yad:trace:${TRACE}`);
    const [line] = await requestLines(lines, 1);
    expect(line).toMatchObject({ requestId: TRACE, operation: 'GetRow', status: 400, problem: 'invalid-input' });
  });

  it.each([
    ['of zeros', `00-${'0'.repeat(32)}-00f067aa0ba902b7-01`],
    ['of an unknown form', TRACE],
    ['of a version that cannot be', `ff-${TRACE}-00f067aa0ba902b7-01`],
  ])('gets a name of its own where the trace is %s', async (_what, traceparent) => {
    const { app } = await start();
    const { headers, body } = await app.inject({ url: '/nothing', headers: { traceparent } });
    expect(headers['yad-request-id']).toMatch(/^\w+-\w+$/);
    expect(JSON.parse(body).instance).toBe(`urn:yad:request:${String(headers['yad-request-id'])}`);
  });

  it.each([
    ['to a foreign host', { url: '/v1/rows', headers: { host: 'evil.example' } }, 403],
    ['to no route', { url: '/nothing' }, 404],
    ['by another method', { method: 'DELETE' as const, url: '/v1/rows' }, 405],
    ['for the methods', { method: 'OPTIONS' as const, url: '/v1/rows' }, 204],
    ['that cannot be decoded', { url: '/v1/rows/%' }, 400],
    [
      'with a form',
      { method: 'POST' as const, url: '/v1/parcels', headers: { 'content-type': 'text/plain' }, payload: 'x' },
      415,
    ],
    ['with half a body', { method: 'POST' as const, url: '/v1/parcels', headers: json, payload: '{' }, 400],
    ['for health', { url: '/health/live' }, 200],
    ['for documents', { url: '/openapi.json' }, 200],
  ])('is named %s, too', async (_what, request, status) => {
    const { app, lines } = await start();
    const answer = await app.inject(request as any);
    const requestId = answer.headers['yad-request-id'];
    expect(answer.statusCode).toBe(status);
    expect(requestId).toMatch(/^\w+-\w+$/);
    if (status >= 400) expect(answer.json().instance).toBe(`urn:yad:request:${String(requestId)}`);
    const [line] = await requestLines(lines, 1);
    expect(line).toMatchObject({ requestId, status });
  });

  it('that is none is named and told of as well', async () => {
    const { app, lines, text } = await start();
    await app.listen(0, '127.0.0.1');
    const socket = connect((app.getHttpServer().address() as { port: number }).port, '127.0.0.1');
    socket.write(`this is ${CANARY}\r\n\r\n`);
    let answer = '';
    for await (const chunk of socket) answer += String(chunk);
    const requestId = /Yad-Request-Id: (\S+)/.exec(answer)![1];
    expect(JSON.parse(answer.slice(answer.indexOf('{'))).instance).toBe(`urn:yad:request:${requestId}`);
    const [line] = await requestLines(lines, 1);
    expect(line).toMatchObject({ level: 'info', requestId, status: 400, problem: 'malformed-request' });
    expect(text()).not.toContain(CANARY);
  });

  it('for a stream of events is named at its beginning', async () => {
    const feed = new EventFeed(new MemoryEventStore());
    const { app, lines } = await start({ feed });
    await app.listen(0, '127.0.0.1');
    const { port } = app.getHttpServer().address() as { port: number };
    const leaving = new AbortController();
    const answer = await fetch(`http://127.0.0.1:${port}/v1/events`, {
      headers: { accept: 'text/event-stream', ...as({ roles: ['service'], personalDataFor: 'deliveries' }) },
      signal: leaving.signal,
    });
    const requestId = answer.headers.get('yad-request-id');
    expect(requestId).toMatch(/^\w+-\w+$/);
    leaving.abort();
    const [line] = await requestLines(lines, 1);
    expect(line).toMatchObject({ level: 'info', requestId, operation: 'EventFeed', status: 200, cutOff: true });
  });
});

describe('the log of requests', () => {
  it('calls it no error when a client hangs up', async () => {
    const { app, lines } = await start();
    await app.listen(0, '127.0.0.1');
    const { port } = app.getHttpServer().address() as { port: number };
    const leaving = new AbortController();
    let arrived!: () => void;
    const there = new Promise<void>((resolve) => (arrived = resolve));
    heavyWork.run = () => {
      arrived();
      return new Promise(() => {});
    };
    const asked = fetch(`http://127.0.0.1:${port}/v1/row-sum`, { signal: leaving.signal }).catch(() => {});
    await there;
    leaving.abort();
    await asked;
    heavyWork.run = async () => {};
    const [line] = await requestLines(lines, 1);
    expect(line).toMatchObject({ level: 'info', operation: 'SumRows', status: 499, cutOff: true });
  });

  it('calls races, refusals and a busy service no errors, and what fails here one', () => {
    const told: [string, number | undefined][] = [];
    const of = (level: string) => (_message: string, fields?: { status?: number }) =>
      void told.push([level, fields?.status]);
    const observe = logRequests({ debug: of('debug'), info: of('info'), warn: of('warn'), error: of('error') });
    const ended = { requestId: 'r', operation: 'X', actor: 'a', method: 'GET', route: '/v1/rows', id: undefined };
    const rest = { problem: undefined, cutOff: undefined, ms: 1, bytes: 1 };
    for (const status of [200, 409, 412, 429, 499, 500, 503]) observe({ ...ended, ...rest, status });
    for (const status of [200, 503]) observe({ ...ended, ...rest, route: '/health/ready', status });
    expect(told).toEqual([
      ...[200, 409, 412, 429, 499].map((status) => ['info', status]),
      ['error', 500],
      ['warn', 503],
      ['debug', 200],
      ['warn', 503],
    ]);
  });

  it('beyond so many lines a second tells how many more there were', async () => {
    const { app, lines } = await start({ linesASecond: 3 });
    // Within one second by the clock.
    await sleep(1_000 - (performance.now() % 1_000));
    for (let i = 0; i < 10; i++) await app.inject('/v1/rows');
    await sleep(1_100);
    await app.inject('/v1/rows');
    const requests = await requestLines(lines, 4);
    const told = lines().reduce((sum, { notLogged }) => sum + Number(notLogged ?? 0), 0);
    expect(requests.length + told).toBe(11);
    expect(requests.length).toBeLessThanOrEqual(6);
  });

  it('holds nothing that was sent: neither of headers, bodies, queries and paths, nor of what fails on them', async () => {
    const secrets = {
      authorization: `Bearer ${CANARY}`,
      cookie: `session=${CANARY}`,
      'user-agent': CANARY,
      'x-anything': CANARY,
      referer: `http://localhost/${CANARY}`,
      'idempotency-key': CANARY,
      'yad-reason': CANARY,
      'yad-correlation-id': CANARY,
    };
    const failures = [
      new Error(CANARY),
      new TypeError(`Cannot read properties of undefined (reading '${CANARY}')`),
      new Error('outer', { cause: new SyntaxError(CANARY) }),
      Object.assign(new Error(`value ${CANARY}`), {
        severity: 'ERROR',
        code: '23505',
        detail: `Key (email)=(${CANARY})`,
        where: CANARY,
      }),
      Object.assign(new Error(`\n    at ${CANARY}:1:1`), { code: CANARY, constraint: `${CANARY}()`, name: 'x' }),
      CANARY,
      { message: CANARY },
    ];
    let failing: unknown;
    const { app, lines, text } = await start({
      gateway: { execute: () => (failing === undefined ? Promise.reject(new Error('none')) : Promise.reject(failing)) },
    });
    const statuses: number[] = [];
    const send = async (method: string, url: string, payload?: unknown): Promise<void> => {
      const headers = payload === undefined ? secrets : { ...secrets, ...json };
      const answer = await app.inject({ method, url, headers, payload } as any);
      statuses.push(answer.statusCode);
    };
    for (failing of failures) {
      await send('POST', '/v1/parcels', { label: CANARY });
      await send('POST', '/v1/commands:batch', { items: [{ command: 'SendParcel', input: { label: CANARY } }] });
      heavyWork.run = () => Promise.reject(failing);
      await send('GET', `/v1/row-sum`);
    }
    heavyWork.run = async () => {};
    expect(statuses.filter((status) => status === 500)).toHaveLength(2 * failures.length);
    await send('POST', `/v1/parcels/${CANARY}/move`, { to: CANARY });
    await send('POST', '/v1/parcels', { [CANARY]: CANARY });
    await send('POST', '/v1/parcels', `{"label":"${CANARY}`);
    await send('GET', `/v1/rows?city=${CANARY}`);
    await send('GET', `/v1/rows?${CANARY}=1&cursor=${CANARY}`);
    await send('GET', `/v1/rows/${CANARY}?minPosition=${CANARY}`);
    await send('GET', `/${CANARY}/%/${CANARY}`);
    await send('DELETE', `/v1/${CANARY}`);
    const inHost = await app.inject({
      url: `/v1/rows`,
      headers: { host: `${CANARY}.example`, origin: `http://${CANARY}` },
    });
    expect(inHost.statusCode).toBe(403);

    await requestLines(lines, statuses.length + 1);
    expect(lines().filter(({ msg }) => msg === 'request failed')).toHaveLength(3 * failures.length);
    expect(lines().filter(({ error }) => error?.at?.length > 0).length).toBeGreaterThan(0);
    expect(text()).not.toContain(CANARY);
  });
});
