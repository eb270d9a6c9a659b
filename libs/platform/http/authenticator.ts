import type { IncomingHttpHeaders } from 'node:http';
import type { Role } from '#platform/kernel/command.js';
import { HttpProblem } from './problem.js';

/** Who is asking, and what for they may. */
export interface Principal {
  readonly actor: string;
  readonly roles: ReadonlySet<Role>;
}

/** Says from the headers who is asking. Rejects with an HttpProblem `unauthenticated` when nobody can be made out. */
export interface Authenticator {
  authenticate(headers: IncomingHttpHeaders): Principal | Promise<Principal>;
}

const allRoles: ReadonlySet<Role> = new Set<Role>(['service', 'analyst', 'auditor', 'privacy', 'admin']);

/**
 * For development: believes the `Yad-Actor` header and grants every role, which `Yad-Roles` (comma-separated) narrows.
 */
export class TrustingAuthenticator implements Authenticator {
  private readonly principals = new Map<string, Principal>();

  authenticate(headers: IncomingHttpHeaders): Principal {
    const actor = (headers['yad-actor'] as string | undefined) ?? 'anonymous';
    const roles = headers['yad-roles'] as string | undefined;
    const known = roles === undefined ? this.principals.get(actor) : undefined;
    if (known) return known;
    if (actor.length === 0 || actor.length > 200) {
      throw new HttpProblem('unauthenticated', 'Yad-Actor must have 1 to 200 characters');
    }
    const principal = { actor, roles: roles === undefined ? allRoles : narrowed(roles) };
    if (roles === undefined) {
      if (this.principals.size >= 1000) this.principals.clear();
      this.principals.set(actor, principal);
    }
    return principal;
  }
}

function narrowed(roles: string): ReadonlySet<Role> {
  const named = roles.split(',').map((role) => role.trim());
  return new Set([...allRoles].filter((role) => named.includes(role)));
}

/** @throws HttpProblem forbidden, unless the principal has one of the roles. */
export function authorise(principal: Principal, allowed: readonly Role[], what: string): void {
  for (const role of allowed) if (principal.roles.has(role)) return;
  throw new HttpProblem('forbidden', `${what} needs one of the roles ${allowed.join(', ')}`);
}
