import { z } from 'zod';
import { isSafeUrl } from '#platform/access/tokens/issuer-keys.js';
import { ALGORITHMS } from '#platform/access/tokens/jwt-verifier.adapter.js';
import { isPolicyActor } from '#platform/kernel/policy.js';
import { ROLES, type Role } from '#platform/kernel/command.js';
import { required, setting, whole, words } from './setting.js';

const safeUrl = z
  .string()
  .refine(isSafeUrl, { error: 'is not an https address (http is taken from this machine alone)' });

const algorithms: readonly string[] = ALGORITHMS;

/** `value=role` between commas; a value may be given several roles, one by one. */
const roleMapping = z.string().transform((text, context): ReadonlyMap<string, readonly Role[]> => {
  const found = new Map<string, Role[]>();
  for (const part of text.split(',').map((each) => each.trim())) {
    if (part === '') continue;
    const at = part.lastIndexOf('=');
    const [value, name] = [part.slice(0, Math.max(at, 0)).trim(), part.slice(at + 1).trim()];
    const role = ROLES.find((each) => each === name);
    if (value === '' || !role) {
      const message = `has '${part}', which is not of the form value=role with one of ${ROLES.join(', ')}`;
      context.addIssue({ code: 'custom', message });
      return z.NEVER;
    }
    found.set(value, [...(found.get(value) ?? []), role]);
  }
  return found;
});

/** The settings of tokens (JWT), one area of the list in settings.ts. */
export const signInSettings = {
  YAD_JWT_ISSUER: setting({
    area: 'sign-in',
    schema: safeUrl,
    meaning: 'Whose tokens (JWT) sign in: their `iss`, letter by letter. Without it API keys alone do.',
  }),
  YAD_JWT_AUDIENCE: required({
    area: 'sign-in',
    schema: words,
    otherwise: [] as string[],
    meaning: 'What tokens must be for, between commas: one of these stands in their `aud`. Needed with YAD_JWT_ISSUER.',
  }),
  YAD_JWT_JWKS_URL: setting({
    area: 'sign-in',
    schema: safeUrl,
    meaning: "Where the issuer's public keys are. Without it where its .well-known/openid-configuration says.",
  }),
  YAD_JWT_ALGORITHMS: required({
    area: 'sign-in',
    schema: words.refine((named) => named.length > 0 && named.every((each) => algorithms.includes(each)), {
      error: `names something else than ${algorithms.join(', ')}`,
    }),
    otherwise: ['RS256', 'PS256', 'ES256', 'EdDSA'],
    meaning: `How tokens may be signed, between commas: ${algorithms.join(', ')}.`,
  }),
  YAD_JWT_TOLERANCE_SECONDS: required({
    area: 'sign-in',
    schema: whole(0, 300),
    otherwise: 30,
    meaning: 'How far the clocks of issuer and service may be apart, in seconds.',
  }),
  YAD_JWT_ACTOR_CLAIM: required({
    area: 'sign-in',
    schema: z.string().min(1).max(200),
    otherwise: 'sub',
    meaning:
      'The claim that names who it is. The actor of events is for good: take one that never changes and tells no person, such as sub.',
  }),
  YAD_JWT_ACTOR_PREFIX: required({
    area: 'sign-in',
    schema: z
      .string()
      .regex(/^[a-z][a-z0-9-]{0,30}:$/, {
        error: 'is not of small letters, digits and dashes with a colon at the end, such as user:',
      })
      // A token could else be taken for a policy, and its commands for what a policy has sent already.
      .refine((prefix) => !isPolicyActor(prefix), { error: 'is how policies are named' }),
    otherwise: 'user:',
    meaning:
      'What the name of an actor begins with that a token names: no key is called so. Another one for another issuer.',
  }),
  YAD_JWT_ROLES_CLAIM: required({
    area: 'sign-in',
    schema: z.string().min(1).max(200),
    otherwise: 'roles',
    meaning:
      'The claim with the roles, a list or words between blanks; with dots within others, such as realm_access.roles.',
  }),
  YAD_JWT_ROLES: required({
    area: 'sign-in',
    schema: roleMapping,
    otherwise: new Map() as ReadonlyMap<string, readonly Role[]>,
    meaning:
      'Which values of that claim give which roles: crm-analyst=analyst,crm-admin=admin. Needed with YAD_JWT_ISSUER: no other value gives any.',
  }),
  YAD_JWT_PERSONAL_DATA: setting({
    area: 'sign-in',
    schema: z.string().min(1).max(200),
    meaning: 'The value of that claim whose holders see personal values at any time; it is noted as what for.',
  }),
};
