import type { NestFastifyApplication } from '@nestjs/platform-fastify';

const IDLE_MS = 50;

/**
 * Answers the requests under way and closes. A connection that was busy when closing began is kept open by its client
 * after the answer: without a second look it would be waited for until its keep-alive ends, over a minute.
 */
export async function closeInOrder(app: NestFastifyApplication): Promise<void> {
  const server = app.getHttpServer();
  const closing = setInterval(() => server.closeIdleConnections(), IDLE_MS);
  await app.close().finally(() => clearInterval(closing));
}
