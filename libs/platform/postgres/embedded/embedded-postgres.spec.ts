import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { startEmbeddedPostgres, temporaryDataDir } from './embedded-postgres.js';

// A process of its own that starts the server from the built code, to be killed.
const starter = `
const { startEmbeddedPostgres } = await import(process.argv[2]);
const postgres = await startEmbeddedPostgres({ dataDir: process.argv[3], log: (line) => process.send({ line }) });
process.send({ url: postgres.url });
setInterval(() => {}, 1000);
`;

describe('the embedded database', () => {
  let dataDir: string;
  let script: string;
  const children: ChildProcess[] = [];
  beforeEach(() => {
    dataDir = temporaryDataDir();
    script = `${dataDir}.mjs`;
    writeFileSync(script, starter);
  });
  afterEach(async () => {
    for (const child of children.splice(0)) child.kill('SIGKILL');
    await sleep(300);
    rmSync(dataDir, { recursive: true, force: true });
    rmSync(script, { force: true });
  });

  function start(): ChildProcess {
    const built = join(process.cwd(), 'dist/libs/platform/postgres/embedded/embedded-postgres.js');
    const child = fork(script, [built, dataDir], { stdio: 'ignore', execArgv: [] });
    children.push(child);
    return child;
  }
  const killed = async (child: ChildProcess): Promise<void> => {
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
  };
  const told = (child: ChildProcess, what: 'url' | 'line'): Promise<string> =>
    new Promise((resolve) => child.on('message', (message: any) => what in message && resolve(message[what])));
  async function ask(url: string, sql: string): Promise<any[]> {
    const client = new pg.Client({ connectionString: url });
    client.on('error', () => {});
    await client.connect();
    try {
      return (await client.query(sql)).rows;
    } finally {
      await client.end();
    }
  }

  (process.platform === 'linux' ? it : it.skip)('keeps memory between statements, unless told otherwise', async () => {
    const server = await startEmbeddedPostgres({ dataDir, durable: false });
    const [pid] = readFileSync(join(dataDir, 'cluster', 'postmaster.pid'), 'utf8').split('\n');
    const environment = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0');
    expect(environment).toContain(`MALLOC_TOP_PAD_=${process.env['MALLOC_TOP_PAD_'] ?? '1048576'}`);
    expect(environment).toContain(`MALLOC_TRIM_THRESHOLD_=${process.env['MALLOC_TRIM_THRESHOLD_'] ?? '67108864'}`);
    await server.stop();
  });

  it('starts, keeps its data over a stop, and is durable', async () => {
    const first = await startEmbeddedPostgres({ dataDir });
    await ask(first.url, 'create table t as select 42 as answer');
    expect(await ask(first.url, 'show fsync')).toEqual([{ fsync: 'on' }]);
    await expect(startEmbeddedPostgres({ dataDir })).rejects.toThrow(`in use by process ${process.pid}`);
    await first.stop();
    const second = await startEmbeddedPostgres({ dataDir });
    expect(await ask(second.url, 'select answer from t')).toEqual([{ answer: 42 }]);
    await second.stop();
  });

  it('ends with its starter, also when that is killed, and starts again', async () => {
    const child = start();
    const url = await told(child, 'url');
    await ask(url, 'create table t as select 42 as answer');
    await expect(startEmbeddedPostgres({ dataDir })).rejects.toThrow(`in use by process ${child.pid}`);
    await killed(child);
    const again = await startEmbeddedPostgres({ dataDir });
    expect(await ask(again.url, 'select answer from t')).toEqual([{ answer: 42 }]);
    await again.stop();
  });

  it('recovers from a first start that was killed while it prepared', async () => {
    const child = start();
    await told(child, 'line');
    await sleep(100);
    await killed(child);
    expect(existsSync(join(dataDir, 'cluster'))).toBe(false);
    mkdirSync(join(dataDir, 'cluster.new-dead'), { recursive: true });
    const postgres = await startEmbeddedPostgres({ dataDir });
    expect(await ask(postgres.url, 'select 1 as one')).toEqual([{ one: 1 }]);
    expect(existsSync(join(dataDir, 'cluster.new-dead'))).toBe(false);
    await postgres.stop();
  });
});
