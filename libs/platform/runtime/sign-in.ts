import { KeysThatStayEnded } from '#platform/access/api-keys/ended-keys.js';
import { PostgresApiKeys } from '#platform/access/api-keys/postgres-api-keys.adapter.js';
import { KeyRing } from '#platform/access/key-ring.js';
import { SignIn, type TokenVerifier } from '#platform/access/sign-in.js';
import { JwtVerifier, type TokenOptions } from '#platform/access/tokens/jwt-verifier.adapter.js';
import { systemClock } from '#platform/kernel/clock.js';
import type { Log } from '#platform/observability/log.js';
import type { Databases } from './connections.js';
import type { Lifecycle } from './lifecycle.js';
import { isThisMachine } from './connection-safety.js';
import { WrongSettings, type Environment } from './environment.js';
import { settings } from './settings.js';
import { signInSettings } from './sign-in-settings.js';

export interface SignInSettings {
  /** The address that the app listens on; this machine alone unless told otherwise. */
  readonly listensOn?: string;
  /** Where an issuer of tokens is set. */
  readonly tokens?: TokenVerifier;
}

/** Who may come in, as the settings say. */
export function signInOf(environment: Environment): SignInSettings {
  const tokens = tokensOf(environment);
  return { listensOn: environment.HOST, tokens: tokens && new JwtVerifier(tokens, systemClock) };
}

/** How tokens are checked; undefined where no issuer is set. @throws WrongSettings where something of it lacks */
export function tokensOf(environment: Environment): TokenOptions | undefined {
  const { YAD_JWT_ISSUER: issuer, YAD_JWT_AUDIENCE: audience, YAD_JWT_ROLES: roles } = environment;
  const given = (Object.keys(signInSettings) as (keyof typeof signInSettings)[]).filter(
    (name) => environment[name] !== undefined && environment[name] !== settings[name].otherwise,
  );
  if (issuer === undefined) {
    // Whoever has set the others believes that tokens are checked.
    if (given.length > 0) throw new WrongSettings([`YAD_JWT_ISSUER is not set, but ${given.join(', ')} is`]);
    return undefined;
  }
  const lacking = [
    ...(audience.length === 0 ? (['YAD_JWT_AUDIENCE'] as const) : []),
    ...(roles.size === 0 ? (['YAD_JWT_ROLES'] as const) : []),
  ];
  if (lacking.length > 0) {
    throw new WrongSettings(lacking.map((name) => `${name} is not set: ${settings[name].meaning}`));
  }
  return {
    issuer,
    audience,
    roles,
    jwksUrl: environment.YAD_JWT_JWKS_URL,
    algorithms: environment.YAD_JWT_ALGORITHMS,
    toleranceS: environment.YAD_JWT_TOLERANCE_SECONDS,
    actorClaim: environment.YAD_JWT_ACTOR_CLAIM,
    actorPrefix: environment.YAD_JWT_ACTOR_PREFIX,
    rolesClaim: environment.YAD_JWT_ROLES_CLAIM,
    personalData: environment.YAD_JWT_PERSONAL_DATA,
  };
}

/**
 * Who may come in: reads the keys, and goes on reading them until the end.
 * @param databases that of the keys, and that of the log, which knows for good which keys have ended
 * @throws WrongSettings where others than this machine would come in unasked
 */
export async function startSignIn(
  { keys: url, store: logUrl }: Pick<Databases, 'keys' | 'store'>,
  { listensOn = '127.0.0.1', tokens }: SignInSettings,
  lifecycle: Lifecycle,
  log: Pick<Log, 'info' | 'warn'>,
): Promise<{ signIn: SignIn; keys: KeyRing }> {
  const kept = await lifecycle.opened('keys', PostgresApiKeys.connect(url));
  const store = await lifecycle.opened('ended keys', KeysThatStayEnded.connect(kept, logUrl));
  const onTrouble = (trouble: unknown): void => {
    if (trouble === undefined) log.info('sign-in: the keys can be read again');
    else log.warn('sign-in: the keys cannot be read; those that are known go on for half a minute', { trouble });
  };
  const keys = new KeyRing(store, { clock: systemClock, onTrouble });
  lifecycle.onStop('sign-in', () => keys.close());
  await keys.start();
  const onLoopback = isThisMachine(listensOn);
  const signIn = new SignIn({ keys, tokens, onLoopback });
  if (!onLoopback && !signIn.isSetUp) {
    throw new WrongSettings([
      `HOST is '${listensOn}', which others than this machine reach, and nothing is set up to sign in with: ` +
        `make a key (yad keys create --name shop --role service), or name an issuer of tokens (YAD_JWT_ISSUER), ` +
        `or leave HOST out`,
    ]);
  }
  return { signIn, keys };
}

/** What the line of an app's start says beside where it answers; empty once there is something to sign in with. */
export const openNote = ({ isOpen }: Pick<SignIn, 'isOpen'>): string =>
  isOpen
    ? '; nobody signs in: who sends no credentials is the developer, with all roles, until a key is made (yad keys create) or YAD_JWT_ISSUER is set'
    : '';
