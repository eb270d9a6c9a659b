import type { EventStore } from '#platform/event-store/event-store.js';
import type { SeenEvent } from '#platform/event-store/log-identity.js';
import { bringUpToDate } from '#platform/postgres/migrations.js';
import { createPool, type Pool } from '#platform/postgres/pool.js';
import { witnessSchema } from './witness.migrations.js';

/** The keys go with another log than the one that is there. */
export class AnotherLogsKeys extends Error {
  /** Told without its place in the code. */
  readonly code = 'another-logs-keys';
  constructor(theirs: string, ours: string) {
    super(
      `the database of the keys (KEYS_URL) goes with the log ${theirs}, and this is the log ${ours}: ` +
        'name the database that goes with it; after `yad log fork` a copy needs its own',
    );
  }
}

/** How often what the log has is noted: what was appended since is not missed by a log that is put back. */
const EVERY_MS = 2_000;

type Witnessed = Pick<EventStore, 'head' | 'identity' | 'readAll'>;

/**
 * Remembers in the database of the keys the last event of the log. A copy of the log's folder that is put back looks to
 * its server as if nothing had happened: only somebody else can tell that it had more.
 */
export class LogWitness {
  private timer: NodeJS.Timeout | undefined;
  private noting: Promise<void> = Promise.resolve();
  private noted = -1n;
  private last: (() => Promise<void>) | undefined;

  private constructor(
    private readonly pool: Pool,
    private readonly known: (SeenEvent & { readonly logId: string }) | undefined,
  ) {}

  /** Reads what is known. @throws NotMigrated */
  static async open(url: string): Promise<LogWitness> {
    await bringUpToDate(url, witnessSchema);
    const pool = createPool(url, { role: 'write', max: 1, applicationName: 'yad witness' });
    try {
      const { rows } = await pool.query(
        `select log_id as "logId", incarnation, position::text, event from witness.log where event is not null`,
      );
      const [row] = rows as { logId: string; incarnation: number; position: string; event: string }[];
      return new LogWitness(pool, row && { ...row, position: BigInt(row.position) });
    } catch (error) {
      await pool.end();
      throw error;
    }
  }

  /** What a store is to look for when it connects. */
  get seen(): SeenEvent | undefined {
    return this.known;
  }

  /**
   * Holds the store that was connected against what is known, and notes from now on what it has.
   * @param onTrouble told of what could not be noted; it is tried again
   * @throws AnotherLogsKeys
   */
  async watch(store: Witnessed, onTrouble: (error: unknown) => void): Promise<void> {
    const { id } = store.identity;
    if (this.known && this.known.logId !== id) throw new AnotherLogsKeys(this.known.logId, id);
    // Whatever was missing has begun an incarnation by now, which is what is known from here on.
    await this.note(store, true);
    this.last = () => this.note(store, false);
    this.timer = setInterval(() => {
      this.noting = this.noting.then(() => this.note(store, false)).catch(onTrouble);
    }, EVERY_MS).unref();
  }

  private async note(store: Witnessed, anew: boolean): Promise<void> {
    const { position } = await store.head();
    if (position === 0n || (position === this.noted && !anew)) return;
    const [event] = await store.readAll({ after: position - 1n, through: position, limit: 1 });
    if (!event) return;
    const { id, current } = store.identity;
    // Of two processes that note at once the one that has seen more stays.
    await this.pool.query(
      `insert into witness.log as w (log_id, incarnation, position, event) values ($1, $2, $3, $4)
       on conflict (one) do update set log_id = excluded.log_id, incarnation = excluded.incarnation,
         position = excluded.position, event = excluded.event, noted_at = clock_timestamp()
       where $5 or (w.incarnation, w.position) < (excluded.incarnation, excluded.position)`,
      [id, current.number, position, event.id, anew],
    );
    this.noted = position;
  }

  /** Notes what there is now, and no more: the store may be closed. */
  async rest(): Promise<void> {
    clearInterval(this.timer);
    await this.noting;
    // A server that is away keeps nobody from ending.
    await this.last?.().catch(() => {});
    this.last = undefined;
  }

  async close(): Promise<void> {
    await this.rest();
    await this.pool.end();
  }
}

/** The keys of a copy of a log are that copy's, which has another id from now on. */
export async function adoptKeys(client: Pick<Pool, 'query'>, from: string, to: string): Promise<void> {
  const { rows } = await client.query(`select from pg_class where oid = to_regclass('witness.log')`);
  if (rows.length > 0) await client.query(`update witness.log set log_id = $2 where log_id = $1`, [from, to]);
}
