import { connect } from './connection.js';
import type { Pool, PoolClient } from './pool.js';

type Database = Pick<Pool | PoolClient, 'query'>;

/** Whom a database knows: the apps, those who may read the read models, those who may read the log. */
export const ROLE_KINDS = ['app', 'reader', 'auditor'] as const;
export type RoleKind = (typeof ROLE_KINDS)[number];
/** The roles of a database by their names: group roles, which nobody signs in as. */
export type Roles = Readonly<Record<RoleKind, string>>;

/** What a role may do with a table, as GRANT says it: `select, insert`, or `select (id, name)` for some columns. */
export type TableRights = Readonly<Partial<Record<RoleKind, string>>>;

/** Who may do what in a schema. Stands beside its migrations; a spec fails where a table has no line. */
export interface SchemaRights {
  readonly schema: string;
  readonly tables: Readonly<Record<string, TableRights>>;
  /** Those who may see what is in it beside whom its tables name. */
  readonly usedBy?: readonly RoleKind[];
  /** The apps make tables and views in it. */
  readonly appCreates?: true;
  /** The apps make further schemas in the same database, which are theirs. */
  readonly appCreatesSchemas?: true;
}

/** The books that migrations keep: who starts must be able to read them. */
const booksRights: SchemaRights = {
  schema: 'public',
  tables: { yad_migrations: { app: 'select' }, yad_roles: { app: 'select' } },
};

/** Roles' names stand in SQL and in the addresses of connections as they are. */
const isPlain = (name: string): boolean => /^[a-z][a-z0-9_]{0,50}$/.test(name);

/** @throws Error for a name that is not of small letters, digits and _ */
export function plainName(what: string, name: string): string {
  if (!isPlain(name)) throw new Error(`${what}: '${name}' is not a name of small letters, digits and _`);
  return name;
}

const named = (prefix: string): Roles => ({
  app: `${prefix}_app`,
  reader: `${prefix}_reader`,
  auditor: `${prefix}_auditor`,
});

/** The roles that `yad migrate` has made for a database; undefined where it has not. */
export async function rolesOf(database: Database): Promise<Roles | undefined> {
  const there = await database.query<{ there: boolean }>(`select to_regclass('public.yad_roles') is not null as there`);
  if (!there.rows[0]!.there) return undefined;
  const { rows } = await database.query<{ kind: RoleKind; name: string }>(`select kind, name from public.yad_roles`);
  if (rows.length < ROLE_KINDS.length) return undefined;
  return Object.fromEntries(rows.map(({ kind, name }) => [kind, name])) as Roles;
}

/** What became of the roles of a database. */
export interface RolesMade {
  /** Undefined where they are not all there and this login may not make them. */
  readonly roles: Roles | undefined;
  readonly made: readonly string[];
  /** What somebody has to run who may make roles. */
  readonly lacking: readonly string[];
}

/**
 * Makes the roles that are not there yet, and keeps their names in the database. Must run in a transaction.
 * @param prefix what their names begin with
 * @throws Error where the database has roles under another prefix
 */
export async function makeRoles(client: PoolClient, prefix: string): Promise<RolesMade> {
  const roles = named(plainName('the prefix of the roles', prefix));
  const known = await rolesOf(client);
  if (known && known.app !== roles.app) {
    throw new Error(`the roles of this database are ${Object.values(known).join(', ')}: give their prefix`);
  }
  const made: string[] = [];
  const lacking: string[] = [];
  const owner = (await client.query<{ name: string }>('select quote_ident(current_user) as name')).rows[0]!.name;
  const tried = async (sql: string): Promise<boolean> => {
    await client.query('savepoint made');
    try {
      await client.query(sql);
      return true;
    } catch (error) {
      await client.query('rollback to savepoint made');
      const { code } = error as { code?: string };
      // Another database's owner made it at the same moment: roles are the server's.
      if (code === '42710' || code === '23505') return true;
      if (code !== '42501') throw error;
      lacking.push(sql);
      return false;
    }
  };
  for (const name of Object.values(roles)) {
    const { rowCount } = await client.query(`select from pg_roles where rolname = $1`, [name]);
    if (!rowCount && (await tried(`create role ${name} nologin`))) made.push(name);
  }
  if (lacking.length > 0) return { roles: undefined, made, lacking: [...lacking, `grant ${roles.app} to ${owner}`] };
  // What the apps' builds own is handed to the role, which takes a member of it.
  const { rows } = await client.query<{ member: boolean }>(`select pg_has_role($1, 'member') as member`, [roles.app]);
  if (!rows[0]!.member && !(await tried(`grant ${roles.app} to ${owner}`))) return { roles: undefined, made, lacking };
  for (const kind of ROLE_KINDS) {
    await client.query(`insert into public.yad_roles (kind, name) values ($1, $2) on conflict do nothing`, [
      kind,
      roles[kind],
    ]);
  }
  return { roles, made, lacking };
}

/** What each role may do with each thing, to tell whether anything changed. */
const RIGHTS = `
select 'schema ' || nspname as name, nspacl::text[] as rights from pg_namespace where nspname !~ '^pg_'
union all select c.oid::regclass::text, c.relacl::text[] from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where n.nspname !~ '^(pg_|information_schema$)'
union all select a.attrelid::regclass::text || '.' || a.attname, a.attacl::text[] from pg_attribute a
  where a.attacl is not null and a.attrelid >= 16384
union all select 'database', datacl::text[] from pg_database where datname = current_database()`;

export async function rightsIn(client: Database): Promise<Map<string, string>> {
  const { rows } = await client.query<{ name: string; rights: string[] | null }>(RIGHTS);
  return new Map(rows.map(({ name, rights }) => [name, (rights ?? []).toSorted().join(' ')]));
}

/**
 * Gives the roles of a database what is declared, and takes from them what is not. Does nothing where there are no
 * roles. Must run in a transaction: nobody sees them without their rights.
 */
export async function grantRights(client: PoolClient, rights: readonly SchemaRights[]): Promise<void> {
  const roles = await rolesOf(client);
  if (!roles) return;
  const all = Object.values(roles).join(', ');
  const statements = [`grant connect on database ${await currentDatabase(client)} to ${all}`];
  for (const { schema, tables, usedBy = [], appCreates, appCreatesSchemas } of [booksRights, ...rights]) {
    const given = Object.values(tables);
    const users = ROLE_KINDS.filter((kind) => usedBy.includes(kind) || given.some((each) => each[kind] !== undefined));
    statements.push(`revoke all on schema ${schema} from ${all}`);
    for (const kind of users) statements.push(`grant usage on schema ${schema} to ${roles[kind]}`);
    if (appCreates) statements.push(`grant create on schema ${schema} to ${roles.app}`);
    if (appCreatesSchemas) {
      statements.push(`grant create on database ${await currentDatabase(client)} to ${roles.app}`);
    }
    for (const [table, to] of Object.entries(tables)) {
      statements.push(`revoke all on ${schema}.${table} from ${all}`);
      for (const kind of ROLE_KINDS) {
        if (to[kind] !== undefined) statements.push(`grant ${to[kind]} on ${schema}.${table} to ${roles[kind]}`);
      }
    }
  }
  // One statement: a table that is read by many is not looked up again for each line.
  await client.query(statements.join(';\n'));
  await closePublic(client);
}

const currentDatabase = async (client: Database): Promise<string> =>
  (await client.query<{ name: string }>('select quote_ident(current_database()) as name')).rows[0]!.name;

/** A function of somebody else's in `public` could take the place of the server's own in what the owner runs. */
const closePublic = (client: PoolClient): Promise<unknown> =>
  client.query(`do $$ begin
    if has_schema_privilege('public', 'public', 'create') then revoke create on schema public from public; end if;
  exception when insufficient_privilege then
    raise warning 'anybody may create in the schema public: revoke create on schema public from public';
  end $$`);

/** What somebody who signs in with an address is to the database. */
export interface Standing {
  readonly login: string;
  readonly database: string;
  /** Owns the log's tables, or is above all rights: the immutability of events does not bind it. */
  readonly isOwner: boolean;
  /** The role of the apps, where the login may take it on. */
  readonly app: string | undefined;
}

/** Asks the database who signs in with this address. */
export async function standingOf(url: string): Promise<Standing> {
  const connection = await connect(url, { role: 'admin', applicationName: 'yad roles' });
  try {
    const app = (await rolesOf(connection).catch(nobody))?.app;
    const { rows } = await connection.query(
      `select session_user as login, current_database() as database,
              exists (select from pg_class c join pg_namespace n on n.oid = c.relnamespace
                       where (n.nspname, c.relname) in (('store', 'events'), ('public', 'yad_migrations'))
                         and pg_has_role(session_user, c.relowner, 'member')) as "isOwner",
              exists (select from pg_roles where rolname = $1 and pg_has_role(session_user, oid, 'member')) as "isApp"`,
      [app ?? null],
    );
    const { login, database, isOwner, isApp } = rows[0] as Record<string, any>;
    return { login, database, isOwner, app: isApp ? app : undefined };
  } finally {
    await connection.end();
  }
}

/** Who may not read the names of the roles has none of them. */
function nobody(error: unknown): undefined {
  if ((error as { code?: string }).code !== '42501') throw error;
}

/**
 * The address for sessions that work under a role: what they make is then the role's, whichever of its members made it,
 * so that another member can go on with it.
 */
export function workingAs(url: string, role: string): string {
  const [before, query = ''] = url.split('?', 2) as [string, string?];
  const parameters = new URLSearchParams(query);
  const own = parameters.get('options');
  parameters.delete('options');
  const options = `options=${encodeURIComponent([own, `-c role=${role}`].filter(Boolean).join(' '))}`;
  return `${before}?${[parameters.toString(), options].filter(Boolean).join('&')}`;
}
