export interface BackoffOptions {
  /** Before the second try; doubles with each further one. */
  readonly firstMs?: number;
  /** The longest pause. */
  readonly capMs?: number;
}

/** Milliseconds to wait after the `attempt`th failure (1, 2, …), a fifth of it random so that those who failed together spread out. */
export function backoff(attempt: number, { firstMs = 50, capMs = 5_000 }: BackoffOptions = {}): number {
  const full = Math.min(capMs, firstMs * 2 ** Math.min(attempt - 1, 20));
  return full * (0.8 + 0.2 * Math.random());
}
