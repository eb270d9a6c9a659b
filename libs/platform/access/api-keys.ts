import type { Role } from '#platform/kernel/command.js';

/** A key as it is kept. */
export interface StoredKey {
  readonly id: string;
  /** Of its holder; the actor of its events. */
  readonly name: string;
  /** SHA-256 of the whole key. */
  readonly hash: Buffer;
  readonly roles: readonly Role[];
  readonly personalDataFor?: string;
  readonly expiresAt?: Date;
  /** From then on it is of no use; may lie ahead, after a rotation. */
  readonly revokedAt?: Date;
}

/** What there is to know of the keys at one moment. */
export interface KeysRead {
  /** Another one after every change of a key. */
  readonly version: string;
  /** Whether a key was ever made, of use or not. */
  readonly any: boolean;
  /** Those of use, and those that were until lately; absent where the version is the one that was known. */
  readonly keys?: readonly StoredKey[];
}

/** Where keys lie. */
export interface ApiKeyStore {
  /** @param known the version that the asker has; the keys are then left out while it is still the one */
  read(known: string | undefined): Promise<KeysRead>;
  /** Takes note that keys were used about now. */
  used(ids: readonly string[]): Promise<void>;
}

/** Keys that may be of use at one time: every process holds them all. */
export const MOST_KEYS = 10_000;
