import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, expect, it } from '@jest/globals';
import { newId } from '#platform/kernel/ids.js';
import { Program, yad } from '../end-to-end/processes.js';
import { blocksOf, GuideShell } from '../support/guide-commands.js';
import { OwnServer, sql } from '../support/own-server.js';
import { describeWithReplica } from '../support/replica.js';
import { SPEC_PASSWORD } from '../support/migrated.js';

interface Known {
  readonly id: string;
  readonly position: string;
}

// Two servers: the log and the read models on one, the keys on the other, as docs/guides/backup.md has it.
describeWithReplica('backup and restore, by the commands of the guides', () => {
  let first: OwnServer;
  let second: OwnServer;
  let shell: GuideShell;
  /** As the owner, for the commands of the pages. */
  let owner: Record<string, string>;
  const running: Program[] = [];
  let urls: { operations: string; analytics: string };

  const asApp = (url: string): string => url.replace('//yad@', `//shop:${SPEC_PASSWORD}@`);
  const appEnv = (over: Record<string, string> = {}): Record<string, string> => {
    const { STORE_URL, READ_MODELS_URL, KEYS_URL } = { ...owner, ...over } as Record<string, string>;
    return {
      STORE_URL: asApp(STORE_URL!),
      READ_MODELS_URL: asApp(READ_MODELS_URL!),
      KEYS_URL: asApp(KEYS_URL!),
      PORT: '0',
    };
  };
  const launch = (app: string, over?: Record<string, string>): Program => {
    const program = new Program(`${app}/main.js`, { env: appEnv(over) });
    running.push(program);
    return program;
  };
  const start = async (over?: Record<string, string>): Promise<Program> => {
    const operations = launch('operations', over);
    const said = await operations.said(/operations answers on (http:\S+?),/);
    const analytics = launch('analytics', over);
    const also = await analytics.said(/analytics answers on (http:[^\s";,]+)/);
    urls = { operations: said[1]!, analytics: also[1]! };
    return operations;
  };
  const stop = async (): Promise<void> => {
    for (const program of running.splice(0)) await program.stop();
  };
  const register = async (word: string): Promise<Known> => {
    const id = newId();
    const response = await fetch(`${urls.operations}/v1/contacts`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ id, kind: 'person', name: { full: word } }),
    });
    const body = (await response.json()) as { position: string };
    expect([response.status, body]).toEqual([201, expect.anything()]);
    return { id, position: body.position };
  };
  const status = (path: string): Promise<number> =>
    fetch(`${urls.analytics}/v1${path}`).then((answer) => answer.status);
  const ready = async (): Promise<void> => {
    for (const end = Date.now() + 90_000; ; await sleep(200)) {
      const answer = await fetch(`${urls.analytics}/health/ready`);
      if (answer.ok) return;
      if (Date.now() > end) throw new Error(await answer.text());
    }
  };
  const shown = async (known: Known): Promise<number> => status(`/customers/${known.id}`);
  /** What is there is served, and what was lost is not, by any way. */
  const expectHealed = async (
    kept: readonly Known[],
    lost: readonly Known[],
    over?: Record<string, string>,
  ): Promise<void> => {
    await ready();
    const next = await register('after');
    expect(BigInt(next.position)).toBeGreaterThan(1_000_000_000n);
    expect(await status(`/customers?limit=1&minPosition=${next.position}`)).toBe(200);
    for (const each of [...kept, next]) expect([each, await shown(each)]).toEqual([each, 200]);
    for (const each of lost) expect([each, await shown(each)]).toEqual([each, 404]);
    for (const { position } of lost) expect(await status(`/customers?limit=1&minPosition=${position}`)).toBe(410);
    expect((await yad(['replay', '--verify'], appEnv(over))).output).toContain('nothing is missing');
  };

  beforeAll(async () => {
    [first, second] = [await OwnServer.start(), await OwnServer.start()];
    owner = {
      STORE_URL: first.url('log'),
      READ_MODELS_URL: first.url('read_models'),
      KEYS_URL: second.url('keys'),
      ADMIN_URL: first.url('postgres'),
      REPLICATION_URL: first.url('postgres'),
    };
    for (const name of ['log', 'read_models']) await sql(first.url('postgres'), `create database ${name}`);
    await sql(second.url('postgres'), 'create database keys');
    shell = new GuideShell(owner);
    await yad(['migrate', '--login', 'shop'], { ...owner, YAD_LOGIN_PASSWORD: SPEC_PASSWORD });
  }, 120_000);
  afterEach(stop);
  afterAll(async () => {
    await first?.stop();
    await second?.stop();
    if (shell) rmSync(shell.folder, { recursive: true, force: true });
  });

  const kept: Known[] = [];

  it('upgrade: migrates while the apps run, and says what is built', async () => {
    await start();
    expect(await shell.under('upgrade.md', 'Upgrade')).toContain('no migration was missing');
    kept.push(await register('Ada'), await register('Grace'));
    await status(`/customers?limit=1&minPosition=${kept[1]!.position}`);
    const said = await shell.under('upgrade.md', 'Rollback');
    expect(said).toMatch(/customer-profile\tgeneration \d+\tversion \d+\tlive|generation \d+\tversion \d+\tlive/);
  });

  it('a dump of the log that is older than the read models: refused, then healed', async () => {
    await start();
    await shell.under('backup.md', 'Dumps');
    const lost = [await register('lost 1'), await register('lost 2')];
    await status(`/customers?limit=1&minPosition=${lost[1]!.position}`);
    await stop();

    // Restored, and nobody has said what it is: nothing is served.
    const restored = { STORE_URL: first.url('log_restored') };
    await sql(first.url('postgres'), 'create database log_unsaid');
    first.run('pg_restore', '--dbname', first.url('log_unsaid'), join(shell.folder, 'log.dump'));
    const refused = launch('operations', { STORE_URL: first.url('log_unsaid') });
    expect((await refused.ended).code).toBe(1);
    expect(refused.output).toContain('yad log continue');
    running.length = 0;

    const said = await shell.under('restore.md', 'From a dump', restored, 0);
    expect(said).toMatch(/incarnation 2 from \d{16} .*: continued, goes on from \d+/);
    owner['STORE_URL'] = restored.STORE_URL;
    await start();
    await expectHealed(kept, lost);
  });

  it('the log alone: read models are made anew in an empty database', async () => {
    await sql(first.url('postgres'), 'create database read_models_anew');
    const over = { READ_MODELS_URL: first.url('read_models_anew') };
    await yad(['migrate'], { ...owner, ...over });
    await start(over);
    await ready();
    expect(await status(`/customers?limit=1&minPosition=${kept.at(-1)!.position}`)).toBe(200);
    for (const each of kept) expect(await shown(each)).toBe(200);
    expect((await yad(['replay', '--verify'], appEnv(over))).output).toContain('nothing is missing');
  });

  it('the folder of the log’s server is put back and nobody says so: the keys’ database knows better', async () => {
    await start();
    const before = await register('before the copy');
    await stop();
    await first.halt();
    const copy = join(first.root, 'copy');
    cpSync(first.folder, copy, { recursive: true });
    await first.launch();
    await start();
    const lost = [await register('lost 3'), await register('lost 4')];
    await status(`/customers?limit=1&minPosition=${lost[1]!.position}`);
    // Noted every two seconds.
    await sleep(3_000);
    await stop();
    await first.halt();
    first.putBack(copy);
    await first.launch();
    const operations = await start();
    expect(operations.output).toMatch(/the log lacks what it had up to \d+: it goes on from \d+ as incarnation \d+/);
    await expectHealed([...kept, before], lost);
    kept.push(before);
    await stop();
    // And once only.
    const again = await start();
    expect(again.output).not.toContain('the log lacks');
  });

  it('the folder is put back, and it is said', async () => {
    expect(await shell.under('restore.md', 'The folder is put back from a copy', owner)).toMatch(
      /: restored from a copy, goes on from \d+\n/,
    );
    await start();
    await expectHealed(kept, []);
  });

  it('a base backup can be made, and is whole', async () => {
    expect(await shell.under('backup.md', 'Base backup and WAL')).toContain('backup successfully verified');
  });

  it('keys of another log are refused; those of a dump are taken', async () => {
    const there = { ...owner, KEYS_URL: second.url('keys_restored'), ADMIN_URL: second.url('postgres') };
    await shell.under('restore.md', 'From a dump', there, 1);
    await start({ KEYS_URL: there.KEYS_URL });
    await ready();
    await stop();
    const database = new URL(there.KEYS_URL).pathname.slice(1);
    await sql(second.url(database), `update witness.log set log_id = '0198f3a0-1b2c-7d3e-8f40-123456789abc'`);
    const refused = launch('operations', { KEYS_URL: there.KEYS_URL });
    expect((await refused.ended).code).toBe(1);
    expect(refused.output).toContain('the database of the keys (KEYS_URL) goes with the log 0198f3a0-1b2c-7d3e');
    running.length = 0;
  });

  it('Kafka is behind: all is published again', async () => {
    expect(await shell.under('restore.md', 'Kafka is restored, or loses its topic', owner)).toContain(
      'published up to 0 so far; from 1 on it is published again',
    );
  });

  it('a copy becomes a log of its own, with its keys and read models', async () => {
    const said = await shell.under('restore.md', 'A copy beside the real one', owner);
    expect(said).toMatch(/the copy of \S+ is the log \S+ from now on/);
    expect(said).toContain('nothing is missing');
    await start();
    await expectHealed(kept, []);
  });

  it('has run every command of the pages', () => {
    const pages = ['backup.md', 'restore.md', 'upgrade.md'];
    expect(shell.run.size).toBe(pages.reduce((sum, page) => sum + blocksOf(page), 0));
  });
});
