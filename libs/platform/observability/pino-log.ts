import { isatty } from 'node:tty';
import { pino, type DestinationStream, type Logger } from 'pino';
import type { PrettyOptions } from 'pino-pretty';
import { describeError } from './describe-error.js';
import type { Log, LogFields, LogLevel } from './log.js';

export interface LogOptions {
  /** Of the process: stands in each line. */
  readonly app: string;
  /** Lines that matter less are not written. Default info. */
  readonly level?: LogLevel | 'silent';
  /** Lines of JSON, or for the eyes of a person; without it, for a person where the output is a terminal. */
  readonly format?: 'json' | 'pretty' | undefined;
  /** In the place of stdout; of a test. */
  readonly destination?: DestinationStream;
}

/** A log that is written out. */
export interface WrittenLog extends Log {
  /** Whether a person reads along. */
  readonly isPretty: boolean;
  /** Lines that were lost, as nobody took what was written. */
  readonly lost: number;
}

/** Bytes that are gathered before they are written, unless so many milliseconds pass. */
const GATHERED_BYTES = 8 * 1024;
const GATHERED_MS = 100;
/** Bytes that wait where nobody takes them; further lines are lost, and counted. */
const MOST_WAITING = 16 * 1024 * 1024;

/**
 * The log of a process, by pino. JSON goes to stdout away from the callers: a line costs its text, and is written with
 * others within a tenth of a second, the last ones when the process ends. One that is killed loses what had gathered.
 */
export async function createLog(options: LogOptions): Promise<WrittenLog> {
  const isPretty = (options.format ?? (isatty(1) ? 'pretty' : 'json')) === 'pretty';
  let lost = 0;
  let destination = options.destination;
  if (isPretty) destination = await prettyOn(destination);
  else if (!destination) {
    const out = pino.destination({ dest: 1, sync: false, minLength: GATHERED_BYTES, maxLength: MOST_WAITING });
    setInterval(() => out.flush(), GATHERED_MS).unref();
    out.on('drop', () => lost++);
    destination = out;
  }
  const { app, level = 'info' } = options;
  const logger = pino(
    {
      level,
      base: { app },
      timestamp,
      // The allow-list: of what is given, these members are written and no others.
      formatters: { level: (label) => ({ level: label }), log: (given) => allowed(given, isPretty) },
    },
    destination,
  );
  return {
    debug: lineOf(logger, 'debug'),
    info: lineOf(logger, 'info'),
    warn: lineOf(logger, 'warn'),
    error: lineOf(logger, 'error'),
    isPretty,
    get lost() {
      return lost;
    },
  };
}

async function prettyOn(destination: DestinationStream | undefined): Promise<DestinationStream> {
  const { default: pretty } = await import('pino-pretty');
  const options: PrettyOptions = { ignore: 'app', translateTime: 'SYS:HH:MM:ss', sync: true };
  return pretty(destination ? { ...options, destination: destination as never } : { ...options, destination: 1 });
}

const lineOf = (logger: Logger, level: LogLevel) => (message: string, fields?: LogFields) => {
  if (fields === undefined) logger[level](message);
  else logger[level](fields, message);
};

/** ISO 8601 to the millisecond, made once for all lines of one. */
let [lastMs, lastText] = [0, ''];
function timestamp(): string {
  const now = Date.now();
  if (now !== lastMs) {
    lastMs = now;
    lastText = `,"time":"${new Date(now).toISOString()}"`;
  }
  return lastText;
}

/** Members that are undefined are left out by pino. */
function allowed(given: LogFields, allWords: boolean): Record<string, unknown> {
  const { requestId, operation, actor, method, route, id, status, problem, cutOff, ms, bytes, context } = given;
  const { error, trouble, notLogged } = given;
  const line = {
    requestId,
    operation,
    actor,
    method,
    route,
    id,
    status,
    problem,
    cutOff,
    ms,
    bytes,
    context,
    notLogged,
  };
  if (error === undefined && trouble === undefined) return line;
  const described = describeError(error ?? trouble, { allWords, ofBackground: error === undefined });
  return Object.assign(line, { error: described });
}
