/** How much a line of the log matters, from the least on. */
export const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/**
 * All that a line of the log may say beside its words: nothing else is written, whatever is given. None of it comes from
 * a body, a query string, or a header but those that are named here.
 */
export interface LogFields {
  readonly requestId?: string | undefined;
  /** The definition's name. */
  readonly operation?: string | undefined;
  /** The principal's. */
  readonly actor?: string | undefined;
  readonly method?: string | undefined;
  /** The route's pattern, never the address that was asked. */
  readonly route?: string | undefined;
  /** The aggregate or row in the path, where that is a uuid. */
  readonly id?: string | undefined;
  readonly status?: number | undefined;
  /** The kind of problem that was answered. */
  readonly problem?: string | undefined;
  /** The client did not take the whole answer. */
  readonly cutOff?: boolean | undefined;
  readonly ms?: number | undefined;
  /** Of the answer's body, as it was sent. */
  readonly bytes?: number | undefined;
  /** Requests that have no line of their own, as there were too many in a second. */
  readonly notLogged?: number | undefined;
  /** The part of the framework that speaks. */
  readonly context?: string | undefined;
  /** What went wrong with something that was sent to us: its words may repeat what was sent, and are left out. */
  readonly error?: unknown;
  /** What went wrong in the background: its words are of Yad, of a driver or of the system, see `describeError`. */
  readonly trouble?: unknown;
}

/** Where a process tells what it does. Each call is one line. */
export interface Log {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
}

const nothing = (): void => {};

/** Tells nobody. */
export const noLog: Log = { debug: nothing, info: nothing, warn: nothing, error: nothing };

const told = (print: (...what: unknown[]) => void) => (message: string, fields?: LogFields) => {
  const error = fields?.error ?? fields?.trouble;
  if (error === undefined) print(message);
  else print(`${message}:`, error);
};

/** For programs that speak to a person, and for tests: warnings and errors, in words. */
export const consoleLog: Log = {
  debug: nothing,
  info: nothing,
  warn: told((...what) => console.warn(...what)),
  error: told((...what) => console.error(...what)),
};
