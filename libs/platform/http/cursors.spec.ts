import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { createPool, type Pool } from '#platform/postgres/pool.js';
import { createTestDatabase } from '../../../test/support/postgres.js';
import { keysOfThisProcess, type CursorKey } from './cursor-keys/cursor-keys.js';
import { PostgresCursorKeys } from './cursor-keys/postgres-cursor-keys.adapter.js';
import { Cursors } from './cursors.js';

const walk = ['ListCustomers', { limit: 2, tag: ['vip'] }] as const;
const refusal = { issues: [{ pointer: '/cursor', message: expect.stringContaining('is not a cursor') }] };

describe('a cursor', () => {
  const cursors = new Cursors(keysOfThisProcess());

  it('shows nothing of the names in it, and little of their length', async () => {
    const place = ['王伟 Lovelace-Byron', 'b7f9e2d4-0000-7000-8000-000000000001'];
    const cursor = await cursors.seal(...walk, place);
    expect(cursor).toMatch(/^[\w-]+$/);
    expect(cursor.length).toBeLessThan(200);
    const bytes = Buffer.from(cursor, 'base64url').toString('latin1');
    for (const part of ['Lovelace', 'Byron', 'b7f9', '\xe7\x8e\x8b']) expect(bytes).not.toContain(part);
    expect((await cursors.seal(...walk, ['Al', 1])).length).toBe(
      (await cursors.seal(...walk, ['Alexandrina', 1])).length,
    );
    expect(await cursors.open(...walk, cursor)).toEqual(place);
  });

  it('gives back what was put into it, for the same walk, and is the same to the byte again', async () => {
    const keysets = fc.array(fc.oneof(fc.string({ unit: 'binary' }), fc.integer()));
    await fc.assert(
      fc.asyncProperty(keysets, fc.string(), fc.jsonValue(), async (keyset, query, parameters) => {
        const cursor = await cursors.seal(query, parameters, keyset);
        expect(await cursors.open(query, parameters, cursor)).toEqual(JSON.parse(JSON.stringify(keyset)));
        expect(await cursors.seal(query, parameters, keyset)).toBe(cursor);
      }),
    );
  });

  it('serves no other query and no other parameters', async () => {
    const cursor = await cursors.seal(...walk, ['Ada', 7]);
    for (const [query, parameters] of [
      ['ListOrders', walk[1]],
      [walk[0], { limit: 3, tag: ['vip'] }],
      [walk[0], { limit: 2 }],
      [walk[0], {}],
    ] as const) {
      await expect(cursors.open(query, parameters, cursor)).rejects.toMatchObject(refusal);
    }
  });

  it('is refused with any bit of it changed, cut short or grown', async () => {
    const cursor = await cursors.seal(...walk, ['Ada', 7]);
    const bytes = Buffer.from(cursor, 'base64url');
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const changed = Buffer.from(bytes);
      changed[bit >> 3]! ^= 1 << (bit & 7);
      await expect(cursors.open(...walk, changed.toString('base64url'))).rejects.toMatchObject(refusal);
    }
    for (let length = 0; length < cursor.length; length++) {
      await expect(cursors.open(...walk, cursor.slice(0, length))).rejects.toMatchObject(refusal);
    }
    for (const text of [
      `${cursor}A`,
      `${cursor}=`,
      `${cursor}.`,
      ` ${cursor}`,
      `${cursor}${cursor}`,
      'A'.repeat(10_000),
    ]) {
      await expect(cursors.open(...walk, text)).rejects.toMatchObject(refusal);
    }
  });

  it('of another secret is refused', async () => {
    const other = new Cursors(keysOfThisProcess());
    await expect(other.open(...walk, await cursors.seal(...walk, ['Ada']))).rejects.toMatchObject(refusal);
  });

  it('of an older key still serves; a newer key is found without a new start; not for every stranger', async () => {
    const keys: CursorKey[] = [{ id: 1, secret: randomBytes(32) }];
    let reads = 0;
    const source = { read: async () => (reads++, [...keys]) };
    const [old, rotated] = [new Cursors(source), new Cursors(source)];
    const before = await old.seal(...walk, ['Ada']);
    keys.push({ id: 2, secret: randomBytes(32) });
    const after = await rotated.seal(...walk, ['Ada']);
    expect(after).not.toBe(before);
    expect(await rotated.open(...walk, before)).toEqual(['Ada']);
    await new Promise((resolve) => setTimeout(resolve, 1050));
    expect(await old.open(...walk, after)).toEqual(['Ada']);
    expect(await old.seal(...walk, ['Ada'])).toBe(after);
    const unknown = Buffer.from(after, 'base64url');
    unknown.writeUInt16BE(999, 1);
    const known = reads;
    for (let i = 0; i < 50; i++) {
      await expect(old.open(...walk, unknown.toString('base64url'))).rejects.toMatchObject(refusal);
    }
    expect(reads - known).toBeLessThanOrEqual(1);
  });

  it('asks again for keys that could not be read', async () => {
    const { read } = keysOfThisProcess();
    let away = true;
    const later = new Cursors({ read: () => (away ? Promise.reject(new Error('away')) : read()) });
    await expect(later.seal(...walk, ['Ada'])).rejects.toThrow('away');
    away = false;
    expect(await later.open(...walk, await later.seal(...walk, ['Ada']))).toEqual(['Ada']);
  });
});

describe('the keys of cursors in the database', () => {
  let database: Awaited<ReturnType<typeof createTestDatabase>>;
  let pool: Pool;
  beforeAll(async () => {
    database = await createTestDatabase();
    pool = createPool(database.url, { max: 1 });
  });
  afterAll(async () => {
    await pool.end();
    await database.drop();
  });

  it('are one, made once, however many processes start at once; each opens what another sealed', async () => {
    const starting = Array.from({ length: 8 }, () => PostgresCursorKeys.connect(database.url));
    const all = await Promise.all(starting);
    const processes = all.map((keys) => new Cursors(keys));
    const sealed = await Promise.all(processes.map((cursors) => cursors.seal(...walk, ['Ada', 7])));
    expect(new Set(sealed).size).toBe(1);
    expect((await pool.query('select id from http.cursor_keys')).rows).toEqual([{ id: 1 }]);
    await pool.query('insert into http.cursor_keys default values');
    const rotated = new Cursors(all[0]!);
    expect(await rotated.open(...walk, sealed[0]!)).toEqual(['Ada', 7]);
    expect(await rotated.seal(...walk, ['Ada', 7])).not.toBe(sealed[0]);
    await Promise.all(all.map((keys) => keys.close()));
  });

  it('are random: not derived from anything that somebody knows', async () => {
    const other = await createTestDatabase();
    const [one, two] = await Promise.all([database, other].map(({ url }) => PostgresCursorKeys.connect(url)));
    const secrets = [...(await one!.read()), ...(await two!.read())].map(({ secret }) => secret.toString('hex'));
    expect(new Set(secrets).size).toBe(secrets.length);
    for (const secret of secrets) expect(secret).toMatch(/^[0-9a-f]{64}$/);
    await Promise.all([one!.close(), two!.close()]);
    await other.drop();
  });
});
