import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ApiKeyAdmin } from '#platform/access/api-keys/api-key-admin.js';
import { newId } from '#platform/kernel/ids.js';
import { createTestDatabase } from '../support/postgres.js';
import { startSystem, type Client, type System } from '../support/system.js';
import { Program, yad } from './processes.js';

// Sign-in from nothing: a developer's first requests, the first key, a key that ends, all by what an operator types.

const problem = (kind: string): string => `urn:yad:problem:${kind}`;

describe('sign-in', () => {
  let system: System;
  let client: Client;
  beforeAll(async () => {
    system = await startSystem();
    ({ client } = system);
  }, 60_000);
  afterAll(() => system?.stop());

  const keys = async (...args: string[]): Promise<string> =>
    (await yad(['keys', ...args], { DATABASE_URL: system.databaseUrl })).output;
  const made = async (...args: string[]): Promise<string> =>
    /yad_[0-9a-f]{12}_[0-9a-f]{64}/.exec(await keys(...args))![0];
  const by = (key: string, more: Record<string, string> = {}) => ({ authorization: `Bearer ${key}`, ...more });
  const contact = (headers: Record<string, string> = {}) =>
    client.post('/v1/contacts', { name: { full: 'Ada' } }, headers);
  const firstEventOf = async (id: string) =>
    (await system.store.readStream({ aggregate: 'contact', aggregateId: id }))[0]!;
  /** Asks until the answer has the status. */
  const until = async (status: number, ask: () => ReturnType<Client['get']>) => {
    for (const end = Date.now() + 10_000; ; await sleep(50)) {
      const answer = await ask();
      if (answer.status === status || Date.now() > end) return answer;
    }
  };

  it('is not needed on this machine while nothing is set up: who asks is the developer', async () => {
    const { status, body } = await contact();
    expect(status).toBe(201);
    expect((await firstEventOf(body.id)).meta.actor).toBe('developer');
  });

  let shop: string;
  it('is needed from the first key on, in a process that runs, within seconds', async () => {
    shop = await made('create', '--name', 'shop', '--role', 'service');
    const { status, body, headers } = await until(401, () => client.get('/v1/customers'));
    expect([status, body.type, headers['www-authenticate']]).toEqual([
      401,
      problem('unauthenticated'),
      'Bearer realm="yad"',
    ]);
    for (const path of ['/health/live', '/health/ready', '/openapi.json', '/v1/schemas', '/docs']) {
      expect([path, (await fetch(`${system.url}${path}`)).status]).toEqual([path, 200]);
    }
  }, 30_000);

  it('makes the name of the key the actor of what its holder does, and no other name', async () => {
    const { body } = await contact(by(shop, { 'yad-on-behalf-of': 'ada' }));
    expect((await firstEventOf(body.id)).meta).toMatchObject({ actor: 'shop', onBehalfOf: 'ada' });
    expect((await contact(by(shop, { 'yad-actor': 'shop' }))).status).toBe(201);
    const before = await system.head();
    const other = await contact(by(shop, { 'yad-actor': 'eve' }));
    expect([other.status, other.body.type, other.body.detail]).toEqual([
      403,
      problem('forbidden'),
      expect.stringContaining("Yad-Actor names another than 'shop'"),
    ]);
    const narrowed = await contact(by(shop, { 'yad-roles': 'analyst' }));
    expect([narrowed.status, narrowed.body.errors[0].pointer]).toEqual([400, '/Yad-Roles']);
    expect(await system.head()).toBe(before);
  });

  it('lets a key do what its roles say, at once after it was made', async () => {
    const reports = await made('create', '--name', 'reports', '--role', 'analyst');
    expect((await client.get('/v1/customers', by(reports))).status).toBe(200);
    expect((await contact(by(reports))).status).toBe(403);
    const batch = await client.post('/v1/commands:batch', { items: [] }, by(reports));
    expect([batch.status, batch.body.type]).toEqual([403, problem('forbidden')]);
    const several = await made('create', '--name', 'office', '--role', 'service', '--role', 'analyst');
    expect([(await contact(by(several))).status, (await client.get('/v1/customers', by(several))).status]).toEqual([
      201, 200,
    ]);
  }, 30_000);

  it('goes on with the old key for the stated time after a rotation, under the same name', async () => {
    const renewed = await made('rotate', 'shop', '--keep-old', '1h');
    for (const key of [shop, renewed]) {
      const { status, body } = await contact(by(key));
      expect([status, (await firstEventOf(body.id)).meta.actor]).toEqual([201, 'shop']);
    }
  }, 30_000);

  it('ends within seconds for a key that was revoked, and says why to who has it', async () => {
    expect(await keys('revoke', 'shop')).toContain('revoked: shop');
    const { body, headers } = await until(401, () => client.get('/v1/orders/' + newId(), by(shop)));
    expect([body.type, headers['www-authenticate']]).toEqual([
      problem('credentials-revoked'),
      'Bearer realm="yad", error="invalid_token", error_description="the key was revoked"',
    ]);
    const nobodys = await contact(by(`${shop.slice(0, -1)}${shop.endsWith('0') ? '1' : '0'}`));
    expect(nobodys.body.type).toBe(problem('credentials-invalid'));
  }, 30_000);

  it('ends for a key at its end', async () => {
    const admin = await ApiKeyAdmin.connect(system.databaseUrl);
    const { key } = await admin.create({ name: 'short', roles: ['service'], expiresAt: new Date(Date.now() + 1500) });
    await admin.close();
    expect((await contact(by(key))).status).toBe(201);
    const { body } = await until(401, () => client.get('/v1/customers', by(key)));
    expect(body.type).toBe(problem('credentials-expired'));
  }, 30_000);

  it('lists keys without their secrets, and keeps a name for who had it', async () => {
    const listed = await keys('list');
    expect(listed).toMatch(/^NAME +ID +ROLES +MADE +EXPIRES +LAST USED +STATE$/m);
    expect(listed).toMatch(/^office +[0-9a-f]{12} +service,analyst +\S+ +- +\S+ +live$/m);
    expect(listed).toMatch(/^shop .* revoked$/m);
    expect(listed).not.toContain('yad_');
    expect(listed).not.toContain(shop.slice(-64));
    await expect(keys('create', '--name', 'shop', '--role', 'admin')).rejects.toThrow('the name was used before');
    await expect(keys('create', '--name', 'x', '--role', 'root')).rejects.toThrow("'root' is not one of service,");
    await expect(keys('create', '--name', 'x', '--role', 'service', '--expires', '2020-01-01')).rejects.toThrow(
      'does not lie ahead',
    );
  }, 30_000);

  it('is what an import does by YAD_API_KEY, which it says where it lacks it', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'yad-sign-in-'));
    try {
      writeFileSync(join(folder, 'people.csv'), 'id,name\n1,Ada\n2,Grace\n');
      const input = { id: { $id: ['c', { $column: 'id' }] }, name: { full: { $column: 'name' } } };
      const commands = [{ command: 'RegisterContact', key: { $column: 'id' }, input }];
      writeFileSync(join(folder, 'people.map.json'), JSON.stringify({ name: 'people', commands }));
      const imported = (YAD_API_KEY: string) =>
        yad(['import', 'people.csv', '--map', 'people.map.json'], { YAD_URL: system.url, YAD_API_KEY }, folder);
      const before = await system.head();
      await expect(imported('')).rejects.toThrow(
        'wants to know who is asking: set YAD_API_KEY to a key (yad keys create',
      );
      await expect(imported(shop)).rejects.toThrow('does not take the key in YAD_API_KEY');
      await expect(imported('secret')).rejects.toThrow('YAD_API_KEY is not an API key');
      const reader = await made('create', '--name', 'reader', '--role', 'analyst');
      await expect(imported(reader)).rejects.toThrow('does not let this key import: its role must be service or admin');
      expect(await system.head()).toBe(before);
      const { output } = await imported(await made('create', '--name', 'importer', '--role', 'service'));
      expect(output).toContain('2 read, 2 stored');
      const [event] = await system.store.readAll({ after: before, limit: 1 });
      expect(event!.meta.actor).toBe('importer');
    } finally {
      rmSync(folder, { recursive: true });
    }
  }, 60_000);
});

describe('an app that others than this machine reach', () => {
  let database: Awaited<ReturnType<typeof createTestDatabase>>;
  beforeAll(async () => {
    database = await createTestDatabase();
  });
  afterAll(() => database?.drop());

  it('does not start before there is something to sign in with, and says what', async () => {
    const env = { DATABASE_URL: database.url, PORT: '0', HOST: '0.0.0.0' };
    const { code, output } = await new Program('audit/main.js', { env }).ended;
    expect([code, output]).toEqual([
      1,
      expect.stringContaining("HOST is '0.0.0.0', which others than this machine reach"),
    ]);
    expect(output).toContain('yad keys create');
    const { output: made } = await yad(['keys', 'create', '--name', 'audit', '--role', 'auditor'], env);
    const audit = new Program('audit/main.js', { env });
    const [, port] = await audit.said(/audit answers on http:\/\/\S+:(\d+)/);
    expect(audit.output).not.toContain('nobody signs in');
    const ask = async (headers: Record<string, string> = {}) =>
      (await fetch(`http://127.0.0.1:${port}/v1/audit/events`, { headers })).status;
    expect(await ask()).toBe(401);
    expect(await ask({ authorization: `Bearer ${/yad_\w+/.exec(made)![0]}` })).toBe(200);
    await audit.stop();
  }, 60_000);
});
