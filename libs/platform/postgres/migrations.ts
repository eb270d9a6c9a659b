import { createHash } from 'node:crypto';
import { grantRights, makeRoles, rightsIn, type Roles, type RolesMade, type SchemaRights } from './database-roles.js';
import { createPool, inTransaction, type Pool, type PoolClient } from './pool.js';

/** One step of a schema. Never changed once shipped: the text's hash is kept with its name. */
export interface Migration {
  name: string;
  sql: string;
}

/** What one module owns of a database: how it is made, and who may do what in it. */
export interface OwnedSchema {
  readonly migrations: readonly Migration[];
  readonly rights: readonly SchemaRights[];
}

/** Migrations are missing, and this role may not run them. */
export class NotMigrated extends Error {
  /** Makes it one that is told without its place in the code: whoever starts the process can mend it. */
  readonly code = 'not-migrated';
  constructor(database: string, role: string, missing: readonly string[]) {
    super(
      `the database ${database} lacks ${missing.join(', ')}, and ${role} may not make them: ` +
        `run \`yad migrate\` as the owner of the tables, with this version of Yad, and start again`,
    );
    this.name = 'NotMigrated';
  }
}

const LOCK = 7_961_640;

/** What all modules share: which migrations were run, and what the roles are called that `yad migrate` has made. */
const BOOKS = `
create table if not exists public.yad_migrations (name text primary key, hash text not null, run_at timestamptz not null default now());
create table if not exists public.yad_roles (kind text primary key check (kind in ('app', 'reader', 'auditor')), name text not null);
comment on table public.yad_roles is 'The roles that may work on this database: yad migrate made them. Without a line the apps work as the owner.';`;

const hashOf = ({ sql }: Migration): string => createHash('sha256').update(sql).digest('hex');

/** The migrations that are still to be run. @throws Error when one that was already run has another text now */
async function pending(client: Pick<PoolClient, 'query'>, migrations: readonly Migration[]): Promise<Migration[]> {
  const { rows } = await client.query<{ name: string; hash: string }>(`select name, hash from public.yad_migrations`);
  const run = new Map(rows.map((row) => [row.name, row.hash]));
  return migrations.filter((migration) => {
    const before = run.get(migration.name);
    if (before === undefined || before === hashOf(migration)) return before === undefined;
    throw new Error(`migration ${migration.name} was run with another text: add a new one, do not change it`);
  });
}

/** Runs what is still to be run, in the transaction of `client` and under its lock. Resolves to the names. */
async function runPending(client: PoolClient, migrations: readonly Migration[]): Promise<string[]> {
  const missing = await pending(client, migrations);
  for (const migration of missing) {
    await client.query(migration.sql);
    await client.query(`insert into public.yad_migrations (name, hash) values ($1, $2)`, [
      migration.name,
      hashOf(migration),
    ]);
  }
  return missing.map(({ name }) => name);
}

/** Waits for other processes that migrate, and opens the books. */
async function openBooks(client: PoolClient): Promise<void> {
  await client.query(`select pg_advisory_xact_lock(${LOCK})`);
  await client.query(BOOKS);
}

/**
 * Brings a schema up to date: each migration once, in order, in one transaction, under an advisory lock so
 * that processes that start together do not run into each other. What it brings is granted to the roles that
 * `yad migrate` has made, if it has.
 * @returns the names of those that were run
 * @throws Error when a migration that was already run has another text now.
 */
export async function migrate(
  pool: Pool,
  migrations: readonly Migration[],
  rights: readonly SchemaRights[] = [],
): Promise<string[]> {
  return inTransaction(pool, async (client) => {
    await openBooks(client);
    const run = await runPending(client, migrations);
    if (run.length > 0) await grantRights(client, rights);
    return run;
  });
}

/**
 * Sees to it that a schema is as this code needs it. Where nothing is missing, nothing is changed or locked: a role
 * that may change no table can start. A database of a newer Yad is taken as it is, since migrations only add.
 * @param database its address, for which a connection of its own is made; or a pool
 * @throws NotMigrated where something is missing that this role may not make
 */
export async function bringUpToDate(database: string | Pool, schema: OwnedSchema): Promise<void> {
  if (typeof database !== 'string') return bringPoolUpToDate(database, schema);
  const pool = createPool(database, { role: 'admin', max: 1, applicationName: 'yad migrations' });
  try {
    await bringPoolUpToDate(pool, schema);
  } finally {
    await pool.end();
  }
}

async function bringPoolUpToDate(pool: Pool, { migrations, rights }: OwnedSchema): Promise<void> {
  const { rows } = await pool.query<{ name: string; role: string; there: boolean; may: boolean }>(
    `select current_database() as name, current_user as role, b.oid is not null as there,
            case when b.oid is null then has_database_privilege(current_database(), 'create')
                                     and has_schema_privilege('public', 'create')
                 else pg_has_role(b.relowner, 'usage') end as may
       from (select) one left join pg_class b on b.oid = to_regclass('public.yad_migrations')`,
  );
  const { name, role, there, may } = rows[0]!;
  const missing = there ? await pending(pool, migrations) : migrations;
  if (missing.length === 0) return;
  const names = missing.map((each) => each.name);
  if (!may) throw new NotMigrated(name, role, names);
  await migrate(pool, migrations, rights);
}

/** What `yad migrate` did to one database. */
export interface Migrated {
  readonly run: readonly string[];
  readonly roles: RolesMade;
  /** What is granted otherwise than before. */
  readonly rightsChanged: number;
}

/**
 * All that an owner does to one database, in one transaction: roles, migrations, rights.
 * @param further what is to be done beside, once the roles are there
 * @throws Error where this login is not the owner
 */
export async function migrateAsOwner(
  url: string,
  schemas: readonly OwnedSchema[],
  prefix: string,
  further: (client: PoolClient, roles: Roles) => Promise<void>,
): Promise<Migrated> {
  const pool = createPool(url, { role: 'admin', max: 1, applicationName: 'yad migrate' });
  try {
    return await inTransaction(pool, async (client) => {
      await openBooks(client);
      const before = await rightsIn(client);
      const made = await makeRoles(client, prefix);
      const run: string[] = [];
      for (const { migrations } of schemas) run.push(...(await runPending(client, migrations)));
      if (made.roles) {
        await grantRights(
          client,
          schemas.flatMap(({ rights }) => rights),
        );
        await further(client, made.roles);
      }
      const after = await rightsIn(client);
      const changed = [...new Set([...before.keys(), ...after.keys()])].filter(
        (name) => before.get(name) !== after.get(name),
      );
      return { run, roles: made, rightsChanged: changed.length };
    });
  } finally {
    await pool.end();
  }
}
