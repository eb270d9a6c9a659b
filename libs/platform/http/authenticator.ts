import type { IncomingHttpHeaders } from 'node:http';
import type { Authenticator, Principal } from '#platform/access/principal.js';
import { MOST_ACTOR } from '#platform/command-handling/command-message.js';
import type { Role } from '#platform/kernel/command.js';
import { headerText } from './header-text.js';
import { HttpProblem, InvalidRequest } from './problem.js';

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
    const principal: Principal = {
      by: 'development',
      personalDataFor: 'development',
      actor,
      roles: roles === undefined ? allRoles : narrowed(roles),
    };
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
