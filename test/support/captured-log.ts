import { createLog, type WrittenLog } from '#platform/observability/pino-log.js';
import type { LogLevel } from '#platform/observability/log.js';

/** A log whose lines a spec can look at, as they are written. */
export async function capturedLog(
  level: LogLevel = 'debug',
): Promise<{ log: WrittenLog; text: () => string; lines: () => any[] }> {
  let text = '';
  const destination = { write: (line: string): void => void (text += line) };
  const log = await createLog({ app: 'test', level, format: 'json', destination });
  return {
    log,
    text: () => text,
    lines: () =>
      text
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line)),
  };
}
