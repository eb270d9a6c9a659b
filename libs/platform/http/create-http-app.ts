import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyInstance } from 'fastify';
import { HttpModule, type HttpModuleOptions } from './http.module.js';
import { ProblemFilter } from './problem.filter.js';
import { HttpProblem, sendProblem } from './problem.js';
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
  await app.init();
  await fastify.ready();
  return app;
}
