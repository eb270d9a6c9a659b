import type { IncomingHttpHeaders } from 'node:http';

/** The header of every answer that names its request. */
export const REQUEST_ID = 'yad-request-id';

/** W3C Trace Context: version, trace, parent, flags; neither id is zero, and the version is not ff. */
const TRACEPARENT = /^(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-|$)/;

const boot = Date.now().toString(36);
let requests = 0;

/**
 * The name of a request: the trace that it belongs to, where its sender tells one by `traceparent`, so that one name
 * leads through the logs of all services; else one of this process.
 */
export function requestIdOf(headers: IncomingHttpHeaders): string {
  const { traceparent } = headers;
  const trace = typeof traceparent === 'string' ? TRACEPARENT.exec(traceparent)?.[1] : undefined;
  return trace ?? madeRequestId();
}

/** A name for a request that cannot be read. */
export const madeRequestId = (): string => `${boot}-${(++requests).toString(36)}`;

/** The same name as a problem's `instance`. */
export const instanceOf = (id: string): string => (TRACE.test(id) ? `urn:yad:trace:${id}` : `urn:yad:request:${id}`);

const TRACE = /^[0-9a-f]{32}$/;
