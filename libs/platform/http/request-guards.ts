import type { IncomingHttpHeaders } from 'node:http';
import { HttpProblem, InvalidRequest } from './refusals.js';

/** What the guards look at in a request. */
export interface IncomingRequest {
  readonly method?: string | undefined;
  /** The request's target, as it was sent. */
  readonly url?: string | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly rawHeaders: readonly string[];
  /** The connection; absent where a request is put in by hand. */
  readonly socket?: { readonly localAddress?: string | undefined } | null;
}

/**
 * The names under which an app answers beside this machine's own: those given (ALLOWED_HOSTS), and the address that it
 * listens on (HOST). One with a port is answered on that port alone.
 * @throws Error naming what is no host name
 */
export function allowedHosts(names: readonly string[] = [], listensOn = '127.0.0.1'): ReadonlySet<string> {
  const allowed = new Set<string>();
  for (const name of names) {
    const host = bracketed(name).toLowerCase();
    const known = nameOf(host);
    if (known === undefined) {
      throw new Error(`ALLOWED_HOSTS: '${name}' is not the name or address of a host, without a scheme or wildcard`);
    }
    allowed.add(known + (PORT.exec(host)?.[0] ?? ''));
  }
  const own = nameOf(bracketed(listensOn));
  if (own !== undefined) allowed.add(own);
  return allowed;
}

/** Characters of an address at most. */
export const MOST_URL = 8192;

/**
 * Keeps out what web pages send without their reader's knowledge, and what this app is not meant for. A page of
 * another origin can send commands by a form, and can read answers once it makes its own name lead to this machine
 * (DNS rebinding); the browser gives both away, by `Origin` and by `Host`.
 * @param mayCome which other origins' pages may send requests
 * @throws HttpProblem foreign-host, foreign-origin, unsupported-media-type, malformed-request; InvalidRequest
 */
export function checkRequest(
  knock: IncomingRequest,
  allowed: ReadonlySet<string>,
  mayCome: (origin: string) => boolean = () => false,
): void {
  const { headers, url = '/' } = knock;
  if (url.length > MOST_URL) {
    throw new HttpProblem('uri-too-long', `the address has ${url.length} characters, of ${MOST_URL} at most`);
  }
  refuseTwice(knock);
  const host = headers.host;
  // Orchestrators ask for health by whatever address a process has.
  if (!isHealth(url)) {
    const asked = url.startsWith('/') || url === '*' ? host : authorityOf(url);
    if (!isOwn(host, allowed, knock) || (asked !== host && !isOwn(asked, allowed, knock))) {
      if (asked === undefined) throw new HttpProblem('malformed-request', 'the request names no host');
      const names = 'ALLOWED_HOSTS lists the names under which it does';
      throw new HttpProblem('foreign-host', `this service does not answer as '${asked}'; ${names}`);
    }
  }
  const { origin } = headers;
  if (origin !== undefined && mayCome(origin)) {
    checkBody(knock);
    return;
  }
  if (origin !== undefined && !isSameOrigin(origin, host)) {
    throw new HttpProblem('foreign-origin', `pages of '${origin}' may not send requests to this service`);
  }
  // Browsers tell of pictures, scripts and frames of other sites too, which have no Origin; a followed link is fine.
  const site = headers['sec-fetch-site'];
  if ((site === 'cross-site' || site === 'same-site') && headers['sec-fetch-dest'] !== 'document') {
    throw new HttpProblem('foreign-origin', 'pages of other sites may not send requests to this service');
  }
  checkBody(knock);
}

/** Whether a request has a body, by its framing. */
export const hasBody = ({ headers }: Pick<IncomingRequest, 'headers'>): boolean =>
  headers['transfer-encoding'] !== undefined ||
  (headers['content-length'] !== undefined && headers['content-length'] !== '0');

/** A form of a web page needs no permission to send text/plain, urlencoded or multipart: it cannot send JSON. */
function checkBody(knock: IncomingRequest): void {
  const { method = 'GET', headers } = knock;
  const type = headers['content-type'];
  if (method === 'GET' || method === 'HEAD') {
    if (hasBody(knock)) throw new HttpProblem('malformed-request', `a ${method} has no body`);
    return;
  }
  if (type === 'application/json') {
    // The usual case.
  } else if (type === undefined ? hasBody(knock) : !isJson(type)) {
    const given = type === undefined ? 'the body has no Content-Type' : `the Content-Type is '${type}'`;
    throw new HttpProblem('unsupported-media-type', `${given}; only application/json in UTF-8 is understood`);
  }
  const encoding = headers['content-encoding'];
  if (encoding !== undefined && !/^(identity|gzip)$/i.test(encoding)) {
    throw new HttpProblem('unsupported-media-type', `the Content-Encoding is '${encoding}'; only gzip is understood`);
  }
}

const JSON_TYPE = /^application\/json[ \t]*(;.*)?$/i;
const CHARSET = /;[ \t]*charset[ \t]*=[ \t]*("?)([^";]*)\1/gi;

function isJson(type: string): boolean {
  if (!JSON_TYPE.test(type)) return false;
  // Bytes in another encoding would be read as UTF-8, and other letters stored.
  for (const [, , charset] of type.matchAll(CHARSET)) if (!/^utf-?8$/i.test(charset!.trim())) return false;
  return true;
}

const HEALTH = /^\/health(?:\/[a-z]*)?(?:\?|$)/;
const isHealth = (url: string): boolean => url.startsWith('/health') && HEALTH.test(url);

/** Headers with one value: of two, node keeps the first or joins them, and nobody knows which one was meant. */
const SINGLE =
  /^(host|authorization|content-type|content-encoding|origin|if-match|idempotency-key|yad-(actor|roles|occurred-at|reason|on-behalf-of|correlation-id|causation-id))$/;

function refuseTwice({ headers, rawHeaders }: IncomingRequest): void {
  let names = 0;
  for (const _name in headers) names++;
  if (names * 2 >= rawHeaders.length) return;
  const seen = new Set<string>();
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i]!.toLowerCase();
    if (seen.has(name) && SINGLE.test(name)) {
      throw new InvalidRequest('header', [{ pointer: `/${rawHeaders[i]}`, message: 'is given twice' }]);
    }
    seen.add(name);
  }
}

function isOwn(host: string | undefined, allowed: ReadonlySet<string>, { socket }: IncomingRequest): boolean {
  const name = host === undefined ? undefined : nameOf(host);
  if (name === undefined) return false;
  if (isLoopback(name) || allowed.has(name) || allowed.has(name + PORT.exec(host!)?.[0])) return true;
  // An app that listens on all addresses has this one of them for its own; no name leads there by it.
  const local = socket?.localAddress?.replace(/^::ffff:/, '');
  return local !== undefined && name === nameOf(bracketed(local));
}

const isLoopback = (name: string): boolean =>
  name === 'localhost' || name === '[::1]' || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(name);

const HOST = /^(\[[0-9a-f:.]+\]|[a-z0-9_](?:[a-z0-9._-]*[a-z0-9_])?)\.?(?::\d{1,5})?$/i;

const PORT = /:\d+$/;

/** The name in a Host header, in lower case, without the port; undefined where it is none. */
const nameOf = (host: string): string | undefined => HOST.exec(host)?.[1]!.toLowerCase();

const bracketed = (address: string): string => (/^[0-9a-f.]*:[0-9a-f:.]*:/i.test(address) ? `[${address}]` : address);

/** The host of a target in absolute form, which then stands for the Host header. */
const authorityOf = (url: string): string | undefined => /^https?:\/\/([^/?#]*)/i.exec(url)?.[1];

/** The page must come from the very host and port that it sends to; its scheme is a proxy's affair. */
function isSameOrigin(origin: string, host: string | undefined): boolean {
  const match = /^(https?):\/\/([^/?#@]+)$/i.exec(origin);
  if (!match || host === undefined) return false;
  const usual = match[1]!.toLowerCase() === 'https' ? ':443' : ':80';
  const whole = (authority: string): string => (/:\d+$/.test(authority) ? authority : authority + usual).toLowerCase();
  return whole(match[2]!) === whole(host);
}
