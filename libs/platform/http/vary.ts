import type { FastifyReply } from 'fastify';

/** Says of an answer that it depends on these request headers, too: beside what was said before. */
export function varyBy(reply: FastifyReply, headers: string): void {
  const before = reply.getHeader('vary');
  reply.header('vary', before === undefined ? headers : `${String(before)}, ${headers}`);
}
