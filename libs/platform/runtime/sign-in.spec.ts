import { describe, expect, it } from '@jest/globals';
import { readSettings } from './environment.js';
import { tokensOf } from './sign-in.js';

const whole = {
  YAD_JWT_ISSUER: 'https://id.example/realms/crm',
  YAD_JWT_AUDIENCE: 'yad, crm',
  YAD_JWT_ROLES: 'crm-analyst=analyst, crm-admin=admin,crm-admin=auditor,urn:x=y=service',
};

describe('the settings of tokens', () => {
  it('say whose tokens sign in, and what their roles are', () => {
    expect(tokensOf(readSettings(whole))).toEqual({
      issuer: 'https://id.example/realms/crm',
      audience: ['yad', 'crm'],
      roles: new Map([
        ['crm-analyst', ['analyst']],
        ['crm-admin', ['admin', 'auditor']],
        ['urn:x=y', ['service']],
      ]),
      algorithms: ['RS256', 'PS256', 'ES256', 'EdDSA'],
      toleranceS: 30,
      actorClaim: 'sub',
      actorPrefix: 'user:',
      rolesClaim: 'roles',
    });
    expect(tokensOf(readSettings({}))).toBeUndefined();
  });

  it.each<[string, Record<string, string>, string]>([
    ['an issuer over http', { ...whole, YAD_JWT_ISSUER: 'http://id.example' }, 'YAD_JWT_ISSUER is'],
    ['keys over http', { ...whole, YAD_JWT_JWKS_URL: 'http://id.example/keys' }, 'YAD_JWT_JWKS_URL is'],
    ['no audience', { ...whole, YAD_JWT_AUDIENCE: '' }, 'YAD_JWT_AUDIENCE is not set'],
    ['no roles', { ...whole, YAD_JWT_ROLES: '' }, 'YAD_JWT_ROLES is not set'],
    ['a role that is none', { ...whole, YAD_JWT_ROLES: 'a=root' }, "has 'a=root', which is not of the form value=role"],
    ['a value without a role', { ...whole, YAD_JWT_ROLES: 'analyst' }, "has 'analyst', which is not"],
    ['no signature', { ...whole, YAD_JWT_ALGORITHMS: 'RS256,none' }, 'YAD_JWT_ALGORITHMS is'],
    ['a shared secret', { ...whole, YAD_JWT_ALGORITHMS: 'HS256' }, 'YAD_JWT_ALGORITHMS is'],
    ['an actor that a key could be called', { ...whole, YAD_JWT_ACTOR_PREFIX: 'user' }, 'YAD_JWT_ACTOR_PREFIX is'],
    ['an hour of tolerance', { ...whole, YAD_JWT_TOLERANCE_SECONDS: '3600' }, 'YAD_JWT_TOLERANCE_SECONDS is'],
    [
      'all but the issuer',
      { ...whole, YAD_JWT_ISSUER: '' },
      'YAD_JWT_ISSUER is not set, but YAD_JWT_AUDIENCE, YAD_JWT_ROLES',
    ],
  ])('refuse %s, by its name', (_what, env, message) => {
    expect(() => tokensOf(readSettings(env))).toThrow(message);
  });
});
