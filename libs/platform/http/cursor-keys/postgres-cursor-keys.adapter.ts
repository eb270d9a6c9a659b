import { bringUpToDate } from '#platform/postgres/migrations.js';
import { createPool, type Pool } from '#platform/postgres/pool.js';
import type { CursorKey, CursorKeys } from './cursor-keys.js';
import { cursorKeySchema } from './cursor-keys.migrations.js';

/** The keys in the database that an app answers its queries from: every process that serves them reaches it. */
export class PostgresCursorKeys implements CursorKeys {
  private constructor(private readonly pool: Pool) {}

  /** Connects; makes the table and its first key where they are not there yet and this login may. @throws NotMigrated */
  static async connect(url: string): Promise<PostgresCursorKeys> {
    await bringUpToDate(url, cursorKeySchema);
    return new PostgresCursorKeys(createPool(url, { max: 1, role: 'read', applicationName: 'yad cursors' }));
  }

  async read(): Promise<readonly CursorKey[]> {
    const { rows } = await this.pool.query<CursorKey>('select id, secret from http.cursor_keys');
    if (rows.length === 0) throw new Error('http.cursor_keys is empty: insert into http.cursor_keys default values');
    return rows;
  }

  close(): Promise<void> {
    return this.pool.end();
  }
}
