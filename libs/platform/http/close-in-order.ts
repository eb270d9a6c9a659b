import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { connectionsOf } from './connections.js';

const IDLE_MS = 50;

/** From now on every answer is the last one of its connection; requests are taken and answered as before. */
export function drain(app: NestFastifyApplication): void {
  connectionsOf(app.getHttpServer())?.drain();
}

/**
 * Answers the requests under way and closes. A connection whose answer was on its way when closing began may be idle
 * only after it: without a second look it would be waited for until its keep-alive ends, over a minute.
 */
export async function closeInOrder(app: NestFastifyApplication): Promise<void> {
  drain(app);
  const server = app.getHttpServer();
  const closing = setInterval(() => server.closeIdleConnections(), IDLE_MS);
  await app.close().finally(() => clearInterval(closing));
}
