/** What the process ends with, beside 0 (as it should be) and 1 (it could not be done). */
export const EXIT = {
  /** It was done, and what was found is not as it should be: rows that differ, a log with holes, a swap not made. */
  found: 3,
} as const;

/** The command was stopped by a signal. */
export class Stopped extends Error {
  readonly exitCode: number;
  constructor(signal: 'SIGINT' | 'SIGTERM') {
    super('stopped in order; the same command can be given again');
    this.exitCode = signal === 'SIGINT' ? 130 : 143;
  }
}

/** The exit code for an error that ends a command. */
export const exitCodeOf = (error: unknown): number => (error instanceof Stopped ? error.exitCode : 1);
