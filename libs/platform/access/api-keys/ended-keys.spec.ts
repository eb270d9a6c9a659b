import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createPool } from '#platform/postgres/pool.js';
import { createTestDatabase } from '#test/support/postgres.js';
import { ApiKeyAdmin } from './api-key-admin.js';
import { KeysThatStayEnded } from './ended-keys.js';
import { PostgresApiKeys } from './postgres-api-keys.adapter.js';

describe('keys that were revoked', () => {
  let keysDatabase: Awaited<ReturnType<typeof createTestDatabase>>;
  let logDatabase: Awaited<ReturnType<typeof createTestDatabase>>;
  let admin: ApiKeyAdmin;
  let plain: PostgresApiKeys;
  let keys: KeysThatStayEnded;
  beforeAll(async () => {
    [keysDatabase, logDatabase] = [await createTestDatabase(), await createTestDatabase()];
    admin = await ApiKeyAdmin.connect(keysDatabase.url);
    plain = await PostgresApiKeys.connect(keysDatabase.url);
    keys = await KeysThatStayEnded.connect(plain, logDatabase.url);
  });
  afterAll(async () => {
    await Promise.all([admin.close(), keys.close(), plain.close()]);
    await Promise.all([keysDatabase.drop(), logDatabase.drop()]);
  });

  it('stay so when the keys are put back from before, and the others go on', async () => {
    const shop = await admin.create({ name: 'shop', roles: ['service'] });
    const other = await admin.create({ name: 'other', roles: ['service'] });
    const endOf = async (id: string): Promise<Date | undefined> =>
      (await keys.read(undefined)).keys!.find((key) => key.id === id)!.revokedAt;
    expect([await endOf(shop.id), await endOf(other.id)]).toEqual([undefined, undefined]);
    await admin.revoke('shop');
    const ended = await endOf(shop.id);
    expect(ended).toBeInstanceOf(Date);
    const pool = createPool(keysDatabase.url, { max: 1 });
    // As a backup of before has it.
    await pool.query(`update access.api_keys set revoked_at = null`);
    await pool.end();
    expect((await plain.read(undefined)).keys!.find(({ id }) => id === shop.id)!.revokedAt).toBeUndefined();
    expect([await endOf(shop.id), await endOf(other.id)]).toEqual([ended, undefined]);
  });
});
