import { inTransaction, isUnavailable, type Pool } from '#platform/postgres/pool.js';
import { APPEND_LOCK } from './names.js';

/** How long a look at the lock waits for it: less than who asks for readiness does. */
const LOCK_MS = 1_000;
/** From when on an append that waits for its client is one that has stalled, and may be ended by those who wait. */
const STALLED = '3 seconds';

/** Whether the log takes appends now, told by a look at the server and by what became of the last append. */
export class WriteHealth {
  private lastError: unknown;

  constructor(private readonly writers: () => Pool) {}

  appended(): void {
    this.lastError = undefined;
  }

  /** Takes note of an append that failed. */
  async failed(error: unknown): Promise<void> {
    if (!isUnavailable(error)) return;
    this.lastError = error;
    // The lock was not free in time.
    if ((error as { code?: string }).code === '55P03') await this.endStalled().catch(() => {});
  }

  /** @throws Error that says why nothing can be appended now */
  async check(): Promise<void> {
    const { rows } = await this.writers().query<{ standby: boolean; readonly: string }>(
      `select pg_is_in_recovery() as standby, current_setting('transaction_read_only') as readonly`,
    );
    if (rows[0]!.standby) throw new Error('the database is a standby, which takes no events');
    if (rows[0]!.readonly === 'on') throw new Error('the database is read-only');
    const { lastError } = this;
    if (lastError === undefined) return;
    await this.tryOut();
    // Unless an append has failed meanwhile.
    if (this.lastError === lastError) this.lastError = undefined;
  }

  /** After an append has failed: whether the lock can be had, and whether anything can be written. Leaves nothing. */
  private async tryOut(): Promise<void> {
    const undone = new Error('undone');
    const undo = (work: (text: (sql: string) => Promise<unknown>) => Promise<void>): Promise<void> =>
      inTransaction(this.writers(), async (client) => {
        await work((sql) => client.query(sql));
        throw undone;
      }).catch((error: unknown) => {
        if (error !== undone) throw error;
      });
    await undo(async (run) => {
      await run(`set local lock_timeout = ${LOCK_MS}`);
      await run(`select pg_advisory_xact_lock(${APPEND_LOCK})`);
    });
    await undo(async (run) => {
      await run(`create temporary table yad_try (filler text) on commit drop`);
      // Some pages of what cannot be compressed: on a full disk there is none left.
      await run(`insert into yad_try select string_agg(md5(random()::text), '') from generate_series(1, 2000)`);
    });
  }

  /**
   * Ends appends that hold the lock and wait for their clients, which have stopped between two messages: servers before
   * PostgreSQL 17 have no limit for that, and all others wait meanwhile.
   */
  private async endStalled(): Promise<void> {
    await this.writers().query(
      `select pg_terminate_backend(a.pid) from pg_locks l join pg_stat_activity a using (pid)
        where l.locktype = 'advisory' and l.granted and l.classid = 0 and l.objid = $1 and l.objsubid = 1
          and a.datname = current_database() and a.application_name = current_setting('application_name')
          and a.wait_event = 'ClientRead' and a.query_start < clock_timestamp() - interval '${STALLED}'`,
      [APPEND_LOCK],
    );
  }
}
