import type { IncomingMessage } from 'node:http';
import { Transform, type Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import type { BodyHold } from './bodies-under-way.js';
import { HttpProblem } from './problem.js';

/** What Fastify reads a body from: it holds Content-Length against the bytes as they came, `receivedEncodedLength`. */
export type EncodedBody = Readable & { readonly receivedEncodedLength: number };

/**
 * The body that a gzip stream stands for. It is the bytes after inflation that count: they are booked with `hold` as
 * they come, and beyond `most` nothing more is inflated, so that a small bomb costs no more than a body of that size.
 * Its errors are HttpProblems: body-too-large, overloaded, and malformed-request where it is no gzip or was cut off.
 */
export function inflated(raw: IncomingMessage, most: number, hold: BodyHold | undefined): EncodedBody {
  let encoded = 0;
  let bytes = 0;
  const gunzip = createGunzip();
  const body = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      bytes += chunk.length;
      try {
        if (bytes > most) throw new HttpProblem('body-too-large', `the body has more than ${most} bytes when inflated`);
        hold?.reach(bytes);
        done(null, chunk);
      } catch (error) {
        stop(error as Error);
      }
    },
  });
  /** Inflates no more. What is still to come is read and thrown away, or the answer would be lost with the connection. */
  const stop = (error: Error): void => {
    raw.unpipe(gunzip);
    raw.resume();
    gunzip.destroy();
    body.destroy(error);
  };
  raw.on('data', (chunk: Buffer) => (encoded += chunk.length));
  raw.once('close', () => {
    if (!raw.complete) stop(new HttpProblem('malformed-request', 'the connection ended within the body'));
  });
  gunzip.once('error', ({ code, message }: NodeJS.ErrnoException) => {
    const what = code === 'Z_BUF_ERROR' ? 'ends within its gzip stream' : 'is not what its Content-Encoding says';
    stop(new HttpProblem('malformed-request', `the body ${what}: ${message}`));
  });
  raw.pipe(gunzip).pipe(body);
  return Object.defineProperty(body, 'receivedEncodedLength', { get: () => encoded }) as unknown as EncodedBody;
}
