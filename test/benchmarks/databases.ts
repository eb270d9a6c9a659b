import { randomUUID } from 'node:crypto';
import pg from 'pg';

/** Runs work on a new database of this server and drops it after. @param server URL of any database there */
export async function withDatabase<T>(server: string, work: (url: string) => Promise<T>): Promise<T> {
  const name = `yad_bench_${randomUUID().replaceAll('-', '')}`;
  await admin(server, `create database ${name}`);
  try {
    const url = new URL(server);
    url.pathname = `/${name}`;
    return await work(url.href);
  } finally {
    await admin(server, `drop database if exists ${name} with (force)`);
  }
}

async function admin(server: string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: server });
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}
