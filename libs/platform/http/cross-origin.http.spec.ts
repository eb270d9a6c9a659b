import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { newId } from '#platform/kernel/ids.js';
import { startParcels } from '#test/fixtures/parcels.fixture.js';

type Parcels = Awaited<ReturnType<typeof startParcels>>;
const CONSOLE = 'https://console.example';

describe('what answers say to browsers', () => {
  let app: Parcels['app'];
  beforeAll(async () => {
    ({ app } = await startParcels({ logger: false, origins: [CONSOLE] }));
  });
  afterAll(() => app.close());
  const ask = (method: string, url: string, headers: Record<string, string> = {}, payload?: string) =>
    app.inject({ method: method as any, url, headers, payload });

  it.each([
    ['GET', '/v1/rows', 200],
    ['GET', '/v1/rows?unknown=1', 400],
    ['GET', `/v1/parcels/${newId()}`, 404],
    ['GET', '/nowhere', 404],
    ['POST', '/v1/rows', 405],
    ['OPTIONS', '/v1/rows', 204],
    ['GET', '/health/ready', 200],
    ['GET', '/openapi.json', 200],
  ])('%s %s (%d): no guessing of types, and nothing is kept', async (method, url, status) => {
    const { statusCode, headers } = await ask(method, url);
    expect([statusCode, headers['x-content-type-options'], headers['cache-control']]).toEqual([
      status,
      'nosniff',
      'no-store',
    ]);
  });

  it('the same where node could not read the request', async () => {
    await app.listen(0, '127.0.0.1');
    const { port } = app.getHttpServer().address() as { port: number };
    const text = await new Promise<string>((resolve) => {
      let said = '';
      const socket = connect(port, '127.0.0.1', () => socket.write('NONSENSE\r\n\r\n'));
      socket.on('data', (bytes) => (said += bytes)).on('close', () => resolve(said));
    });
    expect(text).toMatch(/^HTTP\/1\.1 400 .*\r\nx-content-type-options: nosniff\r\ncache-control: no-store\r\n/s);
  });

  it('the page of the documents runs its own scripts only, in nobody’s frame', async () => {
    const { statusCode, headers, body } = await ask('GET', '/docs');
    expect([statusCode, body]).toEqual([200, expect.stringContaining('swagger-ui')]);
    const policy = String(headers['content-security-policy']);
    for (const part of ["default-src 'none'", "script-src 'self'", "frame-ancestors 'none'"]) {
      expect(policy.split('; ')).toContain(part);
    }
    expect(body).not.toMatch(/<script(?![^>]*\bsrc=)[^>]*>\s*\S/);
  });

  describe('of an origin that is allowed', () => {
    it('let its page read them, and tell caches that they were made for it', async () => {
      const { statusCode, headers } = await ask('GET', '/v1/rows', { origin: CONSOLE, 'sec-fetch-site': 'cross-site' });
      expect([statusCode, headers['access-control-allow-origin'], headers['vary']]).toEqual([
        200,
        CONSOLE,
        expect.stringMatching(/\borigin\b/),
      ]);
      expect(headers['access-control-expose-headers']).toContain('ETag');
      // Nobody signs in by a cookie.
      expect(headers['access-control-allow-credentials']).toBeUndefined();
    });

    it('are readable also where they are problems', async () => {
      const { statusCode, headers } = await ask('GET', '/v1/rows?unknown=1', { origin: CONSOLE });
      expect([statusCode, headers['access-control-allow-origin']]).toEqual([400, CONSOLE]);
    });

    it('tell beforehand what a page may send', async () => {
      const headers = { origin: CONSOLE, 'access-control-request-method': 'POST' };
      const answer = await ask('OPTIONS', '/v1/parcels', headers);
      expect([answer.statusCode, answer.headers['access-control-allow-methods'], answer.body]).toEqual([
        204,
        'POST, OPTIONS',
        '',
      ]);
      expect(answer.headers['access-control-allow-headers']).toMatch(/Authorization.*Idempotency-Key/);
      expect(answer.headers['access-control-allow-origin']).toBe(CONSOLE);
    });

    it('keep the other guards: its pages send JSON, to names that are this service’s own', async () => {
      const form = { origin: CONSOLE, 'content-type': 'text/plain' };
      expect((await ask('POST', '/v1/parcels', form, '{}')).statusCode).toBe(415);
      expect((await ask('GET', '/v1/rows', { origin: CONSOLE, host: 'evil.example' })).statusCode).toBe(403);
    });
  });

  it.each([
    'https://evil.example',
    'http://console.example',
    'https://console.example:444',
    'https://console.example.evil.example',
    'null',
  ])('pages of %s, which nobody allowed, get nothing', async (origin) => {
    const { statusCode, headers } = await ask('GET', '/v1/rows', { origin });
    expect([statusCode, headers['access-control-allow-origin']]).toEqual([403, undefined]);
    const before = await ask('OPTIONS', '/v1/rows', { origin, 'access-control-request-method': 'GET' });
    expect(before.headers['access-control-allow-origin']).toBeUndefined();
    expect(before.headers['access-control-allow-methods']).toBeUndefined();
  });

  it('without any origin allowed, answers are the same for all, and say nothing of origins', async () => {
    const { app: closed } = await startParcels({ logger: false });
    const answer = await closed.inject({ method: 'GET', url: '/v1/rows', headers: { origin: CONSOLE } });
    expect([answer.statusCode, answer.headers['access-control-allow-origin'], answer.headers['vary']]).toEqual([
      403,
      undefined,
      undefined,
    ]);
    await closed.close();
  });
});
