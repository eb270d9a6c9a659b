import 'reflect-metadata';
import { maxHeaderSize, STATUS_CODES, type IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import compress from '@fastify/compress';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { SwaggerModule, type OpenAPIObject } from '@nestjs/swagger';
import type { FastifyInstance, FastifyReply, FastifyRequest, onSendHookHandler } from 'fastify';
import { consoleLog, noLog, type Log } from '#platform/observability/log.js';
import { AllowedMethods } from './allowed-methods.js';
import { BodiesUnderWay, type BodyHold } from './bodies-under-way.js';
import { Connections, longestFor, MOST_AHEAD, watchedResponses, type WatchedResponse } from './connections.js';
import { CrossOrigin } from './cross-origin.js';
import { allowedHosts, checkRequest, hasBody } from './request-guards.js';
import { HttpModule, type HttpModuleOptions } from './http.module.js';
import { NestLog } from './nest-log.js';
import { openApiDocument, type DocumentWords } from './openapi/document.js';
import { ProblemFilter } from './problem.filter.js';
import { HttpProblem, kindOf, problemOf, sendProblem } from './problem.js';
import { markSecure, SECURITY_HEADERS } from './security-headers.js';
import { holdOf, refuseSlow, setHold, takeJson } from './request-body.js';
import { instanceOf, madeRequestId, requestIdOf } from './request-id.js';
import { logRequests, RequestWatch, type RequestObserver, type RequestTracing } from './request-watch.js';

export interface HttpAppOptions extends HttpModuleOptions {
  /** Bytes of a body at most. */
  bodyLimit?: number;
  /** Bytes of the body of a batch at most. */
  batchBodyLimit?: number;
  /** Bytes of the bodies under way at most: of batches, and of all others. */
  bodiesUnderWay?: { readonly batches: number; readonly others: number };
  /** Names under which it answers, beside this machine's own; none unless told otherwise. */
  hosts?: ReadonlySet<string>;
  /** Origins whose pages may use it from a browser; none unless told otherwise. */
  origins?: readonly string[];
  /** How long a peer is waited for that sends too slowly, or takes its answer too slowly, in milliseconds. */
  patienceMs?: number;
  /** Connections at most. */
  mostConnections?: number;
  /** What the API document says beside what follows from the definitions. */
  documentWords?: DocumentWords;
  /** Told of every route as it is mounted. */
  onRoute?: (route: { readonly method: string | readonly string[]; readonly url: string }) => void;
  /** Where it tells of requests and troubles; in words on the console unless told otherwise, false: nowhere. */
  logger?: Log | false;
  /** Lines of requests that a second may have. */
  linesASecond?: number;
  /** Who records traces; nobody unless told otherwise. */
  tracing?: RequestTracing;
  /** Told of every request when it has ended. */
  observers?: readonly RequestObserver[];
}

const MIB = 1024 * 1024;

/**
 * Answers from 1 KiB on are compressed where the client takes gzip; below, the head costs more than it spares. Those of
 * up to 128 KiB at once, in two or three milliseconds, with their length; larger ones by a stream, off this thread.
 */
const COMPRESSION = {
  encodings: ['gzip' as const],
  globalDecompression: false,
  threshold: 1024,
  syncThreshold: 128 * 1024,
  zlibOptions: { level: 4 },
};

/** A Nest application on Fastify that serves what the options name, initialised but not yet listening. */
export async function createHttpApp(options: HttpAppOptions): Promise<NestFastifyApplication> {
  const { bodyLimit = MIB, batchBodyLimit = 64 * MIB, logger = consoleLog, ...rest } = options;
  const log = logger || noLog;
  const {
    bodiesUnderWay = { batches: 64 * MIB, others: 32 * MIB },
    linesASecond,
    observers = [],
    tracing,
    ...more
  } = rest;
  const { hosts = allowedHosts(), origins, patienceMs, mostConnections, documentWords, onRoute, ...module } = more;
  // Apart, so that batches keep nobody else out.
  const [batches, others] = [new BodiesUnderWay(bodiesUnderWay.batches), new BodiesUnderWay(bodiesUnderWay.others)];
  const crossOrigin = new CrossOrigin(origins);
  const mayCome = (origin: string): boolean => crossOrigin.allows(origin);
  const observed: RequestObserver[] = [logRequests(log, linesASecond), ...observers];
  const adapter = new FastifyAdapter({
    bodyLimit,
    // Over-long parameters are for the routes' own schemas to refuse.
    routerOptions: { maxParamLength: 16_384 },
    clientErrorHandler: (error: Unreadable, socket: Socket) => refuseUnreadable(error, socket, observed),
    // Of the headers, within a second and 15 s in all; how bodies come is watched over by `Connections`.
    http: {
      headersTimeout: 14_000,
      connectionsCheckingInterval: 1_000,
      requireHostHeader: false,
      ...watchedResponses,
    },
    requestTimeout: Math.ceil(longestFor(batchBodyLimit)) + 15_000,
    genReqId: ({ headers }: IncomingMessage) => requestIdOf(headers),
    // Nobody uses Express middleware here, and its hook costs every request.
    skipMiddie: true,
    return503OnClosing: false,
    // Before any hook.
    frameworkErrors: (error: Error, request: any, reply: any) => {
      watch.begin(request, reply);
      sendProblem(request, reply, error);
    },
  } as any);
  const fastify: FastifyInstance = adapter.getInstance();
  const watch = new RequestWatch(fastify, log, observed, tracing);
  // Of more, node keeps the first 2,000 and says nothing; their bytes are bounded anyhow.
  fastify.server.maxHeadersCount = 0;
  Connections.watch(fastify.server, { patienceMs, mostConnections, refuseSlow });
  const allowed = new AllowedMethods();
  fastify.addHook('onRoute', (route) => {
    allowed.note(route);
    onRoute?.(route);
  });
  await fastify.register(compress, COMPRESSION);
  fastify.addHook('onRequest', (request, reply, done) => {
    const raw = reply.raw as WatchedResponse;
    if (raw.isAfterLast) return;
    watch.begin(request, reply);
    markSecure(request, reply);
    crossOrigin.markAnswer(request, reply);
    try {
      if (raw.isTooFarAhead) throw tooFarAhead(raw);
      checkRequest(request.raw, hosts, mayCome);
    } catch (error) {
      // What is refused unread is passed over to its end, or a sender who has not sent it all would find a broken
      // connection instead of the answer; but not where it is large, or nobody knows how large it is.
      const length = Number(request.headers['content-length'] ?? Number.NaN);
      if (hasBody(request.raw) && !(length <= bodyLimit)) reply.header('connection', 'close');
      sendProblem(request, reply, error);
      return;
    }
    if (request.is404 && refuseMethod(request, reply, allowed, crossOrigin)) return;
    try {
      const most = request.routeOptions.bodyLimit ?? bodyLimit;
      const isBatch = most > bodyLimit;
      const hold = (isBatch ? batches : others).take(request.raw, most);
      if (hold) holdBody(request, reply, hold, isBatch);
    } catch (error) {
      // Its body is read and thrown away: a connection closed on the sender would lose the answer.
      sendProblem(request, reply, error);
      return;
    }
    done();
  });
  takeJson(fastify);
  fastify.addHook('onRoute', (route) => {
    if (!route.url.endsWith('/commands::batch')) return;
    route.bodyLimit = batchBodyLimit;
    const release: onSendHookHandler = (request, _reply, _payload, done) => {
      holdOf(request)?.release();
      done();
    };
    route.onSend = [release, ...[route.onSend ?? []].flat()];
  });
  const app = await NestFactory.create<NestFastifyApplication>(HttpModule.register(module), adapter, {
    logger: new NestLog(log),
    bodyParser: false,
    abortOnError: false,
  });
  app.useGlobalFilters(new ProblemFilter());
  const documented = { words: documentWords, ...module };
  SwaggerModule.setup('docs', app, () => openApiDocument(documented) as OpenAPIObject, {
    jsonDocumentUrl: 'openapi.json',
    yamlDocumentUrl: 'openapi.yaml',
    customSiteTitle: 'Yad',
  });
  await app.init();
  await fastify.ready();
  return app;
}

/** Answers a method that an address does not know, and OPTIONS. False where the address itself is not known. */
function refuseMethod(
  request: FastifyRequest,
  reply: FastifyReply,
  allowed: AllowedMethods,
  crossOrigin: CrossOrigin,
): boolean {
  const { method, url = '/' } = request.raw;
  const methods = allowed.of(url);
  if (methods.length === 0) return false;
  reply.header('allow', methods.join(', '));
  crossOrigin.markPreflight(request, reply, methods);
  if (method === 'OPTIONS') reply.code(204).send();
  else sendProblem(request, reply, new HttpProblem('method-not-allowed', `there is no ${method} here`));
  return true;
}

/** A client that sends on without reading what it is answered would have any number of requests worked on. */
function tooFarAhead(raw: WatchedResponse): HttpProblem {
  raw.beLast();
  return new HttpProblem('overloaded', `${MOST_AHEAD} requests of one connection may wait for their answers at most`);
}

/** Books the bytes of a body: of a batch until its answer is made, as its commands go on when the sender is gone. */
function holdBody(request: FastifyRequest, reply: FastifyReply, hold: BodyHold, isBatch: boolean): void {
  setHold(request, hold);
  reply.raw.once('close', () => {
    if (!isBatch || !request.raw.complete) hold.release();
  });
}

/** Answers what node itself could not read as a request. */
function refuseUnreadable(error: Unreadable, socket: Socket, observers: readonly RequestObserver[]): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const problem = problemOf(unreadable(error), () => {});
  const requestId = madeRequestId();
  problem.instance = instanceOf(requestId);
  const body = JSON.stringify(problem);
  const bytes = Buffer.byteLength(body);
  const secure = SECURITY_HEADERS.map(([name, value]) => `${name}: ${value}\r\n`).join('');
  socket.end(
    `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status]}\r\nConnection: close\r\n${secure}` +
      `Content-Type: application/problem+json; charset=utf-8\r\nYad-Request-Id: ${requestId}\r\n` +
      `Content-Length: ${bytes}\r\n\r\n${body}`,
  );
  const { status } = problem;
  const unknown = { operation: undefined, actor: undefined, method: undefined, route: undefined, id: undefined };
  const ended = { requestId, ...unknown, status, problem: kindOf(problem), cutOff: undefined, ms: 0, bytes };
  for (const observe of observers) observe(ended);
}

interface Unreadable extends Error {
  code?: string;
  /** What had come. */
  rawPacket?: Buffer;
}

function unreadable({ code, rawPacket }: Unreadable): HttpProblem {
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return new HttpProblem('too-slow', 'the request did not come whole in time');
  if (code === 'HPE_HEADER_OVERFLOW') {
    const most = `the address and the headers together have at most ${maxHeaderSize} bytes`;
    const line = rawPacket?.indexOf('\n') ?? 0;
    return new HttpProblem(line < 0 || line > maxHeaderSize / 2 ? 'uri-too-long' : 'headers-too-large', most);
  }
  return new HttpProblem('malformed-request', 'this is not an HTTP request');
}
