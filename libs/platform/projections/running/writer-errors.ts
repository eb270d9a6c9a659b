/** Somebody else moved the checkpoint, or an operation raised the epoch: what is held in memory is void. */
export class StaleWriter extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'StaleWriter';
  }
}

/** An operation (a swap, a retry of dead letters) holds a build's checkpoints until it ends. */
export class CheckpointsHeld extends Error {
  constructor(projection: string) {
    super(`an operation holds the checkpoints of ${projection}`);
    this.name = 'CheckpointsHeld';
  }
}

/** True for errors that come from the values, so that another try would fail likewise. */
export function isDataError(error: unknown): boolean {
  const { code } = (error ?? {}) as { code?: string };
  if (error instanceof RangeError) return true;
  return code !== undefined && /^(22|23|54)/.test(code);
}
