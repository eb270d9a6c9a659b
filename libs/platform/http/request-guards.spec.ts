import { describe, expect, it } from '@jest/globals';
import { allowedHosts, checkRequest, type IncomingRequest } from './request-guards.js';

interface Names {
  ALLOWED_HOSTS?: string;
  HOST?: string;
}

/** How a request is refused: the kind of its problem, or undefined where it may pass. */
function refusal(more: Partial<IncomingRequest> & { headers?: Record<string, string> }, env: Names = {}) {
  const headers = { host: 'localhost:3000', ...more.headers };
  const rawHeaders = Object.entries(headers).flat() as string[];
  try {
    checkRequest(
      { method: 'GET', url: '/v1/orders', rawHeaders, ...more, headers },
      allowedHosts(
        (env.ALLOWED_HOSTS ?? '')
          .split(',')
          .map((name) => name.trim())
          .filter((name) => name !== ''),
        env.HOST,
      ),
    );
    return undefined;
  } catch (error) {
    return (error as { kind: string }).kind;
  }
}
const toHost = (host: string, env: Names = {}, more: Partial<IncomingRequest> = {}) =>
  refusal({ ...more, headers: { host } }, env);

describe('a Host header', () => {
  it.each(['localhost', 'LOCALHOST:3000', 'localhost.:3000', '127.0.0.1:3000', '127.9.9.9', '[::1]:3000'])(
    'of this machine is answered: %s',
    (host) => expect(toHost(host)).toBeUndefined(),
  );

  it.each([
    'evil.example',
    'evil.example:3000',
    'localhost.evil.example',
    '127.0.0.1.evil.example',
    '127.0.0.1.nip.io:3000',
    'evil.example@localhost',
    'localhost@evil.example',
    'localhost:3000@evil.example',
    'localhost, evil.example',
    'localhost:3000:3000',
    'localhost:port',
    'foo.localhost',
    '192.168.1.5',
    '0.0.0.0:3000',
    '[::]',
    'ｌocalhost',
    '',
  ])('that may lead here from anywhere is refused: %s', (host) => expect(toHost(host)).toBe('foreign-host'));

  it('is needed', () => {
    const bare = { url: '/v1/orders', headers: {}, rawHeaders: [] };
    expect(() => checkRequest(bare, new Set())).toThrow('the request names no host');
  });

  it('is answered as ALLOWED_HOSTS names it, in any case and on any port', () => {
    const env = { ALLOWED_HOSTS: 'crm.example, Operations , ::2,10.0.0.7,one.example:8443,[::3]:80' };
    for (const host of ['crm.example', 'CRM.example:8443', 'operations:3000', '[::2]', '10.0.0.7:1']) {
      expect([host, toHost(host, env)]).toEqual([host, undefined]);
    }
    for (const host of ['one.example:8443', 'ONE.example.:8443', '[::3]:80']) {
      expect([host, toHost(host, env)]).toEqual([host, undefined]);
    }
    for (const host of ['one.example', 'one.example:443', '[::3]', 'one.example:84430']) {
      expect([host, toHost(host, env)]).toEqual([host, 'foreign-host']);
    }
    expect(toHost('www.crm.example', env)).toBe('foreign-host');
    for (const wrong of ['http://crm.example', '*', '*.example', 'a b', 'crm.example/x', 'crm.example:x']) {
      expect(() => allowedHosts(['localhost', wrong])).toThrow(`ALLOWED_HOSTS: '${wrong}'`);
    }
  });

  it('is answered as HOST names it, or the address that the connection came to', () => {
    expect(toHost('192.168.1.5:3000', { HOST: '192.168.1.5' })).toBeUndefined();
    expect(toHost('[fe80::1]:3000', { HOST: 'fe80::1' })).toBeUndefined();
    const everywhere = { HOST: '0.0.0.0' };
    expect(toHost('192.168.1.5:3000', everywhere, { socket: { localAddress: '::ffff:192.168.1.5' } })).toBeUndefined();
    expect(toHost('[fe80::2]', everywhere, { socket: { localAddress: 'fe80::2' } })).toBeUndefined();
    expect(toHost('192.168.1.6', everywhere, { socket: { localAddress: '192.168.1.5' } })).toBe('foreign-host');
    expect(toHost('evil.example', everywhere, { socket: { localAddress: '192.168.1.5' } })).toBe('foreign-host');
  });

  it('may be any for health, and for nothing that only looks like it', () => {
    for (const url of ['/health/live', '/health/ready', '/health/ready?now', '/health']) {
      expect([url, toHost('10.1.2.3:80', {}, { url })]).toEqual([url, undefined]);
    }
    for (const url of [
      '/healthy',
      '/health/../v1/orders',
      '/health/live/../../v1/orders',
      '/health%2f',
      '/v1/health',
    ]) {
      expect([url, toHost('10.1.2.3', {}, { url })]).toEqual([url, 'foreign-host']);
    }
  });

  it('is not outdone by a target in absolute form', () => {
    expect(toHost('localhost', {}, { url: 'http://localhost:3000/v1/orders' })).toBeUndefined();
    for (const url of ['http://evil.example/v1/orders', 'http://localhost@evil.example/']) {
      expect([url, toHost('localhost', {}, { url })]).toEqual([url, 'foreign-host']);
    }
    for (const url of ['file:///etc', 'v1/orders']) {
      expect([url, toHost('localhost', {}, { url })]).toEqual([url, 'malformed-request']);
    }
    expect(toHost('evil.example', {}, { url: 'http://localhost/v1/orders' })).toBe('foreign-host');
  });
});

describe('an Origin', () => {
  const from = (origin: string, host = 'localhost:3000') => refusal({ headers: { host, origin } });

  it('that is the service itself may send', () => {
    expect(from('http://localhost:3000')).toBeUndefined();
    expect(from('HTTP://LocalHost:3000')).toBeUndefined();
    expect(from('http://localhost', 'localhost')).toBeUndefined();
    expect(from('http://localhost', 'localhost:80')).toBeUndefined();
    // A proxy that speaks TLS for us.
    expect(
      refusal({ headers: { host: 'crm.example', origin: 'https://crm.example' } }, { ALLOWED_HOSTS: 'crm.example' }),
    ).toBe(undefined);
  });

  it.each([
    'http://evil.example',
    'https://localhost',
    'http://localhost',
    'http://localhost:5173',
    'http://127.0.0.1:3000',
    'http://localhost:3000.evil.example',
    'http://evil@localhost:3000',
    'null',
    'file://',
    'http://localhost:3000/',
    '',
  ])('that is another may not: %s', (origin) => expect(from(origin)).toBe('foreign-origin'));

  it('is told by the browser also where it sends none', () => {
    const fetched = (site: string, dest: string) =>
      refusal({ headers: { 'sec-fetch-site': site, 'sec-fetch-dest': dest } });
    for (const dest of ['empty', 'image', 'script', 'iframe']) {
      expect(fetched('cross-site', dest)).toBe('foreign-origin');
      expect(fetched('same-site', dest)).toBe('foreign-origin');
      expect(fetched('same-origin', dest)).toBeUndefined();
    }
    expect(fetched('cross-site', 'document')).toBeUndefined();
    expect(fetched('none', 'document')).toBeUndefined();
  });
});

describe('a body', () => {
  const sent = (type: string | undefined, method = 'POST', more: Record<string, string> = { 'content-length': '2' }) =>
    refusal({ method, headers: type === undefined ? more : { 'content-type': type, ...more } });

  it.each([
    'application/json',
    'Application/JSON',
    'application/json; charset=utf-8',
    'application/json;charset="UTF-8"',
    'application/json ; profile=x',
  ])('of JSON is read: %s', (type) => expect(sent(type)).toBeUndefined());

  it.each([
    'text/plain',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'text/plain; application/json',
    'text/plain;charset=application/json',
    'application/jsonp',
    'application/json, text/plain',
    'application/json/x',
    'application/json; charset=iso-8859-1',
    'application/json; charset=utf-8; charset=utf-16',
    ' ',
    '',
  ])('of anything else is refused unread: %s', (type) => {
    for (const method of ['POST', 'PUT', 'PATCH', 'DELETE']) {
      expect(sent(type, method)).toBe('unsupported-media-type');
      // A form of a web page sends its type also where it is empty.
      expect(sent(type, method, { 'content-length': '0' })).toBe('unsupported-media-type');
    }
  });

  it('without a type is refused; no body needs none', () => {
    expect(sent(undefined)).toBe('unsupported-media-type');
    expect(sent(undefined, 'POST', { 'transfer-encoding': 'chunked' })).toBe('unsupported-media-type');
    expect(sent(undefined, 'POST', { 'content-length': '0' })).toBeUndefined();
    expect(sent(undefined, 'POST', {})).toBeUndefined();
  });

  it('that is compressed otherwise than by gzip is refused, and one of a GET, which nobody would read', () => {
    expect(sent('application/json', 'POST', { 'content-encoding': 'br' })).toBe('unsupported-media-type');
    expect(sent('application/json', 'POST', { 'content-encoding': 'gzip' })).toBeUndefined();
    expect(sent('application/json', 'POST', { 'content-encoding': 'identity' })).toBeUndefined();
    expect(sent('application/json', 'GET')).toBe('malformed-request');
    expect(sent('application/json', 'GET', {})).toBeUndefined();
  });
});

describe('a header that has one value', () => {
  it.each(['Host', 'Content-Type', 'Authorization', 'IDEMPOTENCY-KEY', 'If-Match', 'Yad-Occurred-At'])(
    'may not be given twice: %s',
    (name) => {
      const rawHeaders = ['Host', 'localhost', name, 'localhost', 'X-Other', '1', name.toLowerCase(), 'evil'];
      const headers = { host: 'localhost', [name.toLowerCase()]: 'localhost', 'x-other': '1' };
      expect(refusal({ rawHeaders, headers })).toBe('invalid-input');
    },
  );

  it('leaves the others alone', () => {
    const rawHeaders = ['Host', 'localhost', 'Accept', 'a', 'Accept', 'b'];
    expect(refusal({ rawHeaders, headers: { host: 'localhost', accept: 'a, b' } })).toBeUndefined();
  });
});
