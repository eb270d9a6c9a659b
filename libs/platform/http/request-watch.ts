import { performance } from 'node:perf_hooks';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { isId } from '#platform/kernel/ids.js';
import { consoleLog, type Log, type LogFields } from '#platform/observability/log.js';
import { admittedOf } from './admission.js';
import { REQUEST_ID } from './request-id.js';

/** A request that has ended, as it is logged and counted. Nothing in it comes from a body, a query or a header. */
export interface EndedRequest {
  readonly requestId: string;
  /** Absent where it came to none: an unknown address, or refused before. */
  readonly operation: string | undefined;
  readonly actor: string | undefined;
  readonly method: string | undefined;
  /** The route's pattern; absent where there is none. */
  readonly route: string | undefined;
  /** The parameter `id` of the path, where it is a uuid. */
  readonly id: string | undefined;
  /** 499 where the client hung up before there was an answer. */
  readonly status: number;
  /** The kind of problem that was answered. */
  readonly problem: string | undefined;
  /** The client left before it had the whole answer. */
  readonly cutOff: true | undefined;
  readonly ms: number;
  /** Of the answer's body, where its length is known. */
  readonly bytes: number | undefined;
}

export type RequestObserver = (ended: EndedRequest) => void;

/** A request while it is under way, as a trace sees it. */
export interface RequestSpan {
  /** For what the request brings about; undefined where its trace is not recorded. */
  readonly traceparent: string | undefined;
  /** @param failed something went wrong here */
  end(name: string, attributes: Record<string, string | number>, failed: boolean): void;
}

/** Who records traces. */
export interface RequestTracing {
  /** @param from the header `traceparent` */
  request(from: string | undefined): RequestSpan;
}

const SPAN = Symbol('span');
type Traced = FastifyRequest & { [SPAN]?: RequestSpan };

/** The trace that a request is recorded in, for what it brings about. */
export const traceparentOf = (request: FastifyRequest): string | undefined => (request as Traced)[SPAN]?.traceparent;

const PROBLEM = Symbol('problem');
const LOG = Symbol('log');

/** Notes which kind of problem a request is answered with. */
export function noteProblem(request: FastifyRequest, kind: string): void {
  (request as { [PROBLEM]?: string })[PROBLEM] = kind;
}

/** Tells the log of an error that nobody foresaw: where it was thrown, and of which request. */
export function reportUnforeseen(request: FastifyRequest, error: unknown): void {
  const { server } = request as { server?: { [LOG]?: Log } };
  const operation = admittedOf(request)?.operation;
  (server?.[LOG] ?? consoleLog).error('request failed', { requestId: request.id, operation, error });
}

/** Sees requests from their first hook to their end. */
export class RequestWatch {
  constructor(
    fastify: FastifyInstance,
    log: Log,
    private readonly observers: readonly RequestObserver[],
    private readonly tracing?: RequestTracing,
  ) {
    (fastify as { [LOG]?: Log })[LOG] = log;
  }

  /** Called with each request as soon as it is known, before anything can refuse it. */
  begin(request: FastifyRequest, reply: FastifyReply): void {
    reply.header(REQUEST_ID, request.id);
    if (this.tracing) {
      const { traceparent } = request.headers;
      (request as Traced)[SPAN] = this.tracing.request(typeof traceparent === 'string' ? traceparent : undefined);
    }
    const startedAt = performance.now();
    // After the last byte of the answer, and also when the client hangs up before.
    reply.raw.on('close', () => this.end(request, reply, startedAt));
  }

  private end(request: FastifyRequest, reply: FastifyReply, startedAt: number): void {
    const { raw } = reply;
    const admitted = admittedOf(request);
    const id = (request.params as { id?: unknown } | undefined)?.id;
    const length = reply.getHeader('content-length');
    const ended: EndedRequest = {
      requestId: request.id,
      operation: admitted?.operation,
      actor: admitted?.principal?.actor,
      method: request.raw.method,
      route: request.is404 ? undefined : request.routeOptions.url,
      id: typeof id === 'string' && isId(id) ? id : undefined,
      status: raw.headersSent ? raw.statusCode : 499,
      problem: (request as { [PROBLEM]?: string })[PROBLEM],
      cutOff: raw.writableFinished ? undefined : true,
      ms: Math.round((performance.now() - startedAt) * 1000) / 1000,
      bytes: length === undefined ? undefined : Number(length),
    };
    for (const observe of this.observers) observe(ended);
    const span = (request as Traced)[SPAN];
    if (span) endSpan(span, ended);
  }
}

/** By the names of OpenTelemetry for HTTP. */
function endSpan(span: RequestSpan, { operation, method = '', route, status, problem, requestId }: EndedRequest): void {
  const attributes: Record<string, string | number> = {
    'http.request.method': method,
    'http.response.status_code': status,
    'yad.request_id': requestId,
  };
  if (route !== undefined) attributes['http.route'] = route;
  if (problem !== undefined) attributes['yad.problem'] = problem;
  span.end(operation ?? (route === undefined ? method : `${method} ${route}`), attributes, status >= 500);
}

/** Lines of requests that a second may have, of each of the two kinds; further ones are told as a number. */
export const LINES_A_SECOND = 1000;

/** Addresses that are asked every few seconds for ever; they are told of when they fail. */
const PROBED = /^\/(health|metrics)\b/;

/**
 * One line a request. What went wrong here is an error, what cannot be done now a warning; refusals, races and clients
 * that hang up are part of every day. Beyond a number of lines in a second only how many there were is told: what
 * nobody can read would cost every request its time, and fill the disk.
 * @param linesASecond of those that were answered, and once more of those that could not be
 */
export function logRequests(log: Log, linesASecond = LINES_A_SECOND): RequestObserver {
  const [answered, failed] = [new LineBudget(log, linesASecond), new LineBudget(log, linesASecond)];
  return (ended) => {
    const { status, route } = ended;
    const line: LogFields = ended;
    if (status >= 500) {
      if (failed.mayHave()) log[status === 503 ? 'warn' : 'error']('request', line);
    } else if (status < 400 && route !== undefined && PROBED.test(route)) log.debug('request', line);
    else if (answered.mayHave()) log.info('request', line);
  };
}

class LineBudget {
  private second = 0;
  private lines = 0;
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly log: Log,
    private readonly most: number,
  ) {}

  mayHave(): boolean {
    const second = Math.floor(performance.now() / 1000);
    if (second !== this.second) {
      this.tell();
      this.second = second;
    }
    if (++this.lines <= this.most) return true;
    this.timer ??= setTimeout(() => this.tell(), 1000).unref();
    return false;
  }

  private tell(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    const notLogged = this.lines - this.most;
    this.lines = 0;
    if (notLogged > 0 && this.most > 0) this.log.info('requests without a line of their own', { notLogged });
  }
}
