/** A connection whose session is not set as it was asked for: a byte may mean something else on it, so it is not used. */
export class SettingRefused extends Error {
  constructor(
    readonly setting: string,
    readonly expected: string,
    readonly actual: string | undefined,
  ) {
    super(
      `the database session has ${setting} = ${actual === undefined ? 'nothing' : `'${actual}'`} where '${expected}' was asked for: ` +
        `a pooler in between drops or changes what a session starts with (the startup parameter 'options'); ` +
        `connect to the server itself, or have the pooler pass it on`,
    );
    this.name = 'SettingRefused';
  }
}

/** Errors of connections that never stood: what was to be done on them was not sent. */
const unsent = new WeakSet<object>();

export function markUnsent(error: unknown): void {
  if (typeof error === 'object' && error !== null) unsent.add(error);
}

// pg's own words, which have no code.
const SILENCE =
  /Connection terminated|timeout exceeded when trying to connect|^timeout expired$|^Query read timeout$|Client has encountered a connection error|^Client was closed/;
const NETWORK = /^(ECONN|EPIPE|ETIMEDOUT|ENOENT|ENOTFOUND|EHOSTUNREACH|ENETUNREACH|EAI_AGAIN)/;

/** Errors of a connection, or of a server that is starting, stopping or ends the session. */
const CONNECTION = /^(08|57P0|25P0[34]|53300)/;
/**
 * Errors of a server that is there and cannot do it now, whatever the data: read-only (25006), out of disk, memory or
 * other resources (53), a lock or a statement that took too long (55P03, 57014), a system error such as a failed read
 * (58).
 */
const UNAVAILABLE = /^(25006|53|55P03|57014|58)/;

const codeOf = (error: unknown): string | undefined => {
  const { code } = (error ?? {}) as { code?: unknown };
  return typeof code === 'string' ? code : undefined;
};

/** True for errors of the connection or of a server that is starting, stopping or gone: the same call may succeed later. */
export function isConnectionError(error: unknown): boolean {
  const code = codeOf(error);
  if (code !== undefined && (CONNECTION.test(code) || NETWORK.test(code))) return true;
  return SILENCE.test((error as { message?: string } | null)?.message ?? '');
}

/** True for errors that say nothing of what was asked: the connection's, and those of a server that cannot do it now. */
export function isUnavailable(error: unknown): boolean {
  if (isConnectionError(error) || error instanceof SettingRefused) return true;
  const code = codeOf(error);
  return code !== undefined && UNAVAILABLE.test(code);
}

/**
 * True for an error after which nobody knows whether the statement was done: its connection ended, or fell silent,
 * while the answer was due. An answer of the server, such as that a lock took too long, is never one.
 */
export function isOutcomeUnknown(error: unknown): boolean {
  if (typeof error !== 'object' || error === null || unsent.has(error)) return false;
  const code = codeOf(error);
  // Refused before anything was done: too many clients, a server that is starting.
  if (code === '53300' || code === '57P03') return false;
  return isConnectionError(error);
}

/** True for errors of a server that has become read-only: the writable one is another, behind the same address. */
export const isReadOnly = (error: unknown): boolean => codeOf(error) === '25006';

/** In a few words, why the database cannot do it; undefined where the error is none of that kind. */
export function reasonOf(error: unknown): string | undefined {
  if (!isUnavailable(error)) return undefined;
  const code = codeOf(error) ?? '';
  if (code === '25006') return 'the database is read-only';
  if (code === '53100') return 'the disk of the database is full';
  if (code === '53200') return 'the database is out of memory';
  if (code === '53300') return 'the database has no connection left';
  if (code === '55P03') return 'a lock in the database was not free in time';
  if (code === '57014') return 'the database took too long';
  if (error instanceof SettingRefused) return error.message;
  return 'the database cannot be reached';
}
