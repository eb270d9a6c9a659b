import type { LoggerService } from '@nestjs/common';
import type { Log } from '#platform/observability/log.js';

/** What Nest itself tells, as lines of the log: its words, and who speaks; of an error where it was thrown. */
export class NestLog implements LoggerService {
  constructor(private readonly to: Log) {}

  log(message: unknown, ...rest: unknown[]): void {
    this.to.debug(...told(message, rest));
  }
  debug(message: unknown, ...rest: unknown[]): void {
    this.to.debug(...told(message, rest));
  }
  verbose(message: unknown, ...rest: unknown[]): void {
    this.to.debug(...told(message, rest));
  }
  warn(message: unknown, ...rest: unknown[]): void {
    this.to.warn(...told(message, rest));
  }
  error(message: unknown, ...rest: unknown[]): void {
    this.to.error(...told(message, rest));
  }
  fatal(message: unknown, ...rest: unknown[]): void {
    this.to.error(...told(message, rest));
  }
}

/** Nest gives the context last, and before it a stack or an error. */
function told(message: unknown, rest: unknown[]): [string, { context: string | undefined; error?: unknown }] {
  const last = rest.at(-1);
  const context = typeof last === 'string' && !last.includes('\n') ? last : undefined;
  const error = message instanceof Error ? message : rest.find((each) => each instanceof Error);
  if (error !== undefined) return ['Nest failed', { context, error }];
  return [typeof message === 'string' ? message : 'Nest speaks', { context }];
}
