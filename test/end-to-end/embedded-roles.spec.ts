import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { temporaryDataDir, startEmbeddedPostgres } from '#platform/postgres/embedded/embedded-postgres.js';
import { runningEmbedded } from '#platform/postgres/embedded/running-embedded.js';
import { createPool } from '#platform/postgres/pool.js';
import { Program, yad } from './processes.js';

describe('Yad on its embedded server', () => {
  const YAD_DATA = temporaryDataDir();
  const folder = join(YAD_DATA, 'postgres');
  const env = { YAD_DATA, DATABASE_URL: '', PORT: '0' };
  let app: Program;
  const start = async (): Promise<string> => {
    app = new Program('standalone/main.js', { env });
    return (await app.said(/Yad is up on (\S+),/))[1]!;
  };
  const registered = async (url: string, id: string): Promise<number> => {
    const body = JSON.stringify({ id, kind: 'person', name: { given: 'Ada', family: 'Lovelace' } });
    const headers = { 'content-type': 'application/json' };
    return (await fetch(`${url}/v1/contacts`, { method: 'POST', headers, body })).status;
  };
  const asOwner = async (sql: string): Promise<any[]> => {
    const pool = createPool(runningEmbedded(folder, 'owner')!, { role: 'admin', max: 1 });
    return (await pool.query(sql).finally(() => pool.end())).rows;
  };
  const logins = `select distinct usename as name from pg_stat_activity where datname = 'yad' and application_name like 'yad%'
                    and pid <> pg_backend_pid() and application_name <> 'yad embedded'`;
  const changed = async (): Promise<string> => {
    const pool = createPool(runningEmbedded(folder, 'apps')!, { role: 'admin', max: 1 });
    return pool
      .query(`alter table store.events disable trigger all`)
      .then(
        () => 'was done',
        (error: { code: string }) => error.code,
      )
      .finally(() => pool.end());
  };

  beforeAll(async () => {
    // A folder of before: everything is the owner's, and the apps have no login.
    const before = await startEmbeddedPostgres({ dataDir: folder, durable: false });
    await yad(['rebuild'], { DATABASE_URL: before.url });
    const pool = createPool(before.url, { role: 'admin', max: 1 });
    expect((await pool.query(`select from pg_roles where rolname like 'yad\\_%'`)).rowCount).toBe(0);
    await pool.end();
    await before.stop();
    rmSync(join(folder, 'cluster', 'yad-apps-password'));
  });
  afterAll(() => rmSync(YAD_DATA, { recursive: true, force: true }));

  it('brings a folder of before over, and works on it under the role of apps', async () => {
    const url = await start();
    expect(await registered(url, '0198f3a0-1b2c-7d3e-8f40-123456789abc')).toBe(201);
    const found = await fetch(`${url}/v1/customers/0198f3a0-1b2c-7d3e-8f40-123456789abc?minPosition=1`);
    expect(found.status).toBe(200);
    expect(await asOwner(logins)).toEqual([{ name: 'yad_apps' }]);
    expect(await changed()).toBe('42501');
    expect(app.output).not.toContain('owns the tables');
  });

  it('does what the command line asks while it runs, and starts again', async () => {
    const all = { YAD_DATA, DATABASE_URL: '' };
    expect((await yad(['migrate'], all)).output).toContain('no migration was missing');
    expect((await yad(['rebuild'], all)).output).toContain('equal to the live one, swapped in');
    expect((await yad(['replay', '--verify'], all)).output).toContain('nothing is missing');
    expect((await yad(['log', 'continue', '--restored'], all)).output).toContain('restored from a copy');
    expect((await yad(['dead-letters', 'list'], all)).output).toContain('none');
    expect((await app.stop()).code).toBe(0);
    const url = await start();
    expect(await registered(url, '0198f3a0-1b2c-7d3e-8f40-123456789abd')).toBe(201);
    expect((await app.stop()).code).toBe(0);
  });
});
