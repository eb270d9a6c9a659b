import { isUtf8 } from 'node:buffer';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { LARGE, parseItems } from './batch-body.js';
import type { BodyHold } from './bodies-under-way.js';
import { inflated } from './inflate.js';
import { hasBody } from './request-guards.js';
import { HttpProblem, sendProblem } from './problem.js';
import { parseJson } from './safe-json.js';

/** A body that has not come whole after this, and a second for each piece of it, does not come. */
const TIMEOUT_MS = 15_000;
const BYTES_A_SECOND = 256 * 1024;

/** How long a body of so many bytes may take. */
export const patienceFor = (bytes: number, least = TIMEOUT_MS): number => least + (bytes / BYTES_A_SECOND) * 1000;

const TIMER = 'bodyTimer';
type Timed = FastifyRequest & { [TIMER]: NodeJS.Timeout | undefined };

const HOLD = Symbol('hold');
type Held = FastifyRequest & { [HOLD]?: BodyHold };

/** What a request's body is booked with. */
export const holdOf = (request: FastifyRequest): BodyHold | undefined => (request as Held)[HOLD];
export const setHold = (request: FastifyRequest, hold: BodyHold): BodyHold => ((request as Held)[HOLD] = hold);

/**
 * Has an app take JSON bodies, as they are or by gzip, and nothing else.
 * @param leastMs how long the smallest of bodies may take to come
 */
export function takeJson(fastify: FastifyInstance, leastMs = TIMEOUT_MS): void {
  fastify.removeAllContentTypeParsers();
  fastify.decorateRequest(TIMER, undefined);
  fastify.addHook('preParsing', (request, reply, _payload, done) => {
    const { raw } = request;
    // A sender who lies about the length, or sends a byte now and then, must not keep a connection for ever.
    if (hasBody(raw) && !raw.complete) {
      const most = request.routeOptions.bodyLimit ?? 0;
      const bytes = Math.min(Number(raw.headers['content-length'] ?? most), most);
      const timer = setTimeout(giveUp, patienceFor(bytes, leastMs), request, reply);
      (request as Timed)[TIMER] = timer.unref();
    }
    if (raw.headers['content-encoding']?.toLowerCase() === 'gzip' && hasBody(raw)) {
      done(null, inflated(raw, request.routeOptions.bodyLimit ?? 0, holdOf(request)));
    } else done();
  });
  fastify.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, bytes, done) => {
    clearTimeout((request as Timed)[TIMER]);
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

function giveUp(request: FastifyRequest, reply: FastifyReply): void {
  if (request.raw.complete || reply.sent) return;
  reply.header('connection', 'close');
  reply.raw.once('finish', () => request.raw.destroy());
  sendProblem(request, reply, new HttpProblem('too-slow', 'the body did not come whole in time'));
}
