import type { IncomingHttpHeaders } from 'node:http';
import type { Role } from '#platform/kernel/command.js';

/** Who is asking, and what for they may. */
export interface Principal {
  /** The actor of the events that its commands write: no two principals share one, and none can name another's. */
  readonly actor: string;
  readonly roles: ReadonlySet<Role>;
  /**
   * What for it may see personal values at any time, as its key or token says. Absent: they are masked, unless its roles
   * let it reveal them and it gives a reason.
   */
  readonly personalDataFor?: string;
  /** How it signed in. `development`: not at all, as nothing is set up to sign in with. */
  readonly by: 'api-key' | 'token' | 'development';
}

/**
 * Says from the headers who is asking.
 * @throws NotSignedIn when nobody can be made out, SignInUnavailable when it cannot be told now; rejects with the same
 */
export interface Authenticator {
  authenticate(headers: IncomingHttpHeaders): Principal | Promise<Principal>;
}

/** The actor of who signs in with nothing, while nothing is set up to sign in with. No key and no token has this name. */
export const DEVELOPER = 'developer';
