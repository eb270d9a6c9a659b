import { hash } from 'node:crypto';
import { errors, jwtVerify, type JWTPayload } from 'jose';
import type { Clock } from '#platform/kernel/clock.js';
import { ROLES, type Role } from '#platform/kernel/command.js';
import { isVisible } from '#platform/kernel/text.js';
import { isStorable } from '#platform/kernel/unsafe-input.js';
import { NotSignedIn, SignInUnavailable } from '../not-signed-in.js';
import type { Principal } from '../principal.js';
import type { TokenVerifier } from '../sign-in.js';
import { IssuerKeys } from './issuer-keys.js';

/** Ways of signing with a key pair. Never `none`, and none whose verifying key could sign. */
export const ALGORITHMS = [
  ...['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'],
  ...['ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'],
] as const;

export interface TokenOptions {
  /** The `iss` of its tokens, letter by letter. */
  readonly issuer: string;
  /** What they must be for: one of these in `aud`. */
  readonly audience: readonly string[];
  readonly jwksUrl?: string;
  readonly algorithms: readonly string[];
  /** How far the clocks of issuer and service may be apart, in seconds. */
  readonly toleranceS: number;
  /** The claim that names who it is, and what stands before it in the name of the actor. */
  readonly actorClaim: string;
  readonly actorPrefix: string;
  /** The claim with the roles: names of members with dots between. */
  readonly rolesClaim: string;
  /** By a value of that claim, the roles that it gives. */
  readonly roles: ReadonlyMap<string, readonly Role[]>;
  /** The value of that claim that lets its holder see personal values. */
  readonly personalData?: string;
  readonly cooldownMs?: number;
}

interface Verified {
  readonly principal: Principal;
  /** Milliseconds since 1970 from which on the token is checked again. */
  readonly until: number;
}

/** What was checked counts so long: a key that its issuer has withdrawn is gone by then, as far as we have heard. */
const REMEMBERED_MS = 60_000;
const MOST_REMEMBERED = 10_000;
const MOST_ACTOR = 200;

/** Checks the tokens (JWT) of one issuer. */
export class JwtVerifier implements TokenVerifier {
  private readonly verified = new Map<string, Verified>();
  private readonly keys: IssuerKeys;

  constructor(
    private readonly options: TokenOptions,
    private readonly clock: Clock,
  ) {
    this.keys = new IssuerKeys(options);
  }

  principalOf(token: string): Principal | Promise<Principal> {
    // By its hash: what lies in memory signs nobody in.
    const name = hash('sha256', token, 'base64');
    const known = this.verified.get(name);
    if (known) {
      if (known.until > this.clock.now().getTime()) return known.principal;
      this.verified.delete(name);
    }
    return this.verify(token, name);
  }

  private async verify(token: string, name: string): Promise<Principal> {
    const now = this.clock.now();
    const { toleranceS } = this.options;
    const payload = await this.payloadOf(token, now);
    const principal = this.principal(payload);
    const ends = (payload.exp! + toleranceS) * 1000;
    // Those that were put in first go first.
    if (this.verified.size >= MOST_REMEMBERED) this.verified.delete(this.verified.keys().next().value!);
    this.verified.set(name, { principal, until: Math.min(ends, now.getTime() + REMEMBERED_MS) });
    return principal;
  }

  private async payloadOf(token: string, currentDate: Date): Promise<JWTPayload> {
    const { issuer, audience, algorithms, toleranceS: clockTolerance } = this.options;
    try {
      const { payload } = await jwtVerify(token, this.keys.keyOf, {
        issuer,
        audience: [...audience],
        algorithms: [...algorithms],
        clockTolerance,
        currentDate,
        requiredClaims: ['exp'],
      });
      return payload;
    } catch (error) {
      if (error instanceof SignInUnavailable) throw error;
      if (error instanceof errors.JWTExpired) throw new NotSignedIn('expired', 'the token has expired');
      throw new NotSignedIn('invalid', whyOf(error));
    }
  }

  private principal(payload: JWTPayload): Principal {
    const { actorClaim, actorPrefix, rolesClaim, roles, personalData } = this.options;
    const named = payload[actorClaim];
    const actor = actorPrefix + String(named);
    if (typeof named !== 'string' || !isVisible(named) || !isStorable(actor) || actor.length > MOST_ACTOR) {
      throw new NotSignedIn('invalid', `the claim ${actorClaim} of the token names nobody`);
    }
    const values = valuesAt(payload, rolesClaim);
    const given = new Set(values.flatMap((value) => roles.get(value) ?? []));
    return {
      actor,
      roles: new Set(ROLES.filter((role) => given.has(role))),
      ...(personalData !== undefined && values.includes(personalData) && { personalDataFor: personalData }),
      by: 'token',
    };
  }
}

/** Why a token is not taken, in words that help whoever sets it up, and nobody who makes one. */
function whyOf(error: unknown): string {
  if (error instanceof errors.JWTClaimValidationFailed)
    return `the claim ${error.claim} of the token is not as it must be`;
  if (error instanceof errors.JOSEAlgNotAllowed) return 'the token is signed in a way that is not taken';
  return 'the token is not one of our issuer, or was altered';
}

/** The texts in a claim: of a list, or between blanks, as `scope` has them. */
function valuesAt(payload: JWTPayload, path: string): string[] {
  let at: unknown = payload;
  // A claim whose name has dots itself (`https://example.org/roles`) goes before the path.
  if (Object.hasOwn(payload, path)) at = payload[path];
  else {
    for (const step of path.split('.')) {
      if (typeof at !== 'object' || at === null || !Object.hasOwn(at, step)) return [];
      at = (at as Record<string, unknown>)[step];
    }
  }
  if (typeof at === 'string') return at.split(' ').filter((value) => value !== '');
  return Array.isArray(at) ? at.filter((value) => typeof value === 'string') : [];
}
