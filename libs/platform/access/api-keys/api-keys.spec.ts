import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createPool } from '#platform/postgres/pool.js';
import { createTestDatabase } from '#test/support/postgres.js';
import { API_KEY, hashOfKey } from '../api-key.js';
import { ApiKeyAdmin } from './api-key-admin.js';
import { PostgresApiKeys } from './postgres-api-keys.adapter.js';

describe('API keys in PostgreSQL', () => {
  let database: Awaited<ReturnType<typeof createTestDatabase>>;
  let admin: ApiKeyAdmin;
  let keys: PostgresApiKeys;
  beforeAll(async () => {
    database = await createTestDatabase();
    [admin, keys] = await Promise.all([ApiKeyAdmin.connect(database.url), PostgresApiKeys.connect(database.url)]);
  });
  afterAll(async () => {
    await Promise.all([admin?.close(), keys?.close()]);
    await database?.drop();
  });

  const read = async (known?: string) => {
    const found = await keys.read(known);
    return { ...found, byName: (name: string) => found.keys?.filter((each) => each.name === name) ?? [] };
  };
  const stateOf = async (id: string) => (await admin.list()).find((each) => each.id === id)!;

  it('know that none was ever made', async () => {
    expect(await keys.read(undefined)).toMatchObject({ any: false, keys: [] });
  });

  it('are shown once, kept as a hash, and read anew after each change alone', async () => {
    const expiresAt = new Date('2036-01-01T00:00:00Z');
    const { id, key } = await admin.create({
      name: 'shop',
      roles: ['admin', 'service'],
      expiresAt,
      personalDataFor: 'deliveries',
    });
    expect(key).toMatch(API_KEY);
    const { version, any, byName } = await read();
    expect([any, byName('shop')]).toEqual([
      true,
      [
        {
          id,
          name: 'shop',
          hash: hashOfKey(key),
          roles: ['service', 'admin'],
          personalDataFor: 'deliveries',
          expiresAt,
          revokedAt: undefined,
        },
      ],
    ]);
    expect(await keys.read(version)).toEqual({ version, any: true });
    await keys.used([id]);
    expect(await keys.read(version)).toEqual({ version, any: true });
    expect((await stateOf(id)).lastUsedAt!.getTime()).toBeGreaterThan(Date.now() - 60_000);
    await admin.create({ name: 'reports', roles: ['analyst'] });
    expect((await keys.read(version)).keys).toHaveLength(2);
    // The secret is nowhere, in whatever form somebody would look for it.
    const pool = createPool(database.url, { max: 1 });
    const { rows } = await pool.query(
      `select k::text || h::text as all from access.api_keys k join access.api_key_holders h on name = holder`,
    );
    await pool.end();
    expect(JSON.stringify(rows)).toContain(id);
    expect(JSON.stringify(rows)).not.toContain(key.slice(-64));
  });

  it('notice what an operator changes by hand', async () => {
    const { version } = await read();
    const pool = createPool(database.url, { max: 1 });
    await pool.query(`update access.api_key_holders set roles = '{auditor}' where name = 'reports'`);
    await pool.end();
    expect((await read(version)).byName('reports')).toMatchObject([{ roles: ['auditor'] }]);
  });

  it('go on for the stated time after a rotation, or end with it', async () => {
    const first = await admin.create({ name: 'rotated', roles: ['service'] });
    const second = await admin.rotate('rotated', { keepOldMs: 3_600_000 });
    expect(second.key).not.toBe(first.key);
    const old = await stateOf(first.id);
    expect(old).toMatchObject({ state: 'live', roles: ['service'] });
    expect(Math.abs(old.revokedAt!.getTime() - Date.now() - 3_600_000)).toBeLessThan(60_000);
    // A later rotation lengthens nothing.
    await admin.rotate('rotated', { keepOldMs: 7_200_000 });
    expect((await stateOf(first.id)).revokedAt).toEqual(old.revokedAt);
    const { id } = await admin.rotate('rotated', { keepOldMs: 0 });
    expect([await stateOf(first.id), await stateOf(second.id), await stateOf(id)].map(({ state }) => state)).toEqual([
      'revoked',
      'revoked',
      'live',
    ]);
    expect((await read()).byName('rotated')).toHaveLength(4);
  });

  it('are revoked by id or by name, and stay known as revoked', async () => {
    const first = await admin.create({ name: 'gone', roles: ['service'] });
    const second = await admin.rotate('gone', { keepOldMs: 60_000 });
    expect((await admin.revoke(first.id)).map(({ id }) => id)).toEqual([first.id]);
    expect((await stateOf(second.id)).state).toBe('live');
    expect((await admin.revoke('gone')).map(({ id }) => id)).toEqual([second.id]);
    expect(await admin.revoke('gone')).toEqual([]);
    const found = (await read()).byName('gone');
    expect(found.map(({ revokedAt }) => revokedAt instanceof Date)).toEqual([true, true]);
  });

  it('give a name to nobody else than who had it', async () => {
    await expect(admin.create({ name: 'shop', roles: ['service'] })).rejects.toThrow('there is a key of this name');
    await expect(admin.create({ name: 'gone', roles: ['service'] })).rejects.toThrow('was used before');
    await expect(admin.rotate('gone', { keepOldMs: 0 })).rejects.toThrow('--same-holder');
    const again = await admin.create({ name: 'gone', roles: ['analyst'], sameHolder: true });
    expect(await stateOf(again.id)).toMatchObject({ name: 'gone', roles: ['analyst'], state: 'live' });
  });

  it.each([
    ['developer', 'who asks where nobody signs in'],
    ['Shop', 'is not a name'],
    ['user:ada', 'is not a name'],
    ['', 'is not a name'],
    ['x'.repeat(64), 'is not a name'],
  ])('refuse the name %j', async (name, why) => {
    await expect(admin.create({ name, roles: ['service'] })).rejects.toThrow(why);
  });

  it('refuse an end that does not lie ahead, no role, and what is not there', async () => {
    const expiresAt = new Date(Date.now() - 1000);
    await expect(admin.create({ name: 'late', roles: ['service'], expiresAt })).rejects.toThrow('already');
    await expect(admin.create({ name: 'late', roles: [] })).rejects.toThrow('needs a role');
    await expect(admin.rotate('late', { keepOldMs: 0 })).rejects.toThrow('there is no key');
    await expect(admin.revoke('0123456789ab')).rejects.toThrow('there is no key');
    // What was refused left no name behind.
    expect((await admin.create({ name: 'late', roles: ['service'] })).name).toBe('late');
  });

  it('made by two at once under one name are one', async () => {
    const other = await ApiKeyAdmin.connect(database.url);
    const made = await Promise.allSettled(
      [admin, other].map((each) => each.create({ name: 'twice', roles: ['service'] })),
    );
    await other.close();
    expect(made.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected']);
    expect((await read()).byName('twice')).toHaveLength(1);
  });
});
