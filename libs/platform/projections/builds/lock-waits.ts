import { setTimeout as sleep } from 'node:timers/promises';
import { backoff } from '#platform/kernel/backoff.js';
import { isConnectionError, type Pool, type PoolClient } from '#platform/postgres/pool.js';

/** How long one try waits for a lock: as long as those who queue behind it are held up. */
export const TRY_MS = 200;
const FIRST_PAUSE_MS = 100;
const MOST_PAUSE_MS = 2_000;

export interface WaitOptions {
  readonly signal?: AbortSignal;
  /** For how long it is tried. Default ten minutes. */
  readonly timeoutMs?: number;
  /** Told when something stands in the way, and what. */
  readonly onWait?: (why: string) => void;
}

/** Something that will pass stands in the way of a step that must be short. */
export class InTheWay extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'InTheWay';
  }
}

/** A lock was not to be had in its time, two waited for each other, the connection was lost: another try may do it. */
const isPassing = (error: unknown): boolean =>
  error instanceof InTheWay ||
  ['55P03', '40P01'].includes((error as { code?: string } | null)?.code ?? '') ||
  isConnectionError(error);

/**
 * Tries a step again, with growing pauses, while something stands in its way. Between two tries it holds nothing and
 * queues nowhere, so that nobody waits behind it. A try whose connection was lost may have been done: the next one
 * has to look.
 * @throws Error when the time is up, naming what stood in the way; the signal's reason
 */
export async function inShortTries<T>(what: string, attempt: () => Promise<T>, wait: WaitOptions = {}): Promise<T> {
  const { signal, timeoutMs = 600_000, onWait } = wait;
  const until = Date.now() + timeoutMs;
  for (let failures = 1; ; failures++) {
    const pause = backoff(failures, { firstMs: FIRST_PAUSE_MS, capMs: MOST_PAUSE_MS });
    signal?.throwIfAborted();
    let why: string;
    try {
      return await attempt();
    } catch (error) {
      if (!isPassing(error)) throw error;
      why = (error as Error).message;
      if (Date.now() + pause > until) {
        throw new Error(`${what} was tried for ${Math.round(timeoutMs / 1000)} s: ${why}`, { cause: error });
      }
    }
    onWait?.(`${what} waits: ${why}`);
    await sleep(pause, undefined, { signal }).catch(() => signal?.throwIfAborted());
  }
}

/** How long the transaction's next lock is waited for. */
export const lockTimeout = (client: PoolClient, ms: number): Promise<unknown> =>
  client.query(`select set_config('lock_timeout', $1, true)`, [String(Math.ceil(ms))]);

/** How long the server lets the transaction stand idle while its work is done over other connections. */
export const idleTimeout = (client: PoolClient, ms: number): Promise<unknown> =>
  client.query(`select set_config('idle_in_transaction_session_timeout', $1, true)`, [String(ms)]);

const SIGN_OF_LIFE_MS = 20_000;

/**
 * Holds a transaction open for work of any length that is done over other connections. The server ends one whose
 * client has stopped; a client that lives says so in time.
 */
export async function heldOpen<T>(client: PoolClient, work: () => Promise<T>): Promise<T> {
  await idleTimeout(client, 15 * SIGN_OF_LIFE_MS);
  const timer = setInterval(() => {
    // A connection that is lost is told by the work's own next query on it.
    client.query('select 1').catch(() => {});
  }, SIGN_OF_LIFE_MS);
  try {
    return await work();
  } finally {
    clearInterval(timer);
  }
}

interface Holder {
  pid: number;
  transaction: string;
  name: string | null;
  since: string | null;
}

/**
 * Who holds a lock on one of these relations, and still does a moment later in the same transaction: whoever would
 * change them queues behind such a one, and everybody else behind him. Waits for nothing itself.
 */
export async function longHolders(pool: Pool, relations: readonly string[], apartMs = 50): Promise<string[]> {
  const first = await holders(pool, relations);
  if (first.length === 0) return [];
  await sleep(apartMs);
  const before = new Set(first.map(({ pid, transaction }) => `${pid} ${transaction}`));
  const still = (await holders(pool, relations)).filter(({ pid, transaction }) => before.has(`${pid} ${transaction}`));
  return still.map(({ pid, name, since }) => `${name || 'a session'} (pid ${pid})${since ? ` since ${since}` : ''}`);
}

async function holders(pool: Pool, relations: readonly string[]): Promise<Holder[]> {
  // The start of another role's transaction is shown only to those who may see statistics.
  const { rows } = await pool.query<Holder>(
    `select distinct l.pid, l.virtualtransaction as transaction, a.application_name as name,
            to_char(a.xact_start at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') as since
       from pg_locks l left join pg_stat_activity a on a.pid = l.pid
      where l.locktype = 'relation' and l.granted and l.database = (select oid from pg_database where datname = current_database())
        and l.relation in (select to_regclass(name)::oid from unnest($1::text[]) as name) and l.pid <> pg_backend_pid()
      order by l.pid`,
    [relations],
  );
  return rows;
}
