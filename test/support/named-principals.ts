import type { IncomingHttpHeaders } from 'node:http';
import type { Authenticator, Principal } from '#platform/access/principal.js';
import { NotSignedIn } from '#platform/access/not-signed-in.js';
import type { Role } from '#platform/kernel/command.js';

/** A principal with one role. */
export const principal = (role: Role, personalDataFor?: string): Principal => ({
  actor: personalDataFor === undefined ? role : `${role} for ${personalDataFor}`,
  roles: new Set([role]),
  ...(personalDataFor !== undefined && { personalDataFor }),
  by: 'api-key',
});

/** Believes the header `x-as`, which names one of some principals: for specs of what these may do. */
export class NamedPrincipals implements Authenticator {
  constructor(private readonly principals: Readonly<Record<string, Principal>>) {}

  authenticate(headers: IncomingHttpHeaders): Principal {
    const found = this.principals[String(headers['x-as'])];
    if (!found) throw new NotSignedIn('none', 'nobody is named so');
    return found;
  }
}
