import type { IncomingHttpHeaders } from 'node:http';
import { MOST_ACTOR } from '#platform/command-handling/command-message.js';
import type { Role } from '#platform/kernel/command.js';
import { headerText } from './header-text.js';
import { HttpProblem, InvalidRequest } from './problem.js';

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
    const actor = actorOf(headers);
    const roles = headers['yad-roles'] as string | undefined;
    const known = roles === undefined ? this.principals.get(actor) : undefined;
    if (known) return known;
    const principal = { actor, roles: roles === undefined ? allRoles : narrowed(roles) };
    if (roles === undefined) {
      if (this.principals.size >= 1000) this.principals.clear();
      this.principals.set(actor, principal);
    }
    return principal;
  }
}

function actorOf(headers: IncomingHttpHeaders): string {
  try {
    return headerText(headers, 'yad-actor', 'Yad-Actor', MOST_ACTOR) ?? 'anonymous';
  } catch (error) {
    if (!(error instanceof InvalidRequest)) throw error;
    throw new HttpProblem('unauthenticated', `Yad-Actor ${error.issues[0]!.message}`);
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
