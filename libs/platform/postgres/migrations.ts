import { createHash } from 'node:crypto';
import { createPool, inTransaction, type Pool } from './pool.js';

/** One step of a schema. Never changed once shipped: the text's hash is kept with its name. */
export interface Migration {
  name: string;
  sql: string;
}

const LOCK = 7_961_640;

/**
 * Brings a schema up to date: each migration once, in order, in one transaction, under an advisory lock so
 * that processes that start together do not run into each other.
 * @throws Error when a migration that was already run has another text now.
 */
export async function migrate(pool: Pool, migrations: readonly Migration[]): Promise<void> {
  await inTransaction(pool, async (client) => {
    await client.query(`select pg_advisory_xact_lock(${LOCK})`);
    await client.query(
      `create table if not exists public.yad_migrations (name text primary key, hash text not null, run_at timestamptz not null default now())`,
    );
    const { rows } = await client.query<{ name: string; hash: string }>(`select name, hash from public.yad_migrations`);
    const run = new Map(rows.map((row) => [row.name, row.hash]));
    for (const { name, sql } of migrations) {
      const hash = createHash('sha256').update(sql).digest('hex');
      const before = run.get(name);
      if (before === hash) continue;
      if (before) throw new Error(`migration ${name} was run with another text: add a new one, do not change it`);
      await client.query(sql);
      await client.query(`insert into public.yad_migrations (name, hash) values ($1, $2)`, [name, hash]);
    }
  });
}

/** Brings a schema up to date over a connection of its own, whose statements may take long. */
export async function migrateAt(url: string, migrations: readonly Migration[]): Promise<void> {
  const pool = createPool(url, { role: 'admin', max: 1, applicationName: 'yad migrations' });
  try {
    await migrate(pool, migrations);
  } finally {
    await pool.end();
  }
}
