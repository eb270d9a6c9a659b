import { createRemoteJWKSet, type JWTVerifyGetKey } from 'jose';
import { SignInUnavailable } from '../not-signed-in.js';

export interface IssuerKeysOptions {
  readonly issuer: string;
  /** Where its keys are; absent: where its `.well-known/openid-configuration` says. */
  readonly jwksUrl?: string;
  /** Unknown keys make the set be fetched again, at most once in so long. */
  readonly cooldownMs?: number;
}

/** How long an answer of the issuer is waited for. */
const TIMEOUT_MS = 3_000;
/** A key that is not in the set may be new. */
const COOLDOWN_MS = 10_000;
/** From then on the set is fetched again while the one before goes on: a withdrawn key is gone by then. */
const REFRESH_MS = 300_000;
/** How long a set is gone by when its issuer does not answer. */
const MOST_AGE_MS = 3_600_000;
/** Where the issuer was asked in vain, it is asked again after so long: not by every request. */
const RETRY_MS = 1_000;

type KeySet = ReturnType<typeof createRemoteJWKSet>;

/** The public keys of an issuer: fetched when the first token comes, kept, and fetched anew in the background. */
export class IssuerKeys {
  private set: KeySet | undefined;
  private opening: Promise<KeySet> | undefined;
  private refreshedAt = 0;
  private failedAt = Number.NEGATIVE_INFINITY;
  private readonly cooldownMs: number;

  constructor(private readonly options: IssuerKeysOptions) {
    this.cooldownMs = options.cooldownMs ?? COOLDOWN_MS;
  }

  /** The key that a token says it was signed with. @throws SignInUnavailable; jose's errors where there is no such key */
  readonly keyOf: JWTVerifyGetKey = async (header, token) => {
    const set = await this.open();
    this.refresh(set);
    const before = set.jwks();
    try {
      return await set(header, token);
    } catch (error) {
      // Jose's own errors tell of a key set that was fetched; anything else is a network that failed.
      if (before === undefined || !isOfJose(error) || isFetch(error)) throw unavailable(error);
      throw error;
    }
  };

  private async open(): Promise<KeySet> {
    if (this.set) return this.set;
    if (performance.now() - this.failedAt < RETRY_MS) throw unavailable();
    this.opening ??= this.fetchFirst().finally(() => (this.opening = undefined));
    return this.opening;
  }

  private async fetchFirst(): Promise<KeySet> {
    try {
      const url = this.options.jwksUrl ?? (await this.discovered());
      const set = createRemoteJWKSet(new URL(url), {
        timeoutDuration: TIMEOUT_MS,
        cooldownDuration: this.cooldownMs,
        cacheMaxAge: MOST_AGE_MS,
      });
      await set.reload();
      this.refreshedAt = performance.now();
      return (this.set = set);
    } catch (error) {
      this.failedAt = performance.now();
      throw unavailable(error);
    }
  }

  private refresh(set: KeySet): void {
    const now = performance.now();
    if (now - this.refreshedAt < REFRESH_MS) return;
    this.refreshedAt = now;
    set.reload().catch(() => {});
  }

  /** @throws Error when the issuer's document is another's, or leads to a place that nobody protects */
  private async discovered(): Promise<string> {
    const { issuer } = this.options;
    const at = `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
    const answer = await fetch(at, { redirect: 'error', signal: AbortSignal.timeout(TIMEOUT_MS) });
    if (!answer.ok) throw new Error(`${at} answered ${answer.status}`);
    const { issuer: named, jwks_uri: url } = (await answer.json()) as { issuer?: unknown; jwks_uri?: unknown };
    if (named !== issuer) throw new Error(`${at} is of the issuer ${String(named)}, not of ${issuer}`);
    if (typeof url !== 'string' || !isSafeUrl(url)) throw new Error(`${at} names no https address of keys`);
    return url;
  }
}

/** Keys come over https; over http from this machine alone, or whoever is in between could put in their own. */
export function isSafeUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, hostname } = new URL(text);
  if (protocol === 'https:') return true;
  return (
    protocol === 'http:' && (hostname === 'localhost' || hostname === '[::1]' || /^127(\.\d{1,3}){3}$/.test(hostname))
  );
}

const isOfJose = (error: unknown): boolean => String((error as { code?: unknown })?.code).startsWith('ERR_J');
/** What jose says of a fetch that failed, and of nothing else. */
const isFetch = (error: unknown): boolean =>
  ['ERR_JWKS_TIMEOUT', 'ERR_JOSE_GENERIC', 'ERR_JWKS_INVALID'].includes((error as { code: string }).code);

const unavailable = (cause?: unknown): SignInUnavailable =>
  Object.assign(new SignInUnavailable('the keys of the issuer of tokens cannot be read'), { cause });
