import { bringUpToDate } from '#platform/postgres/migrations.js';
import { createPool, type Pool } from '#platform/postgres/pool.js';
import type { ApiKeyStore, KeysRead, StoredKey } from '../api-keys.js';
import { endedKeysSchema } from './ended-keys.migrations.js';

/**
 * Keys whose ends are kept beside them in the database of the log, too. A database of the keys that is put back from
 * an older backup has forgotten what was revoked since; here it is still known, and nobody gets in by such a key.
 */
export class KeysThatStayEnded implements ApiKeyStore {
  private constructor(
    private readonly keys: ApiKeyStore,
    private readonly pool: Pool,
  ) {}

  /** @param url the database of the log @throws NotMigrated */
  static async connect(keys: ApiKeyStore, url: string): Promise<KeysThatStayEnded> {
    await bringUpToDate(url, endedKeysSchema);
    const pool = createPool(url, { max: 1, role: 'write', applicationName: 'yad sign-in: ended keys' });
    return new KeysThatStayEnded(keys, pool);
  }

  async read(known: string | undefined): Promise<KeysRead> {
    const read = await this.keys.read(known);
    if (!read.keys || read.keys.length === 0) return read;
    const revoked = read.keys.filter(({ revokedAt }) => revokedAt !== undefined);
    // Before they are gone by: who is told that a key has ended can rely on it.
    await this.pool.query(
      `insert into ended_keys.api_keys (id, ended_at) select id, ended_at
         from json_to_recordset($1::json) as e (id text, ended_at timestamptz) on conflict do nothing`,
      [JSON.stringify(revoked.map(({ id, revokedAt }) => ({ id, ended_at: revokedAt })))],
    );
    const { rows } = await this.pool.query<{ id: string; endedAt: Date }>(
      `select id, min(ended_at) as "endedAt" from ended_keys.api_keys where id = any ($1) group by id`,
      [read.keys.map(({ id }) => id)],
    );
    const ends = new Map(rows.map(({ id, endedAt }) => [id, endedAt]));
    const ended = (key: StoredKey): StoredKey => {
      const revokedAt = ends.get(key.id);
      return revokedAt === undefined ? key : { ...key, revokedAt };
    };
    return { ...read, keys: read.keys.map(ended) };
  }

  used(ids: readonly string[]): Promise<void> {
    return this.keys.used(ids);
  }

  close(): Promise<void> {
    return this.pool.end();
  }
}
