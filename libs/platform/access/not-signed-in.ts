import { YadError } from '#platform/kernel/errors.js';

/**
 * Why it is not known who is asking. `none`: there are no credentials. `invalid`: they are nobody's, which says nothing
 * of whether there was ever such a key. `expired` and `revoked` are told to those alone who have the whole secret.
 */
export type Why = 'none' | 'invalid' | 'expired' | 'revoked';

const KINDS: Readonly<Record<Why, string>> = {
  none: 'unauthenticated',
  invalid: 'credentials-invalid',
  expired: 'credentials-expired',
  revoked: 'credentials-revoked',
};

/** It is not known who is asking. */
export class NotSignedIn extends YadError {
  readonly kind: string;

  constructor(
    readonly why: Why,
    message: string,
  ) {
    super(message);
    this.kind = KINDS[why];
  }

  /** The value of `WWW-Authenticate` (RFC 6750): what to sign in with, and what was wrong with what came. */
  get challenge(): string {
    if (this.why === 'none') return 'Bearer realm="yad"';
    return `Bearer realm="yad", error="invalid_token", error_description="${this.message.replace(/[^ !#-[\]-~]/g, '')}"`;
  }
}

/** Who is asking cannot be told now: where the keys lie, or who made the token, does not answer. */
export class SignInUnavailable extends YadError {
  readonly kind = 'sign-in-unavailable';
}
