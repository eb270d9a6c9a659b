import { YadError } from '#platform/kernel/errors.js';

/** What became of a request that is noted. `not-noted`: so many denials of a time were too many to keep. */
export const ACCESS_OUTCOMES = ['seen', 'unauthenticated', 'forbidden', 'not-noted'] as const;
export type AccessOutcome = (typeof ACCESS_OUTCOMES)[number];

/** Who saw personal values, or was denied something. Never a value of a customer. */
export interface AccessEntry {
  readonly outcome: AccessOutcome;
  /** Absent where it is not known who asked. */
  readonly actor?: string;
  readonly roles?: readonly string[];
  readonly operation: string;
  /** Ids and positions that were asked for, such as `id=0198…`; no other parameter is kept. */
  readonly about?: string;
  /** Of what was seen: what let the sender see it, and what for. */
  readonly by?: 'reveal' | 'purpose';
  readonly why?: string;
  /** The request's id, as its answer and its line in the log have it; of several denials the first. */
  readonly request?: string;
  /** Of what was seen: items in the answer. Of denials: how many there were. */
  readonly count: number;
}

/** An entry as it is kept. */
export interface StoredAccessEntry extends AccessEntry {
  readonly id: string;
  readonly at: Date;
}

/** Which entries are asked for. */
export interface AccessQuestion {
  readonly actor?: string;
  readonly outcome?: AccessOutcome;
  /** Inclusive. */
  readonly from?: Date;
  /** Exclusive. */
  readonly to?: Date;
  /** Older than this entry. */
  readonly before?: { readonly at: Date; readonly id: string };
  readonly limit: number;
}

/** Where the entries are kept, which nobody changes. */
export interface AccessEntries {
  /** Stores all of them or none. */
  add(entries: readonly AccessEntry[]): Promise<void>;
  /** The newest first. */
  page(question: AccessQuestion): Promise<StoredAccessEntry[]>;
  close(): Promise<void>;
}

/** What would be seen cannot be noted, so it is not shown. */
export class AccessNotLogged extends YadError {
  readonly kind = 'access-not-logged';
  constructor() {
    super('who sees personal values is noted, and that cannot be written now; nothing was shown');
  }
}

/** Entries in one write. */
const MOST_AT_ONCE = 500;

export interface AccessLogOptions {
  /** Reads whose entries may wait to be written at once; more are refused. */
  readonly waiting?: number;
  /** Different denials that are kept until they are written; of more it is kept how many there were. */
  readonly denials?: number;
  /** How long denials are gathered, in milliseconds. */
  readonly gatherMs?: number;
  /** Told of a write that failed. */
  readonly onError?: (error: unknown) => void;
}

interface Waiting {
  readonly entry: AccessEntry;
  readonly done: () => void;
  readonly failed: (error: unknown) => void;
}

/**
 * Notes who saw personal values, before they see them: an answer waits until its entry is stored, with all others that
 * wait, and is refused where it cannot be. Denials hold up nobody: those that are alike are counted in one entry, and are
 * kept until they can be written, so many of them.
 */
export class AccessLog {
  private readonly reads: Waiting[] = [];
  private readonly denials = new Map<string, { entry: AccessEntry; count: number }>();
  private readonly options: Required<Omit<AccessLogOptions, 'onError'>>;
  private readonly onError: (error: unknown) => void;
  private lost = 0;
  private writing: Promise<void> | undefined;
  private timer: NodeJS.Timeout | undefined;

  constructor(
    readonly entries: AccessEntries,
    { waiting = 2_000, denials = 1_000, gatherMs = 1_000, onError = () => {} }: AccessLogOptions = {},
  ) {
    this.options = { waiting, denials, gatherMs };
    this.onError = onError;
  }

  /**
   * Resolves when the entry is stored.
   * @throws AccessNotLogged when it cannot be, or too many wait
   */
  seen(entry: AccessEntry): Promise<void> {
    if (this.reads.length >= this.options.waiting) return Promise.reject(new AccessNotLogged());
    return new Promise((done, failed) => {
      this.reads.push({ entry, done, failed });
      this.writeOn();
    });
  }

  /** Keeps a denial, to be written soon. */
  denied(entry: AccessEntry): void {
    const { outcome, actor, roles, operation, about } = entry;
    const key = JSON.stringify([outcome, actor, roles, operation, about]);
    const known = this.denials.get(key);
    if (known) known.count += entry.count;
    else if (this.denials.size < this.options.denials) this.denials.set(key, { entry, count: entry.count });
    else this.lost += entry.count;
    this.timer ??= this.soon();
  }

  /** Writes what is left; what cannot be written then is lost. */
  async close(): Promise<void> {
    while (this.writing) await this.writing;
    // A write has so many at most; one that failed gives back what it took, and is not tried again.
    for (let before = Infinity; this.denials.size > 0 || this.lost > 0;) {
      if (this.denials.size >= before) break;
      before = this.denials.size;
      await this.write(true);
    }
    clearTimeout(this.timer);
    await this.entries.close();
  }

  /** One write at a time: what comes meanwhile is in the next. */
  private writeOn(withDenials = false): void {
    if (this.writing || (this.reads.length === 0 && !withDenials)) return;
    this.writing = this.write(withDenials).finally(() => {
      this.writing = undefined;
      this.writeOn();
    });
  }

  private async write(withDenials: boolean): Promise<void> {
    const reads = this.reads.splice(0, MOST_AT_ONCE);
    const denials = withDenials ? [...this.denials].slice(0, MOST_AT_ONCE) : [];
    for (const [key] of denials) this.denials.delete(key);
    const lost = withDenials ? this.lost : 0;
    this.lost -= lost;
    const batch: AccessEntry[] = reads.map(({ entry }) => entry);
    for (const [, { entry, count }] of denials) batch.push({ ...entry, count });
    if (lost > 0) batch.push({ outcome: 'not-noted', operation: 'denials', count: lost });
    if (batch.length === 0) return;
    try {
      await this.entries.add(batch);
      for (const { done } of reads) done();
    } catch (error) {
      this.onError(error);
      for (const { failed } of reads) failed(new AccessNotLogged());
      this.lost += lost;
      for (const [, { entry, count }] of denials) this.denied({ ...entry, count });
    }
    if (withDenials && this.denials.size > 0) this.timer ??= this.soon();
  }

  private soon(): NodeJS.Timeout {
    return setTimeout(() => {
      this.timer = undefined;
      this.writeOn(true);
    }, this.options.gatherMs).unref();
  }
}
