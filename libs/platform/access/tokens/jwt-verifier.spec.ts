import { generateKeyPairSync } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { exportJWK, exportSPKI, generateKeyPair, SignJWT, UnsecuredJWT, type CryptoKey, type JWK } from 'jose';
import { TestClock } from '#platform/kernel/clock.js';
import { NotSignedIn } from '../not-signed-in.js';
import type { Principal } from '../principal.js';
import { isSafeUrl } from './issuer-keys.js';
import { JwtVerifier, type TokenOptions } from './jwt-verifier.adapter.js';

/** An issuer with its document and its keys. */
class Issuer {
  url = '';
  keys: JWK[] = [];
  fetches = 0;
  away = false;
  document: (url: string) => object = (url) => ({ issuer: url, jwks_uri: `${url}/keys` });
  private server!: Server;

  async start(): Promise<void> {
    this.server = createServer((request, response) => {
      if (this.away) return void response.writeHead(500).end();
      const isKeys = request.url === '/keys';
      if (isKeys) this.fetches++;
      response.end(JSON.stringify(isKeys ? { keys: this.keys } : this.document(this.url)));
    });
    await new Promise<void>((resolve) => this.server.listen(0, '127.0.0.1', resolve));
    this.url = `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  stop(): void {
    this.server.closeAllConnections();
    this.server.close();
  }
}

interface Pair {
  privateKey: CryptoKey;
  publicKey: CryptoKey;
  jwk: JWK;
}

async function pair(kid: string, alg = 'RS256'): Promise<Pair> {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
  return { privateKey, publicKey, jwk: { ...(await exportJWK(publicKey)), kid, alg, use: 'sig' } };
}

describe('tokens', () => {
  const issuer = new Issuer();
  let one: Pair;
  let other: Pair;
  let clock: TestClock;
  beforeAll(async () => {
    await issuer.start();
    [one, other] = await Promise.all([pair('one'), pair('two')]);
  }, 60_000);
  afterAll(() => issuer.stop());
  beforeEach(() => {
    issuer.keys = [one.jwk];
    issuer.fetches = 0;
    issuer.away = false;
    clock = new TestClock();
  });

  const verifier = (more: Partial<TokenOptions> = {}): JwtVerifier =>
    new JwtVerifier(
      {
        issuer: issuer.url,
        audience: ['yad'],
        algorithms: ['RS256', 'ES256', 'EdDSA'],
        toleranceS: 30,
        actorClaim: 'sub',
        actorPrefix: 'user:',
        rolesClaim: 'realm_access.roles',
        roles: new Map([
          ['crm-analyst', ['analyst']],
          ['crm-admin', ['admin', 'auditor']],
        ]),
        personalData: 'crm-personal',
        cooldownMs: 0,
        ...more,
      },
      clock,
    );
  const now = (): number => Math.floor(clock.now().getTime() / 1000);
  const claims = (more: object = {}) => ({ realm_access: { roles: ['crm-analyst', 'offline'] }, ...more });
  const unsigned = (payload: object = claims(), { kid = 'one', alg = 'RS256' } = {}) =>
    new SignJWT(payload as any)
      .setProtectedHeader({ alg, kid })
      .setIssuer(issuer.url)
      .setAudience('yad')
      .setSubject('ada')
      .setIssuedAt(now())
      .setExpirationTime(now() + 300);
  const token = (payload?: object, by = one.privateKey, header?: object): Promise<string> =>
    unsigned(payload, header).sign(by);

  /** Why it lets nobody in. */
  const refusal = async (given: string, of = verifier()): Promise<[string, string]> => {
    try {
      const found = await of.principalOf(given);
      return ['let in', found.actor];
    } catch (error) {
      const { kind, message } = error as NotSignedIn;
      return [kind, message];
    }
  };

  it('name who asks, with the roles that the setting maps, and what personal data are for', async () => {
    expect(await verifier().principalOf(await token())).toEqual({
      actor: 'user:ada',
      roles: new Set(['analyst']),
      by: 'token',
    });
    const all = await token(claims({ realm_access: { roles: ['crm-admin', 'crm-analyst', 'crm-personal'] } }));
    expect(await verifier().principalOf(all)).toEqual({
      actor: 'user:ada',
      roles: new Set(['analyst', 'auditor', 'admin']),
      personalDataFor: 'crm-personal',
      by: 'token',
    });
  });

  it.each<[string, object, Partial<TokenOptions>, string[]]>([
    ['words between blanks', { scope: 'openid crm-analyst' }, { rolesClaim: 'scope' }, ['analyst']],
    [
      'a claim with dots in its name',
      { 'https://x.example/roles': ['crm-admin'] },
      { rolesClaim: 'https://x.example/roles' },
      ['auditor', 'admin'],
    ],
    ['no such claim', {}, { rolesClaim: 'a.b' }, []],
    ['a claim of another kind', { roles: { 'crm-admin': true } }, { rolesClaim: 'roles' }, []],
    ['a claim that objects have anyhow', {}, { rolesClaim: 'constructor.name' }, []],
    ['names of our roles that nobody mapped', { roles: ['admin'] }, { rolesClaim: 'roles' }, []],
  ])('have the roles in %s', async (_what, payload, options, roles) => {
    const found = (await verifier(options).principalOf(await token(payload))) as Principal;
    expect([...found.roles]).toEqual(roles);
  });

  it('are known at once for a while, and not beyond their end', async () => {
    const of = verifier();
    const given = await token();
    const first = await of.principalOf(given);
    expect(of.principalOf(given)).toBe(first);
    clock.set(new Date(clock.now().getTime() + 61_000));
    const again = of.principalOf(given);
    expect(again).toBeInstanceOf(Promise);
    expect(await again).toEqual(first);
    clock.set(new Date(clock.now().getTime() + 269_001));
    expect(await refusal(given, of)).toEqual(['credentials-expired', 'the token has expired']);
  });

  it.each<[string, () => Promise<string> | string, string, string]>([
    [
      'of another issuer',
      () => unsigned().setIssuer('https://evil.example').sign(one.privateKey),
      'credentials-invalid',
      'the claim iss of the token is not as it must be',
    ],
    [
      'for somebody else',
      () => unsigned().setAudience('shop').sign(one.privateKey),
      'credentials-invalid',
      'the claim aud of the token is not as it must be',
    ],
    [
      'that have expired',
      () =>
        unsigned()
          .setExpirationTime(now() - 31)
          .sign(one.privateKey),
      'credentials-expired',
      'the token has expired',
    ],
    [
      'that are not yet to be taken',
      () =>
        unsigned()
          .setNotBefore(now() + 31)
          .sign(one.privateKey),
      'credentials-invalid',
      'the claim nbf of the token is not as it must be',
    ],
    [
      'without an end',
      () =>
        new SignJWT(claims())
          .setProtectedHeader({ alg: 'RS256', kid: 'one' })
          .setIssuer(issuer.url)
          .setAudience('yad')
          .setSubject('ada')
          .sign(one.privateKey),
      'credentials-invalid',
      'the claim exp of the token is not as it must be',
    ],
    [
      'that name nobody',
      () => unsigned().setSubject(' ').sign(one.privateKey),
      'credentials-invalid',
      'the claim sub of the token names nobody',
    ],
    [
      'that nobody signed',
      () =>
        new UnsecuredJWT(claims())
          .setIssuer(issuer.url)
          .setAudience('yad')
          .setSubject('ada')
          .setExpirationTime(now() + 300)
          .encode(),
      'credentials-invalid',
      '',
    ],
    [
      'signed by another key of the same name',
      () => token(undefined, other.privateKey),
      'credentials-invalid',
      'the token is not one of our issuer, or was altered',
    ],
    [
      'of a key that the issuer does not have',
      () => token(undefined, other.privateKey, { kid: 'two' }),
      'credentials-invalid',
      'the token is not one of our issuer, or was altered',
    ],
    [
      'that were altered',
      async () => (await token()).replace(/\.(.)/, (_all, first) => `.${first === 'e' ? 'f' : 'e'}`),
      'credentials-invalid',
      '',
    ],
    ['that are none', () => 'eyJ', 'credentials-invalid', ''],
  ])('%s are refused', async (_what, make, kind, message) => {
    expect(await refusal(await make())).toEqual([kind, message === '' ? expect.any(String) : message]);
  });

  it('signed with HMAC under the public key as it is published are refused', async () => {
    const secrets = [await exportSPKI(one.publicKey), JSON.stringify(one.jwk), one.jwk.n!];
    for (const secret of secrets) {
      const forged = await unsigned(claims(), { alg: 'HS256' }).sign(Buffer.from(secret));
      expect((await refusal(forged))[0]).toBe('credentials-invalid');
    }
  });

  it('signed in a way that is not in the list are refused, also by a key of the issuer', async () => {
    const ec = await pair('ec', 'ES384');
    issuer.keys = [one.jwk, ec.jwk];
    const given = await token(claims(), ec.privateKey, { kid: 'ec', alg: 'ES384' });
    expect(await refusal(given)).toEqual(['credentials-invalid', 'the token is signed in a way that is not taken']);
    expect((await refusal(given, verifier({ algorithms: ['ES384'] })))[0]).toBe('let in');
  });

  it('of a new key are taken once it is published, and those of a withdrawn one are not', async () => {
    const of = verifier();
    await of.principalOf(await token());
    issuer.keys = [other.jwk];
    const renewed = await token(undefined, other.privateKey, { kid: 'two' });
    expect((await refusal(renewed, of))[0]).toBe('let in');
    expect((await refusal(await token(claims({ jti: '2' })), of))[0]).toBe('credentials-invalid');
  });

  it('of unknown keys do not make the issuer be asked each time', async () => {
    const of = verifier({ cooldownMs: 60_000 });
    await of.principalOf(await token());
    const forged = await Promise.all(
      Array.from({ length: 20 }, (_, i) => token(claims({ jti: `${i}` }), other.privateKey, { kid: `k${i}` })),
    );
    for (const each of forged) expect((await refusal(each, of))[0]).toBe('credentials-invalid');
    expect(issuer.fetches).toBe(1);
  });

  it('cannot be told while the issuer never answered, which is not told as their fault', async () => {
    issuer.away = true;
    expect((await refusal(await token()))[0]).toBe('sign-in-unavailable');
  });

  it('of an issuer whose document is of another one are not taken', async () => {
    const { document } = issuer;
    for (const wrong of [
      { issuer: 'https://evil.example' },
      { jwks_uri: 'http://evil.example/keys' },
      { jwks_uri: 1 },
    ]) {
      issuer.document = (url) => ({ ...document(url), ...wrong });
      expect((await refusal(await token()))[0]).toBe('sign-in-unavailable');
    }
    issuer.document = document;
    expect((await refusal(await token(), verifier({ jwksUrl: `${issuer.url}/keys` })))[0]).toBe('let in');
  });

  it.each([
    ['https://id.example/keys', true],
    ['http://127.0.0.1:8080/keys', true],
    ['http://localhost/keys', true],
    ['http://[::1]/keys', true],
    ['http://id.example/keys', false],
    ['http://127.0.0.1.evil.example/keys', false],
    ['file:///etc/keys', false],
    ['keys', false],
  ])('come with keys from %s: %s', (url, safe) => {
    expect(isSafeUrl(url)).toBe(safe);
  });

  it('are not verified by keys that are too short', async () => {
    const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 1024 });
    issuer.keys = [{ ...(publicKey.export({ format: 'jwk' }) as JWK), kid: 'short', alg: 'RS256' }];
    const given = [
      { alg: 'RS256', kid: 'short' },
      { iss: issuer.url, aud: 'yad', sub: 'ada', exp: now() + 300 },
    ]
      .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
      .join('.');
    const { sign } = await import('node:crypto');
    const signature = sign('sha256', Buffer.from(given), privateKey).toString('base64url');
    expect((await refusal(`${given}.${signature}`))[0]).toBe('credentials-invalid');
  });
});
