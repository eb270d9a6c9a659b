/** Resolves after `ms`, or at once when the signal aborts. */
export function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal?.addEventListener('abort', done, { once: true });
    if (signal?.aborted) done();
  });
}

export interface BackoffOptions {
  /** Before the second try; doubles with each further one. */
  firstMs?: number;
  /** The longest pause. */
  capMs?: number;
}

/** Milliseconds to wait after the `attempt`th failure (1, 2, …), a fifth of it random so that members spread out. */
export function backoff(attempt: number, { firstMs = 50, capMs = 5000 }: BackoffOptions = {}): number {
  const full = Math.min(capMs, firstMs * 2 ** Math.min(attempt - 1, 20));
  return full * (0.8 + 0.2 * Math.random());
}

/** Where the bus tells an operator what went wrong and that it goes on. */
export interface BusLog {
  warn(message: string, error?: unknown): void;
}

export const consoleLog: BusLog = {
  warn: (message, error) =>
    console.warn(
      error === undefined ? message : `${message}: ${error instanceof Error ? error.message : String(error)}`,
    ),
};
