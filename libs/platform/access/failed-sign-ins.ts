import { RateLimiter, type Rate } from './rate-limit.js';

/** Credentials that have signed in while others failed, at most. */
const MOST_GOOD = 1_000;

/**
 * Bounds the requests from one address that nobody could be made out for: guessing costs time, and checking a token costs
 * more than sending one. An address may be that of a proxy with everybody behind it, so credentials that have signed in
 * from it while others failed go on.
 */
export class FailedSignIns {
  private readonly byAddress: RateLimiter;
  private readonly good = new Set<string>();

  constructor(rate: Rate, now?: () => number) {
    this.byAddress = new RateLimiter(rate, now);
  }

  /** Whether there is anybody to look out for: without, nothing needs to be noted or asked. */
  get areAny(): boolean {
    return this.byAddress.size > 0;
  }

  /** Notes a request that failed. */
  failed(address: string): void {
    this.byAddress.charge(networkOf(address), 1);
  }

  /** Notes credentials that have signed in. */
  succeeded(credentials: string | undefined): void {
    if (credentials === undefined || this.good.has(credentials)) return;
    // Who is good signs in again; nobody has to be remembered for long.
    if (this.good.size >= MOST_GOOD) this.good.clear();
    this.good.add(credentials);
  }

  /** Whether a request is refused before anybody looks who sends it. */
  refuses(address: string, credentials: string | undefined): boolean {
    if (!this.byAddress.isEmpty(networkOf(address))) return false;
    return credentials === undefined || !this.good.has(credentials);
  }
}

/** Of IPv6 the network that one customer of a provider has: addresses in it are as many as one likes. */
export function networkOf(address: string): string {
  if (!address.includes(':') || address.startsWith('::ffff:')) return address;
  const [head = ''] = address.split('::');
  return `${[...head.split(':'), '0', '0', '0', '0'].slice(0, 4).join(':')}::/64`;
}
