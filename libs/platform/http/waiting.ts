import type { FastifyReply, FastifyRequest } from 'fastify';
import type { SnapshotUnderWay } from '#platform/projections/as-of/past-reads.js';
import { InvalidRequest } from './refusals.js';

/** Nobody is waited for longer, whatever is preferred: connections are for those who come. */
const MOST_SECONDS = 60;

/**
 * How long a sender is ready to wait for what takes its time, by `Prefer: wait=N` in seconds (RFC 7240); more than a
 * minute counts as one. Other preferences are passed over, as the RFC wants it.
 * @param usualMs where none is told
 * @throws InvalidRequest where N is no number of seconds
 */
export function preferredWait({ headers }: Pick<FastifyRequest, 'headers'>, usualMs: number): number {
  const given = headers['prefer'];
  for (const preference of given === undefined ? [] : [given].flat().join(',').split(',')) {
    const [, name, seconds] = /^\s*([\w-]+)\s*(?:=\s*"?([^";]*)"?\s*)?(?:;.*)?$/.exec(preference) ?? [];
    if (name?.toLowerCase() !== 'wait') continue;
    if (!/^\d{1,9}$/.test(seconds ?? '')) {
      throw new InvalidRequest('header', [{ pointer: '/Prefer', message: 'wait is not a number of seconds' }]);
    }
    return Math.min(Number(seconds), MOST_SECONDS) * 1000;
  }
  return usualMs;
}

/** Answers 202: the answer is in the making, and where to see how far it is. The same request again gets it. */
export function sayUnderWay(reply: FastifyReply, { snapshot }: Pick<SnapshotUnderWay, 'snapshot'>): void {
  reply
    .code(202)
    .header('content-type', 'application/json; charset=utf-8')
    .header('location', `/v1/snapshots/${snapshot}`)
    .header('retry-after', '1')
    .send(JSON.stringify({ snapshot }));
}
