import { isUtf8 } from 'node:buffer';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { LARGE, parseItems } from './batch-body.js';
import type { BodyHold } from './bodies-under-way.js';
import type { WatchedResponse } from './connections.js';
import { inflated } from './inflate.js';
import { hasBody } from './request-guards.js';
import { HttpProblem, sendProblem } from './problem.js';
import { parseJson } from './safe-json.js';

const HOLD = Symbol('hold');
type Held = FastifyRequest & { [HOLD]?: BodyHold };

/** What a request's body is booked with. */
export const holdOf = (request: FastifyRequest): BodyHold | undefined => (request as Held)[HOLD];
export const setHold = (request: FastifyRequest, hold: BodyHold): BodyHold => ((request as Held)[HOLD] = hold);

/** Has an app take JSON bodies, as they are or by gzip, and nothing else. */
export function takeJson(fastify: FastifyInstance): void {
  fastify.removeAllContentTypeParsers();
  fastify.addHook('preParsing', (request, reply, _payload, done) => {
    const { raw } = request;
    (reply.raw as WatchedResponse).reply = reply;
    if (raw.headers['content-encoding']?.toLowerCase() === 'gzip' && hasBody(raw)) {
      done(null, inflated(raw, request.routeOptions.bodyLimit ?? 0, holdOf(request)));
    } else done();
  });
  fastify.addContentTypeParser('application/json', { parseAs: 'buffer' }, (_request, bytes, done) => {
    if (bytes.length >= LARGE) {
      manyOf(bytes as Buffer).then((value) => done(null, value), done);
      return;
    }
    try {
      done(null, jsonOf(bytes as Buffer));
    } catch (error) {
      done(error as HttpProblem);
    }
  });
}

/** Likewise for a body of many items, without holding up others. */
async function manyOf(bytes: Buffer): Promise<unknown> {
  return (isUtf8(bytes) && (await parseItems(bytes))) || jsonOf(bytes);
}

/** @throws HttpProblem malformed-request, InvalidInput */
function jsonOf(bytes: Buffer): unknown {
  // Decoding would put U+FFFD in place of what it cannot read, and that would be stored.
  if (!isUtf8(bytes)) throw new HttpProblem('malformed-request', 'the body is not in UTF-8');
  return parseJson(bytes.toString('utf8'));
}

/** Tells the sender of a body that does not come, or comes too slowly, before its connection is closed. */
export function refuseSlow(response: WatchedResponse): void {
  const reply = response.reply as FastifyReply | undefined;
  const { req } = response;
  if (!reply || reply.sent) {
    req.destroy();
    return;
  }
  response.beLast();
  response.once('finish', () => req.destroy());
  sendProblem(reply.request, reply, new HttpProblem('too-slow', 'the body did not come in time'));
}
