import type { FastifyReply, FastifyRequest } from 'fastify';
import { varyBy } from './vary.js';

/** What pages may send beside what any page may. */
const REQUEST_HEADERS = [
  'Authorization',
  'Content-Type',
  'Content-Encoding',
  'Idempotency-Key',
  'If-Match',
  'If-None-Match',
  'Last-Event-ID',
  'Prefer',
  'Traceparent',
  'Yad-Causation-Id',
  'Yad-Correlation-Id',
  'Yad-Occurred-At',
  'Yad-On-Behalf-Of',
  'Yad-Reason',
  'Yad-Reveal',
].join(', ');

/** What pages may read of an answer beside its body. */
const ANSWER_HEADERS = [
  'Allow',
  'ETag',
  'Location',
  'RateLimit',
  'RateLimit-Policy',
  'Retry-After',
  'WWW-Authenticate',
  'Yad-Request-Id',
].join(', ');

/** How long a browser may go by what it was told, in seconds. */
const MAX_AGE = '600';

/**
 * Cross-origin resource sharing for the pages of a few named origins (Fetch standard, "CORS protocol"). By hand, as the
 * usual plugin takes every OPTIONS for itself, and ours tell the methods of an address. Without credentials: nobody
 * signs in by a cookie here, so a page has to know the key or token that it sends.
 */
export class CrossOrigin {
  private readonly origins: ReadonlySet<string>;

  /** @param origins such as `https://console.example`, without a path; none: no page of another origin may */
  constructor(origins: readonly string[] = []) {
    this.origins = new Set(origins);
  }

  /** Whether pages of an origin may. */
  allows(origin: string): boolean {
    return this.origins.has(origin);
  }

  /** Lets the page that asked read the answer. Caches are told that it was made for that origin. */
  markAnswer({ headers: { origin } }: FastifyRequest, reply: FastifyReply): void {
    if (this.origins.size === 0) return;
    varyBy(reply, 'origin');
    if (origin === undefined || !this.allows(origin)) return;
    reply.header('access-control-allow-origin', origin).header('access-control-expose-headers', ANSWER_HEADERS);
  }

  /** Tells a browser that asks beforehand what a page may send. Other requests are left as they are. */
  markPreflight({ raw, headers }: FastifyRequest, reply: FastifyReply, methods: readonly string[]): void {
    const { origin, 'access-control-request-method': asked } = headers;
    if (raw.method !== 'OPTIONS' || asked === undefined || origin === undefined || !this.allows(origin)) return;
    reply
      .header('access-control-allow-methods', methods.join(', '))
      .header('access-control-allow-headers', REQUEST_HEADERS)
      .header('access-control-max-age', MAX_AGE);
  }
}
