import { bringUpToDate } from '#platform/postgres/migrations.js';
import { createPool, type Pool } from '#platform/postgres/pool.js';
import type { Role } from '#platform/kernel/command.js';
import { MOST_KEYS, type ApiKeyStore, type KeysRead, type StoredKey } from '../api-keys.js';
import { apiKeySchema } from './api-keys.migrations.js';

/** Keys that are of no use any more are known so long, so that their holder is told why; later they are just unknown. */
const REMEMBERED = '30 days';

interface Row {
  id: string;
  holder: string;
  hash: Buffer;
  roles: Role[];
  personal_data_for: string | null;
  expires_at: Date | null;
  revoked_at: Date | null;
}

/** The keys in the database that KEYS_URL names. */
export class PostgresApiKeys implements ApiKeyStore {
  private constructor(private readonly pool: Pool) {}

  /** Connects; makes the tables where they are not there yet and this login may. @throws NotMigrated */
  static async connect(url: string): Promise<PostgresApiKeys> {
    await bringUpToDate(url, apiKeySchema);
    return new PostgresApiKeys(createPool(url, { max: 1, role: 'read', applicationName: 'yad sign-in' }));
  }

  async read(known: string | undefined): Promise<KeysRead> {
    // Before the keys: what changes in between is in them already, and read once more when the version tells.
    const { rows } = await this.pool.query<{ version: string; any: boolean }>(
      `select version::text, exists (select from access.api_key_holders) as any from access.api_key_version`,
    );
    const [found] = rows;
    if (!found)
      throw new Error('access.api_key_version is empty: insert into access.api_key_version (version) values (0)');
    return found.version === known ? found : { ...found, keys: await this.keys() };
  }

  private async keys(): Promise<StoredKey[]> {
    const { rows } = await this.pool.query<Row>(
      `select id, holder, hash, roles, personal_data_for, expires_at, revoked_at
         from access.api_keys join access.api_key_holders on name = holder
        where least(expires_at, revoked_at, 'infinity') > now() - interval '${REMEMBERED}'
        order by least(expires_at, revoked_at, 'infinity') desc, api_keys.made_at desc
        limit ${2 * MOST_KEYS}`,
    );
    return rows.map((row) => ({
      id: row.id,
      name: row.holder,
      hash: row.hash,
      roles: row.roles,
      personalDataFor: row.personal_data_for ?? undefined,
      expiresAt: row.expires_at ?? undefined,
      revokedAt: row.revoked_at ?? undefined,
    }));
  }

  async used(ids: readonly string[]): Promise<void> {
    await this.pool.query(
      `update access.api_keys set last_used_at = now()
        where id = any($1) and (last_used_at is null or last_used_at < now() - interval '1 minute')`,
      [ids],
    );
  }

  close(): Promise<void> {
    return this.pool.end();
  }
}
