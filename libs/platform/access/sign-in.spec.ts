import type { IncomingHttpHeaders } from 'node:http';
import { describe, expect, it } from '@jest/globals';
import { ROLES } from '#platform/kernel/command.js';
import { NotSignedIn } from './not-signed-in.js';
import type { Principal } from './principal.js';
import { SignIn } from './sign-in.js';

const shop: Principal = { actor: 'shop', roles: new Set(['service']), by: 'api-key' };
const ada: Principal = { actor: 'user:ada', roles: new Set(['analyst']), by: 'token' };
const keys = (any: boolean) => ({ any, principalOf: () => shop });
const tokens = { principalOf: () => ada };

/** Who it is, or the `WWW-Authenticate` of the refusal. */
function asked(signIn: SignIn, headers: IncomingHttpHeaders): string {
  try {
    return (signIn.authenticate(headers) as Principal).actor;
  } catch (error) {
    return (error as NotSignedIn).challenge;
  }
}

describe('without credentials', () => {
  it('is the developer, with everything, where nothing is set up and on this machine alone', () => {
    const signIn = new SignIn({ keys: keys(false), onLoopback: true });
    expect(signIn.isOpen).toBe(true);
    expect(signIn.authenticate({})).toEqual({
      actor: 'developer',
      roles: new Set(ROLES),
      personalDataFor: 'development',
      by: 'development',
    });
  });

  it.each([
    ['once a key was made', { keys: keys(true), onLoopback: true }],
    ['once an issuer is set', { keys: keys(false), tokens, onLoopback: true }],
    ['on another address', { keys: keys(false), onLoopback: false }],
  ])('is nobody %s', (_when, options) => {
    const signIn = new SignIn(options);
    expect([signIn.isOpen, asked(signIn, {})]).toEqual([false, 'Bearer realm="yad"']);
  });

  it.each(['x-forwarded-for', 'forwarded', 'x-real-ip', 'via'])(
    'is nobody where a proxy brought the request: %s',
    (name) => {
      const signIn = new SignIn({ keys: keys(false), onLoopback: true });
      expect(asked(signIn, { [name]: '203.0.113.9' })).toBe('Bearer realm="yad"');
    },
  );
});

describe('with credentials', () => {
  const signIn = new SignIn({ keys: keys(true), tokens, onLoopback: true });

  it.each([
    ['Bearer yad_0', 'shop'],
    ['bearer  yad_0', 'shop'],
    ['Bearer eyJ', 'user:ada'],
  ])('asks who knows them: %s', (authorization, actor) => {
    expect(asked(signIn, { authorization })).toBe(actor);
  });

  it.each(['Basic YWRhOmFkYQ==', 'yad_0', '', 'Bearer', 'Bearer a b'.replace(' b', '  ').slice(0, 6)])(
    'of another form are refused: %s',
    (authorization) => {
      expect(asked(signIn, { authorization })).toMatch(/^Bearer realm="yad", error="invalid_token", error_desc/);
    },
  );

  it('are refused where nothing is set up that could know them: they are not passed over', () => {
    const open = new SignIn({ keys: keys(false), onLoopback: true });
    expect(asked(open, { authorization: 'Bearer eyJ' })).toContain('no issuer of tokens is set');
  });
});

it('a challenge keeps to its quotes, whatever it tells', () => {
  const { challenge } = new NotSignedIn('invalid', 'a "quote", a back\\slash, a \r\nline and ö');
  expect(challenge).toBe(
    'Bearer realm="yad", error="invalid_token", error_description="a quote, a backslash, a line and "',
  );
});
