/** What a connection is for. Its role says how long anything on it may take. */
export type ConnectionRole = 'append' | 'read' | 'query' | 'write' | 'listen' | 'rebuild' | 'admin';

/**
 * Times in milliseconds. The server gives up first (lock, then statement), and says so; the client gives up when the
 * server says nothing: then the connection is dead, whatever its socket looks like.
 */
export interface Limits {
  /** Until the connection stands, its settings read back; also the longest wait for a free one of a pool. */
  readonly connectMs: number;
  /** A wait for one lock. */
  readonly lockMs: number;
  readonly statementMs: number;
  /** Between two statements of one transaction: a client that has stopped in between holds its locks no longer. */
  readonly idleInTransactionMs: number;
  /**
   * A whole transaction, where the server knows that limit (PostgreSQL 17): also one that is held between two messages
   * of a single statement, which no other limit sees. 0: none.
   */
  readonly transactionMs: number;
  /** While an answer is due, nothing has come for so long. */
  readonly silenceMs: number;
  /** What a silent connection is: dead, or to be asked about over another one, as its statements may take long. */
  readonly onSilence: 'give-up' | 'ask';
}

const SECOND = 1000;
const HOUR = 3600 * SECOND;

const connectMs = 10 * SECOND;

/**
 * A reader that is in the middle of an answer when its peer vanishes knows after `silenceMs`; an idle connection of a
 * pool is closed after ten seconds. So every half-open socket is gone within half a minute.
 */
export const limitsOf: Readonly<Record<ConnectionRole, Limits>> = {
  /** Appends to the log. Short: all of them wait for one lock. */
  append: {
    connectMs,
    lockMs: 4 * SECOND,
    statementMs: 8 * SECOND,
    idleInTransactionMs: 5 * SECOND,
    transactionMs: 10 * SECOND,
    silenceMs: 12 * SECOND,
    onSilence: 'give-up',
  },
  /** Reads of the log and of the books about it, a page or less at a time. */
  read: {
    connectMs,
    lockMs: 5 * SECOND,
    statementMs: 10 * SECOND,
    idleInTransactionMs: 5 * SECOND,
    transactionMs: 12 * SECOND,
    silenceMs: 14 * SECOND,
    onSilence: 'give-up',
  },
  /** Questions of users to the read models. */
  query: {
    connectMs,
    lockMs: 4 * SECOND,
    statementMs: 10 * SECOND,
    idleInTransactionMs: 5 * SECOND,
    transactionMs: 12 * SECOND,
    silenceMs: 14 * SECOND,
    onSilence: 'give-up',
  },
  /** Live writers of read models, and the relay's checkpoints. */
  write: {
    connectMs,
    lockMs: 4 * SECOND,
    statementMs: 11 * SECOND,
    idleInTransactionMs: 5 * SECOND,
    transactionMs: 13 * SECOND,
    silenceMs: 15 * SECOND,
    onSilence: 'give-up',
  },
  /** Waiting for notifications, and sending them. */
  listen: {
    connectMs,
    lockMs: 4 * SECOND,
    statementMs: 5 * SECOND,
    idleInTransactionMs: 5 * SECOND,
    transactionMs: 6 * SECOND,
    silenceMs: 8 * SECOND,
    onSilence: 'give-up',
  },
  /** Builds of read models: indexes over everything, and a snapshot that is held while a build is compared with it. */
  rebuild: {
    connectMs,
    lockMs: 30 * SECOND,
    statementMs: 6 * HOUR,
    idleInTransactionMs: HOUR,
    transactionMs: 0,
    silenceMs: 15 * SECOND,
    onSilence: 'ask',
  },
  /** Migrations, and what an operator asks for. Waits for another process that migrates. */
  admin: {
    connectMs,
    lockMs: 60 * SECOND,
    statementMs: 6 * HOUR,
    idleInTransactionMs: 60 * SECOND,
    transactionMs: 0,
    silenceMs: 15 * SECOND,
    onSilence: 'ask',
  },
};

export interface SessionOptions {
  readonly role: ConnectionRole;
  /** `off` only where a lost last second is made good by the log: read models, the relay's checkpoint. */
  readonly synchronousCommit?: 'on' | 'off';
  /** Schemas to look in, in order, separated by commas. */
  readonly searchPath?: string;
  /** For tables that grow for ever: a plan that was made while they were small must not read them whole. */
  readonly indexesOnly?: boolean;
  /** Others than the role's: for tests, whose time is short. */
  readonly limits?: Partial<Limits>;
}

export const limitsFor = ({ role, limits }: SessionOptions): Limits => ({ ...limitsOf[role], ...limits });

/**
 * The settings that a session must have, by their names in pg_settings and in the form that the server shows. They say
 * what a byte means (time zone, date style), where a name leads, what a transaction sees, and what may take how long.
 */
export function settingsOf(options: SessionOptions): ReadonlyMap<string, string> {
  const { lockMs, statementMs, idleInTransactionMs } = limitsFor(options);
  return new Map([
    ['TimeZone', 'UTC'],
    ['DateStyle', 'ISO, MDY'],
    ['IntervalStyle', 'postgres'],
    ['bytea_output', 'hex'],
    ['extra_float_digits', '1'],
    ['client_encoding', 'UTF8'],
    ['standard_conforming_strings', 'on'],
    ['default_transaction_isolation', 'read committed'],
    ['search_path', options.searchPath ?? 'public'],
    ['synchronous_commit', options.synchronousCommit ?? 'on'],
    // Arrays hide their sizes from the planner; a plan made for one size serves all of ours.
    ['plan_cache_mode', 'force_generic_plan'],
    ['enable_seqscan', options.indexesOnly ? 'off' : 'on'],
    ['lock_timeout', String(lockMs)],
    ['statement_timeout', String(statementMs)],
    ['idle_in_transaction_session_timeout', String(idleInTransactionMs)],
  ]);
}

/**
 * The server's own watch for clients that are gone without a word: a session's advisory lock would else be held for
 * hours. Not read back, as a socket of the file system shows others.
 */
const KEEP_ALIVE: readonly (readonly [string, string])[] = [
  ['tcp_keepalives_idle', '10'],
  ['tcp_keepalives_interval', '5'],
  ['tcp_keepalives_count', '3'],
];

/** The settings as the start of a session carries them. */
export const startupOptions = (options: SessionOptions): string =>
  [...settingsOf(options), ...KEEP_ALIVE]
    .map(([name, value]) => `-c ${name}=${value.replace(/[\\ ]/g, '\\$&')}`)
    .join(' ');
