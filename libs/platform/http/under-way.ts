import type { FastifyReply } from 'fastify';
import type { SnapshotUnderWay } from '#platform/projections/as-of/past-reads.js';

/** Answers 202: the answer is in the making, and where to see how far it is. The same request again gets it. */
export function sayUnderWay(reply: FastifyReply, { snapshot }: Pick<SnapshotUnderWay, 'snapshot'>): void {
  reply
    .code(202)
    .header('content-type', 'application/json; charset=utf-8')
    .header('location', `/v1/snapshots/${snapshot}`)
    .header('retry-after', '1')
    .send(JSON.stringify({ snapshot }));
}
