import 'reflect-metadata';
import type { Socket } from 'node:net';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { SwaggerModule, type OpenAPIObject } from '@nestjs/swagger';
import type { FastifyInstance } from 'fastify';
import { HttpModule, type HttpModuleOptions } from './http.module.js';
import { openApiDocument } from './openapi/document.js';
import { ProblemFilter } from './problem.filter.js';
import { HttpProblem, problemOf, sendProblem } from './problem.js';
import { parseJson } from './safe-json.js';

export interface HttpAppOptions extends HttpModuleOptions {
  /** Bytes of a body at most. */
  bodyLimit?: number;
  /** Bytes of the body of a batch at most. */
  batchBodyLimit?: number;
  /** What Nest logs; warnings and errors unless told otherwise. */
  logger?: ('log' | 'warn' | 'error' | 'debug')[] | false;
}

const MIB = 1024 * 1024;

/** A Nest application on Fastify that serves what the options name, initialised but not yet listening. */
export async function createHttpApp(options: HttpAppOptions): Promise<NestFastifyApplication> {
  const { bodyLimit = MIB, batchBodyLimit = 64 * MIB, logger = ['warn', 'error'], ...module } = options;
  const boot = Date.now().toString(36);
  let requests = 0;
  const adapter = new FastifyAdapter({
    bodyLimit,
    // Over-long parameters are for the routes' own schemas to refuse.
    routerOptions: { maxParamLength: 16_384 },
    clientErrorHandler: refuseUnreadable,
    genReqId: () => `${boot}-${(++requests).toString(36)}`,
    // Nobody uses Express middleware here, and its hook costs every request.
    skipMiddie: true,
    return503OnClosing: false,
    frameworkErrors: (error: Error, request: any, reply: any) => sendProblem(request, reply, error),
  } as any);
  const fastify: FastifyInstance = adapter.getInstance();
  fastify.removeAllContentTypeParsers();
  fastify.addContentTypeParser('application/json', { parseAs: 'string' }, (_request, text, done) => {
    try {
      done(null, parseJson(text as string));
    } catch (error) {
      done(error as HttpProblem);
    }
  });
  fastify.addHook('onRoute', (route) => {
    if (route.url.endsWith('/commands::batch')) route.bodyLimit = batchBodyLimit;
  });
  const app = await NestFactory.create<NestFastifyApplication>(HttpModule.register(module), adapter, {
    logger,
    bodyParser: false,
    abortOnError: false,
  });
  app.useGlobalFilters(new ProblemFilter());
  const documented = { commands: module.commands, queries: module.queries };
  SwaggerModule.setup('docs', app, () => openApiDocument(documented) as OpenAPIObject, {
    jsonDocumentUrl: 'openapi.json',
    yamlDocumentUrl: 'openapi.yaml',
    customSiteTitle: 'Yad',
  });
  await app.init();
  await fastify.ready();
  return app;
}

/** Answers what node itself could not read as a request. */
function refuseUnreadable(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const body = JSON.stringify(problemOf(new HttpProblem('malformed-request', 'this is not an HTTP request')));
  socket.end(
    `HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Type: application/problem+json; charset=utf-8\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}
