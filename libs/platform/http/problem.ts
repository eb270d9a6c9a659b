import { HttpException } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { NotSignedIn } from '#platform/access/not-signed-in.js';
import { reasonOf } from '#platform/postgres/errors.js';
import { InvalidInput, PositionLost, RuleViolation, YadError } from '#platform/kernel/errors.js';
import { deniedTo } from './admission.js';
import { HttpProblem, InvalidRequest, type Place } from './refusals.js';
import { instanceOf, REQUEST_ID } from './request-id.js';
import { noteProblem, reportUnforeseen } from './request-watch.js';

export { HttpProblem, InvalidRequest, type Place };

/** An RFC 9457 problem, as it is sent. */
export interface Problem {
  type: string;
  title: string;
  status: number;
  detail: string;
  /** The request: its trace, when it has one. */
  instance?: string;
  errors?: { in: Place; pointer: string; detail: string }[];
  /** Name of the rule that refused. */
  rule?: string;
  /** The last position that is still what it was: whoever follows the log undoes what it has of later ones, and goes on there. */
  goOnAfter?: string;
}

/** Every kind of problem there is: its status, its title, and after how many seconds another try makes sense. */
export const problemKinds: Readonly<Record<string, { status: number; title: string; retryAfter?: number }>> = {
  'invalid-input': { status: 400, title: 'The input does not fit' },
  'malformed-request': { status: 400, title: 'The request cannot be read' },
  unauthenticated: { status: 401, title: 'It is not known who is asking' },
  'credentials-invalid': { status: 401, title: 'The key or token is not known' },
  'credentials-expired': { status: 401, title: 'The key or token has expired' },
  'credentials-revoked': { status: 401, title: 'The key was revoked' },
  forbidden: { status: 403, title: 'The sender may not do this' },
  'foreign-host': { status: 403, title: 'The service does not answer under this name' },
  'foreign-origin': { status: 403, title: 'Pages of other origins may not send requests' },
  'not-found': { status: 404, title: 'There is no such thing' },
  'no-such-route': { status: 404, title: 'There is no such route' },
  'method-not-allowed': { status: 405, title: 'The address does not know this method' },
  'too-slow': { status: 408, title: 'The request did not come in time' },
  'rule-violated': { status: 409, title: 'A rule refused the command' },
  'definition-changed': { status: 409, title: 'The definition has changed' },
  'point-incomplete': { status: 409, title: 'The point cannot be told' },
  'snapshots-full': { status: 409, title: 'There is no room for another snapshot' },
  'snapshot-name-taken': { status: 409, title: 'The name stands for another point' },
  'snapshot-gone': { status: 409, title: 'The snapshot is gone', retryAfter: 1 },
  'too-contended': { status: 409, title: 'Other writers were faster', retryAfter: 1 },
  'position-lost': { status: 410, title: 'The position was lost' },
  'stale-revision': { status: 412, title: 'The revision has changed' },
  'body-too-large': { status: 413, title: 'The body is too large' },
  'uri-too-long': { status: 414, title: 'The address is too long' },
  'unsupported-media-type': { status: 415, title: 'Only application/json is understood' },
  'idempotency-key-reused': { status: 422, title: 'The idempotency key was used before' },
  'too-many-requests': { status: 429, title: 'The sender asks too often', retryAfter: 1 },
  'too-many-at-once': { status: 429, title: 'The sender has too much under way', retryAfter: 2 },
  'headers-too-large': { status: 431, title: 'The headers are too large' },
  unexpected: { status: 500, title: 'Something went wrong here' },
  unavailable: { status: 503, title: 'The database cannot do it now', retryAfter: 1 },
  'outcome-unknown': { status: 503, title: 'Whether the command was stored is not known', retryAfter: 2 },
  'clocks-apart': { status: 503, title: 'The clocks are apart', retryAfter: 30 },
  'log-moved': { status: 503, title: 'The log has moved', retryAfter: 30 },
  'another-log': { status: 503, title: 'This is another log', retryAfter: 30 },
  'access-not-logged': { status: 503, title: 'The access log cannot be written', retryAfter: 2 },
  overloaded: { status: 503, title: 'Too much is waiting', retryAfter: 1 },
  'too-many-heavy-queries': { status: 503, title: 'Too many heavy questions at once', retryAfter: 2 },
  'took-too-long': { status: 503, title: 'The answer took too long', retryAfter: 10 },
  'not-yet-there': { status: 503, title: 'The read models have not come so far', retryAfter: 1 },
  'snapshot-failed': { status: 503, title: 'The snapshot could not be made', retryAfter: 30 },
  'being-built': { status: 503, title: 'The read model is being built', retryAfter: 5 },
  'not-ready': { status: 503, title: 'The service is not ready', retryAfter: 2 },
  'sign-in-unavailable': { status: 503, title: 'Who is asking cannot be told now', retryAfter: 2 },
};

const PREFIX = 'urn:yad:problem:';
/** The kind that a problem is of. */
export const kindOf = ({ type }: Problem): string => type.slice(PREFIX.length);

const byStatus: Readonly<Record<number, string>> = {
  400: 'malformed-request',
  401: 'unauthenticated',
  403: 'forbidden',
  404: 'no-such-route',
  405: 'method-not-allowed',
  408: 'too-slow',
  413: 'body-too-large',
  414: 'uri-too-long',
  415: 'unsupported-media-type',
  431: 'headers-too-large',
  503: 'not-ready',
};

/**
 * The problem that an error is. What nobody foresaw is told without its internals.
 * @param unforeseen is told of it: it belongs into the log
 */
export function problemOf(error: unknown, unforeseen: (error: unknown) => void): Problem {
  if (error instanceof YadError) {
    if (!problemKinds[error.kind]) {
      unforeseen(error);
      return ofKind('unexpected', FAILED);
    }
    const problem = ofKind(error.kind, error.message);
    if (error instanceof InvalidInput) {
      const place = error instanceof InvalidRequest ? error.place : 'body';
      problem.errors = error.issues.map(({ pointer, message }) => ({ in: place, pointer, detail: message }));
    } else if (error instanceof RuleViolation) problem.rule = error.rule;
    else if (error instanceof PositionLost && error.goOnAfter !== undefined)
      problem.goOnAfter = String(error.goOnAfter);
    return problem;
  }
  if (isGone(error)) return ofKind('malformed-request', 'the connection ended within the body');
  const status = error instanceof HttpException ? error.getStatus() : statusOfFastify(error);
  if (status === undefined || status >= 500) {
    if (status === 503) return ofKind('not-ready', 'the service is going down');
    unforeseen(error);
    const reason = reasonOf(error);
    if (reason) return ofKind('unavailable', `${reason}; nothing was stored, send it again later`);
    return ofKind('unexpected', FAILED);
  }
  const problem = ofKind(byStatus[status] ?? 'malformed-request', (error as Error).message);
  problem.status = status;
  return problem;
}

const FAILED = 'the service failed to answer; the failure is in its log';

/** A sender that went away within its body is no failure of ours, and fills no log. */
const isGone = (error: unknown): boolean =>
  (error as { code?: unknown } | undefined)?.code === 'ECONNRESET' && (error as Error).message === 'aborted';

function ofKind(kind: string, detail: string): Problem {
  const known = problemKinds[kind]!;
  return { type: PREFIX + kind, title: known.title, status: known.status, detail };
}

function statusOfFastify(error: unknown): number | undefined {
  const { code, statusCode } = (error ?? {}) as { code?: unknown; statusCode?: unknown };
  return typeof code === 'string' && code.startsWith('FST_') && typeof statusCode === 'number' ? statusCode : undefined;
}

/** Answers a request with the problem that an error is. */
export function sendProblem(request: FastifyRequest, reply: FastifyReply, error: unknown): void {
  const unforeseen = (given: unknown): void => reportUnforeseen(request, given);
  if (reply.sent) {
    unforeseen(error);
    return;
  }
  const problem = problemOf(error, unforeseen);
  if (problem.status === 401 || problem.status === 403) deniedTo(request, problem.status);
  problem.instance = instanceOf(request.id);
  noteProblem(request, kindOf(problem));
  const own = error instanceof HttpProblem ? error.retryAfter : undefined;
  const retryAfter = own ?? problemKinds[kindOf(problem)]!.retryAfter;
  if (retryAfter) reply.header('retry-after', String(retryAfter));
  if (error instanceof NotSignedIn) reply.header('www-authenticate', error.challenge);
  if (problem.status === 415) reply.header('accept', 'application/json').header('accept-encoding', 'gzip');
  reply
    .code(problem.status)
    .header(REQUEST_ID, request.id)
    .header('content-type', 'application/problem+json; charset=utf-8')
    .send(JSON.stringify(problem));
}
