import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { listenHost } from './request-guards.js';

export interface ServeOptions {
  port: number;
  host?: string;
  /** Closes what the application stands on, in order, after the last request is answered. */
  close: () => Promise<void>;
}

/** Longest wait for an orderly end before the process ends anyway: it must not hang and look healthy. */
const TIMEOUT_MS = 20_000;

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

/**
 * Listens, and ends in order at SIGTERM or Ctrl-C: no new request, the running ones answered, then `close`.
 * Resolves to the address that it answers on.
 */
export async function serve(app: NestFastifyApplication, options: ServeOptions): Promise<string> {
  const { port, host = listenHost(), close } = options;
  await app.listen(port, host);
  let ending = false;
  const end = async (signal: string): Promise<void> => {
    if (ending) return;
    ending = true;
    setTimeout(() => process.exit(1), TIMEOUT_MS).unref();
    try {
      await closeInOrder(app);
      await close();
      process.exit(0);
    } catch (error) {
      console.error(`did not end in order after ${signal}`, error);
      process.exit(1);
    }
  };
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => void end(signal));
  return (await app.getUrl()).replace('[::1]', 'localhost').replace('127.0.0.1', 'localhost');
}

/** A port from the environment, or another. @throws Error naming the variable */
export const portFrom = (name: string, otherwise: number): number => wholeFrom(name, otherwise, 65_535);

/** A whole number from the environment, or another. @throws Error naming the variable and what it may be */
export function wholeFrom(name: string, otherwise: number, most: number): number {
  const text = process.env[name];
  if (text === undefined || text === '') return otherwise;
  const value = Number(text);
  if (Number.isInteger(value) && value >= 0 && value <= most) return value;
  throw new Error(`${name} is '${text}', not a whole number from 0 to ${most}`);
}

/** A setting that must be there. @throws Error naming the variable */
export function required(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set`);
  return value;
}
