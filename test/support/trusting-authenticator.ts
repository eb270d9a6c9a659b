import type { IncomingHttpHeaders } from 'node:http';
import { DEVELOPER, type Authenticator, type Principal } from '#platform/access/principal.js';
import { ROLES, type Role } from '#platform/kernel/command.js';

export interface Said {
  /** The developer unless told otherwise. */
  readonly actor?: string;
  /** All of them unless told otherwise. */
  readonly roles?: readonly Role[];
  /** None unless told otherwise; the developer of no headers at all sees personal data. */
  readonly personalDataFor?: string;
}

/** The headers of a request by somebody, for apps whose authenticator is the trusting one. */
export const as = (said: Said): Record<string, string> => ({
  authorization: `Test ${Buffer.from(JSON.stringify(said)).toString('base64url')}`,
});

/** For specs alone: believes what `as` says. A request that says nothing is the developer's, as where nobody signs in. */
export class TrustingAuthenticator implements Authenticator {
  authenticate({ authorization }: IncomingHttpHeaders): Principal {
    const said = authorization?.startsWith('Test ') ? authorization.slice(5) : undefined;
    const {
      actor = DEVELOPER,
      roles = ROLES,
      personalDataFor,
    }: Said = said === undefined
      ? { personalDataFor: 'development' }
      : JSON.parse(Buffer.from(said, 'base64url').toString());
    return { actor, roles: new Set(roles), personalDataFor, by: 'development' };
  }
}
