import { randomBytes } from 'node:crypto';

/** A secret of 32 random bytes that cursors are sealed with; the one with the highest id seals, all of them open. */
export interface CursorKey {
  /** 1 to 32,767. */
  readonly id: number;
  readonly secret: Buffer;
}

/** Where the keys are kept: the same for all processes that serve the same queries. */
export interface CursorKeys {
  /** All keys, at least one. */
  read(): Promise<readonly CursorKey[]>;
}

/** One key that no other process knows: for specs, and for apps without a database. */
export function keysOfThisProcess(): CursorKeys {
  const keys: CursorKey[] = [{ id: 1, secret: randomBytes(32) }];
  return { read: async () => keys };
}
