import { hash, timingSafeEqual } from 'node:crypto';
import type { Clock } from '#platform/kernel/clock.js';
import { idInKey } from './api-key.js';
import type { ApiKeyStore, StoredKey } from './api-keys.js';
import { NotSignedIn, SignInUnavailable } from './not-signed-in.js';
import type { Principal } from './principal.js';

/** How often it is looked whether the keys have changed: a revoked key stops within about so long in every process. */
const READ_MS = 1_000;
/** How long what was read last is gone by while the keys cannot be read. */
export const GRACE_MS = 30_000;
/** A key that is not known may be new: the keys are read for it, and for all that come in this time, once. */
const UNKNOWN_MS = 250;
/** How often it is told which keys were used. */
const USED_MS = 60_000;

export interface KeyRingOptions {
  readonly clock: Clock;
  /** Time that only goes on, in milliseconds. */
  readonly elapsed?: () => number;
  readonly graceMs?: number;
  /** Told when the keys cannot be read any more, and with undefined when they can again. */
  readonly onTrouble?: (error: unknown) => void;
}

interface Entry {
  /** In hexadecimal digits, as letters. */
  readonly hash: Buffer;
  readonly principal: Principal;
  /** Milliseconds since 1970; Infinity for a key without an end. */
  readonly expiresAt: number;
  readonly revokedAt: number;
  used: boolean;
}

/**
 * The keys as this process knows them: read in the background, so that no request waits for the database, but for the
 * first one of a key that was just made.
 */
export class KeyRing {
  private entries = new Map<string, Entry>();
  private version: string | undefined;
  private anyEver = false;
  private readAt = Number.NEGATIVE_INFINITY;
  private startedAt = Number.NEGATIVE_INFINITY;
  private toldAt: number;
  private reading: Promise<void> | undefined;
  /** The reading that those wait for whose keys are not known: it begins after they came. */
  private next: Promise<boolean> | undefined;
  private timer: NodeJS.Timeout | undefined;
  private closed = false;
  private isInTrouble = false;
  private readonly elapsed: () => number;
  private readonly graceMs: number;

  constructor(
    private readonly store: ApiKeyStore,
    private readonly options: KeyRingOptions,
  ) {
    this.elapsed = options.elapsed ?? (() => performance.now());
    this.graceMs = options.graceMs ?? GRACE_MS;
    this.toldAt = this.elapsed();
  }

  /** Reads the keys, and again and again until it is closed. @throws the error of the first reading */
  async start(): Promise<this> {
    await this.read();
    this.again();
    return this;
  }

  async close(): Promise<void> {
    this.closed = true;
    clearTimeout(this.timer);
    await this.reading?.catch(() => {});
    await this.tellUsed().catch(() => {});
  }

  /** Whether a key was ever made. @throws SignInUnavailable when that cannot be told any more */
  get any(): boolean {
    this.assertKnown();
    return this.anyEver;
  }

  /** For readiness. @throws SignInUnavailable when the keys could not be read for too long */
  assertKnown(): void {
    if (this.elapsed() - this.readAt <= this.graceMs) return;
    throw new SignInUnavailable('the keys cannot be read, and what is known of them is too old to go by');
  }

  /**
   * Whose key this is: at once where it is known.
   * @throws NotSignedIn, SignInUnavailable
   */
  principalOf(key: string): Principal | Promise<Principal> {
    const id = idInKey(key);
    if (id === undefined) throw unknown();
    this.assertKnown();
    const entry = this.entries.get(id);
    return entry ? this.checked(entry, key) : this.asNew(id, key);
  }

  private checked(entry: Entry, key: string): Principal {
    // As text into bytes that are there: a buffer made for each request costs as much as the hash itself.
    digits.write(hash('sha256', key, 'hex'), 'latin1');
    if (!timingSafeEqual(digits, entry.hash)) throw unknown();
    if (entry.expiresAt !== Infinity || entry.revokedAt !== Infinity) {
      const now = this.options.clock.now().getTime();
      if (entry.revokedAt <= now) throw new NotSignedIn('revoked', 'the key was revoked');
      if (entry.expiresAt <= now) throw new NotSignedIn('expired', 'the key has expired');
    }
    entry.used = true;
    return entry.principal;
  }

  private async asNew(id: string, key: string): Promise<Principal> {
    // While the keys cannot be read, nobody knows that it is none.
    if (!(await this.nextReading())) throw new SignInUnavailable('the keys cannot be read, and this one is not known');
    const entry = this.entries.get(id);
    if (!entry) throw unknown();
    return this.checked(entry, key);
  }

  /** Resolves after a reading that began after the call, to whether it could be made. */
  private nextReading(): Promise<boolean> {
    return (this.next ??= this.after(Math.max(0, this.startedAt + UNKNOWN_MS - this.elapsed())));
  }

  private async after(ms: number): Promise<boolean> {
    // One that is under way may have begun before the key was made.
    await this.reading?.catch(() => {});
    await new Promise((resolve) => setTimeout(resolve, ms));
    this.next = undefined;
    return this.read().then(
      () => true,
      () => false,
    );
  }

  private again(): void {
    if (this.closed) return;
    const read = (): Promise<void> => this.read().then(() => this.tellUsed());
    this.timer = setTimeout(
      () =>
        void read()
          .catch(() => {})
          .finally(() => this.again()),
      READ_MS,
    ).unref();
  }

  /** Reads the keys, where that is not under way. */
  private read(): Promise<void> {
    return (this.reading ??= this.readNow().finally(() => (this.reading = undefined)));
  }

  private async readNow(): Promise<void> {
    const began = (this.startedAt = this.elapsed());
    try {
      const { version, any, keys } = await this.store.read(this.version);
      if (keys) this.entries = entriesOf(keys, this.entries);
      this.version = version;
      this.anyEver = any;
      this.readAt = began;
      this.tell(undefined);
    } catch (error) {
      this.tell(error);
      throw error;
    }
  }

  private tell(trouble: unknown): void {
    if ((trouble !== undefined) === this.isInTrouble) return;
    this.isInTrouble = trouble !== undefined;
    this.options.onTrouble?.(trouble);
  }

  private async tellUsed(): Promise<void> {
    const now = this.elapsed();
    if (now - this.toldAt < USED_MS && !this.closed) return;
    this.toldAt = now;
    const used: string[] = [];
    for (const [id, entry] of this.entries) {
      if (entry.used) used.push(id);
      entry.used = false;
    }
    if (used.length > 0) await this.store.used(used);
  }
}

function entriesOf(keys: readonly StoredKey[], before: ReadonlyMap<string, Entry>): Map<string, Entry> {
  const entries = new Map<string, Entry>();
  for (const { id, name, hash: of, roles, personalDataFor, expiresAt, revokedAt } of keys) {
    const principal: Principal = { actor: name, roles: new Set(roles), personalDataFor, by: 'api-key' };
    entries.set(id, {
      hash: Buffer.from(of.toString('hex'), 'latin1'),
      principal,
      expiresAt: expiresAt?.getTime() ?? Infinity,
      revokedAt: revokedAt?.getTime() ?? Infinity,
      used: before.get(id)?.used ?? false,
    });
  }
  return entries;
}

/** The hash of the key that is looked at, for as long as that takes. */
const digits = Buffer.alloc(64);

const unknown = (): NotSignedIn => new NotSignedIn('invalid', 'the key is not known');
