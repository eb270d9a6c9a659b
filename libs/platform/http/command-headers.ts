import type { IncomingHttpHeaders } from 'node:http';
import type { Principal } from '#platform/access/principal.js';
import { ENVELOPE_TEXTS, type CommandEnvelope } from '#platform/command-handling/command-message.js';
import { Instant } from '#platform/kernel/calendar.js';
import { authoriseOnBehalf } from './admission.js';
import { headerText } from './header-text.js';
import { InvalidRequest } from './refusals.js';

const REVISION = /^"(\d{1,9})"$/;

/**
 * Reads the headers of a command.
 * @param traceparent of the trace that the request is recorded in
 * @throws InvalidRequest naming the header; HttpProblem forbidden
 */
export function envelopeOf(headers: IncomingHttpHeaders, principal: Principal, traceparent?: string): CommandEnvelope {
  if (headers['yad-on-behalf-of'] !== undefined) authoriseOnBehalf(principal);
  const { key, reason, onBehalfOf, correlationId, causationId } = ENVELOPE_TEXTS;
  return {
    key: headerText(headers, 'idempotency-key', 'Idempotency-Key', key),
    expectedRevision: revision(headers['if-match']),
    occurredAt: instant(headers['yad-occurred-at'], '/Yad-Occurred-At'),
    reason: headerText(headers, 'yad-reason', 'Yad-Reason', reason),
    onBehalfOf: headerText(headers, 'yad-on-behalf-of', 'Yad-On-Behalf-Of', onBehalfOf),
    correlationId: headerText(headers, 'yad-correlation-id', 'Yad-Correlation-Id', correlationId),
    causationId: headerText(headers, 'yad-causation-id', 'Yad-Causation-Id', causationId),
    traceparent,
  };
}

/** An ISO 8601 instant with offset, as a Date. */
function instant(value: unknown, pointer: string): Date | undefined {
  if (value === undefined) return undefined;
  const parsed = Instant.safeParse(value);
  if (parsed.success) return new Date(parsed.data);
  throw new InvalidRequest('header', [
    { pointer, message: 'is not an ISO 8601 instant with an offset or Z, in the years 1000 to 9998' },
  ]);
}

function revision(value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  const match = REVISION.exec(value);
  if (match) return Number(match[1]);
  throw new InvalidRequest('header', [{ pointer: '/If-Match', message: 'is not a revision in quotes, such as "3"' }]);
}
