import type { IncomingHttpHeaders } from 'node:http';
import { ROLES } from '#platform/kernel/command.js';
import { API_KEY_PREFIX } from './api-key.js';
import type { KeyRing } from './key-ring.js';
import { NotSignedIn } from './not-signed-in.js';
import { DEVELOPER, type Authenticator, type Principal } from './principal.js';

/** Who checks tokens. */
export interface TokenVerifier {
  /**
   * Whose token this is: at once where it was checked lately.
   * @throws NotSignedIn, SignInUnavailable; rejects with the same
   */
  principalOf(token: string): Principal | Promise<Principal>;
}

export interface SignInOptions {
  readonly keys: Pick<KeyRing, 'principalOf' | 'any'>;
  /** Where an issuer of tokens is set. */
  readonly tokens?: TokenVerifier;
  /** Whether the app is reached from this machine alone. */
  readonly onLoopback: boolean;
}

const developer: Principal = {
  actor: DEVELOPER,
  roles: new Set(ROLES),
  personalDataFor: 'development',
  by: 'development',
};

/**
 * Who is asking, by `Authorization: Bearer …`: an API key, or a token of the issuer. Where neither was ever set up, and on
 * this machine alone, who sends no credentials is the developer.
 */
export class SignIn implements Authenticator {
  constructor(private readonly options: SignInOptions) {}

  /** Whether something is set up to sign in with. @throws SignInUnavailable when that cannot be told */
  get isSetUp(): boolean {
    return this.options.tokens !== undefined || this.options.keys.any;
  }

  /** Whether requests without credentials act as the developer. @throws SignInUnavailable when that cannot be told */
  get isOpen(): boolean {
    return this.options.onLoopback && !this.isSetUp;
  }

  authenticate(headers: IncomingHttpHeaders): Principal | Promise<Principal> {
    const { authorization } = headers;
    if (authorization === undefined) return this.withoutCredentials(headers);
    const credentials = bearerIn(authorization);
    if (credentials.startsWith(API_KEY_PREFIX)) return this.options.keys.principalOf(credentials);
    const { tokens } = this.options;
    if (tokens) return tokens.principalOf(credentials);
    throw new NotSignedIn('invalid', 'this is not an API key, and no issuer of tokens is set');
  }

  private withoutCredentials(headers: IncomingHttpHeaders): Principal {
    if (!this.isOpen) {
      throw new NotSignedIn('none', 'sign in: send Authorization: Bearer with an API key or a token');
    }
    // A proxy on this machine may bring requests from anywhere, and then this is no machine of one developer.
    for (const name of BY_PROXIES) {
      if (headers[name] === undefined) continue;
      const how = 'set up sign-in: yad keys create, or YAD_JWT_ISSUER';
      throw new NotSignedIn(
        'none',
        `the request came by a proxy (${name}), and nothing is set up to sign in with; ${how}`,
      );
    }
    return developer;
  }
}

const BY_PROXIES = ['x-forwarded-for', 'forwarded', 'x-real-ip', 'via'] as const;

/** The credentials of a header such as `Bearer yad_…`. @throws NotSignedIn for another scheme */
function bearerIn(authorization: string): string {
  if (authorization.startsWith('Bearer ')) return authorization.slice(7);
  const [, credentials] = /^Bearer +([^ ]+) *$/i.exec(authorization) ?? [];
  if (credentials !== undefined) return credentials;
  throw new NotSignedIn('invalid', 'the Authorization header is not of the form: Bearer, a blank, a key or token');
}
