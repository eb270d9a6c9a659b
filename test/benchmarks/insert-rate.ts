import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { atOnce } from './measure.js';

const row = 'x'.repeat(250);
const insert = `insert into bench_rows (body) values ('${row}')`;

/**
 * One-row durable INSERTs a second into a table with one index: by pgbench where it is installed, else by as many
 * connections of pg.
 */
export async function insertRate(url: string, clients: number, seconds: number): Promise<{ rate: number; by: string }> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query(`drop table if exists bench_rows`);
  await client.query(`create table bench_rows (id bigint generated always as identity primary key, body text)`);
  try {
    const pgbench = findPgbench();
    return pgbench
      ? { rate: await byPgbench(pgbench, url, clients, seconds), by: 'pgbench' }
      : { rate: await byPg(url, clients, seconds), by: 'pg' };
  } finally {
    await client.query(`drop table bench_rows`);
    await client.end();
  }
}

function findPgbench(): string | undefined {
  const known = [
    '/usr/bin/pgbench',
    ...Array.from({ length: 12 }, (_, i) => `/usr/lib/postgresql/${26 - i}/bin/pgbench`),
  ];
  return known.find((path) => existsSync(path));
}

async function byPgbench(pgbench: string, url: string, clients: number, seconds: number): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'yad-bench-'));
  try {
    const script = join(folder, 'insert.sql');
    writeFileSync(script, `${insert};\n`);
    const time = String(Math.max(1, Math.round(seconds)));
    const { stdout } = await promisify(execFile)(pgbench, [
      ...['-n', '-M', 'prepared', '-f', script, '-c', String(clients), '-j', String(Math.min(2, clients))],
      ...['-T', time, url],
    ]);
    return Number(/tps = ([\d.]+)/.exec(stdout)![1]);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function byPg(url: string, clients: number, seconds: number): Promise<number> {
  const connections = await Promise.all(
    Array.from({ length: clients }, async () => {
      const connection = new pg.Client({ connectionString: url });
      await connection.connect();
      return connection;
    }),
  );
  try {
    const free = [...connections];
    const { rate } = await atOnce(clients, seconds, async () => {
      const connection = free.pop()!;
      await connection.query({ name: 'insert', text: insert });
      free.push(connection);
    });
    return rate;
  } finally {
    for (const connection of connections) await connection.end();
  }
}
