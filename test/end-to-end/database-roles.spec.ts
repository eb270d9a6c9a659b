import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { definitions } from '#apps/definitions.js';
import { PostgresEventStore } from '#platform/event-store/postgres/postgres-event-store.adapter.js';
import { rightsIn, rolesOf, workingAs } from '#platform/postgres/database-roles.js';
import { bringUpToDate, NotMigrated } from '#platform/postgres/migrations.js';
import { createPool, type Pool } from '#platform/postgres/pool.js';
import { describeTables } from '#platform/projections/tables/describe-tables.js';
import { openDatabases, schemasIn } from '#platform/runtime/databases.js';
import { newId } from '#platform/kernel/ids.js';
import { aRequest, thing } from '../conformance/event-store/event-store.conformance.js';
import { migratedDatabase, SPEC_PASSWORD } from '../support/migrated.js';
import { createTestDatabase } from '../support/postgres.js';
import { startSystem, type System } from '../support/system.js';
import { Program, yad } from './processes.js';

let system: System;
let owner: Pool;
let app: Pool;
const customer = newId();
/** Read models as the system itself opens them. */
let builder: Pool;

beforeAll(async () => {
  system = await startSystem();
  owner = createPool(system.databaseUrl, { role: 'admin', max: 2 });
  app = createPool(system.appDatabaseUrl, { role: 'admin', max: 2 });
  const url = system.appDatabaseUrl;
  const opened = await openDatabases({ store: url, readModels: url, keys: url }, ['readModels']);
  builder = createPool(opened.readModels, { role: 'admin', max: 2 });
  const name = { given: 'Ada', family: 'Lovelace' };
  const made = await system.client.post('/v1/contacts', { id: customer, kind: 'person', name });
  expect(made.status).toBe(201);
});
afterAll(async () => {
  await Promise.all([app.end(), owner.end(), builder.end()]);
  await system.stop();
});

const refusal = async (pool: Pool, sql: string): Promise<string> => {
  const client = await pool.connect();
  try {
    await client.query(sql);
    return 'was done';
  } catch (error) {
    return (error as { code: string }).code;
  } finally {
    // Whatever the attempt changed in its session must not help the next.
    client.release(true);
  }
};

const DENIED = '42501';

describe('the role of apps', () => {
  const attacks = [
    // Rows.
    `update store.events set type = 'x'`,
    `delete from store.events`,
    `truncate store.events`,
    `truncate store.events cascade`,
    `merge into store.events e using (select 1 as one) s on true when matched then delete`,
    `insert into store.events select * from store.events on conflict (position) do update set type = 'x'`,
    `select * from store.events for update`,
    `update store.log set id = gen_random_uuid()`,
    `delete from store.receipts`,
    `update store.incarnations set begins_at = 1`,
    `delete from store.reservations`,
    // What watches over them.
    `alter table store.events disable trigger events_are_immutable`,
    `alter table store.events disable trigger all`,
    `drop trigger events_are_immutable on store.events`,
    `create trigger also before insert on store.events execute function store.refuse_change()`,
    `alter trigger events_are_immutable on store.events rename to asleep`,
    `create or replace function store.refuse_change() returns trigger language plpgsql as 'begin return null; end'`,
    `alter function store.refuse_change() owner to current_user`,
    `drop function store.refuse_change() cascade`,
    `alter function store.append_one set session_replication_role = replica`,
    `set session_replication_role = replica`,
    `select set_config('session_replication_role', 'replica', false)`,
    `set local session_replication_role = replica`,
    `alter role current_user set session_replication_role = replica`,
    `create rule away as on insert to store.events do instead nothing`,
    `alter table store.events enable row level security`,
    `create policy none on store.events using (false)`,
    `create event trigger own on ddl_command_start execute function store.refuse_change()`,
    // The table itself.
    `alter table store.events owner to current_user`,
    `alter table store.events rename to gone`,
    `alter table store.events set schema public`,
    `alter table store.events drop column data`,
    `alter table store.events add constraint none check (false) not valid`,
    `alter table store.events inherit store.receipts`,
    `create table public.child () inherits (store.events)`,
    `alter table store.events set unlogged`,
    `drop table store.events cascade`,
    `drop index store.events_subject`,
    `create index mine on store.events ((1 / 0))`,
    `cluster store.events using events_pkey`,
    `begin; lock table store.events in access exclusive mode`,
    `comment on table store.events is 'mine'`,
    // Its schema and database.
    `create table store.mine ()`,
    `create function store.mine() returns int language sql as 'select 1'`,
    `drop schema store cascade`,
    `alter schema store rename to gone`,
    `alter schema store owner to current_user`,
    `create table public.mine ()`,
    `create function public.lower(text) returns text language sql as 'select $1'`,
    `update pg_trigger set tgenabled = 'D'`,
    `delete from pg_class where relname = 'events'`,
    // Rights of others.
    `update public.yad_roles set name = 'postgres'`,
    `delete from public.yad_migrations`,
    `reassign owned by OWNER to current_user`,
    `alter role current_user superuser`,
    `alter role current_user createrole`,
    `create role helper superuser`,
    `copy (select 1) to program 'true'`,
    `create publication everything for all tables`,
    `create extension dblink`,
    `load 'plpgsql'`,
    `select pg_read_file('PG_VERSION')`,
    `select lo_import('/etc/passwd')`,
    `update projections.swaps set reason = 'none'`,
    `delete from http.cursor_keys`,
    `insert into http.cursor_keys default values`,
    `update access_log.entries set actor = 'nobody'`,
    `delete from access_log.entries_of_other_times`,
    `alter table access_log.entries disable trigger all`,
    `drop table access_log.entries_of_other_times`,
    `alter table access_log.entries detach partition access_log.entries_of_other_times`,
  ];
  it.each(attacks)('may not: %s', async (sql) => {
    const { rows: names } = await owner.query<{ name: string }>('select current_user as name');
    const tried = sql
      .replaceAll('current_user', new URL(system.appDatabaseUrl).username)
      .replaceAll('OWNER', names[0]!.name);
    for (const pool of [app, builder]) expect(await refusal(pool, tried)).toBe(DENIED);
    const { rows } = await owner.query(
      `select tgenabled from pg_trigger where tgname = 'events_are_immutable' and tgrelid = 'store.events'::regclass`,
    );
    expect(rows).toEqual([{ tgenabled: 'O' }]);
  });

  it('has nothing of the log to give away', async () => {
    const before = await rightsIn(owner);
    for (const pool of [app, builder]) {
      // Done, with a warning: who has no right to give gives none.
      await refusal(pool, `grant all on store.events to public`);
      await refusal(pool, `grant update, delete, truncate, trigger on store.events to current_user`);
      await refusal(pool, `alter default privileges in schema store grant all on tables to public`);
    }
    expect(await rightsIn(owner)).toEqual(before);
  });

  it('cannot become anybody else', async () => {
    const { rows } = await owner.query<{ name: string }>('select current_user as name');
    for (const pool of [app, builder]) {
      for (const sql of [`set role "${rows[0]!.name}"`, `set session authorization "${rows[0]!.name}"`]) {
        expect(await refusal(pool, sql)).toBe(DENIED);
      }
    }
  });

  it('finds no function that runs with the rights of its owner, whose search path could be turned', async () => {
    const { rows } = await owner.query(
      `select p.oid::regprocedure::text as name from pg_proc p join pg_namespace n on n.oid = p.pronamespace
        where n.nspname !~ '^(pg_|information_schema$)' and (p.prosecdef or p.proconfig is not null)`,
    );
    expect(rows).toEqual([]);
  });

  it('puts nothing in the place of the log by a table of its own session', async () => {
    const client = await builder.connect();
    try {
      await client.query(`create temp table events (like store.events)`);
      await client.query(`create temp table pg_database (oid oid, datname text)`);
      await client.query(`set search_path = pg_temp, store, public`);
      const before = await client.query(`select count(*)::int as n from store.events`);
      await client.query(
        `select store.append_one(now(), null, 'test.thing', $1, 0, $1, 'test.happened', 1::int2, now(), $1, $1, 0::int2, null, '{}', '{}', null)`,
        [newId()],
      );
      const after = await client.query(`select count(*)::int as n from store.events`);
      expect(after.rows[0].n).toBe(before.rows[0].n + 1);
      expect((await client.query(`select from pg_temp.events`)).rowCount).toBe(0);
    } finally {
      client.release(true);
    }
  });

  it('owns nothing of the log, the keys or the books, and all of the read models', async () => {
    const roles = (await rolesOf(owner))!;
    const { rows } = await owner.query<{ schema: string; owned: boolean }>(
      `select distinct n.nspname as schema, pg_has_role($1, c.relowner, 'member') as owned
         from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where n.nspname !~ '^(pg_|information_schema$)' and c.relkind in ('r', 'v')`,
      [roles.app],
    );
    for (const { schema, owned } of rows) {
      expect([schema, owned]).toEqual([schema, schema.startsWith('rm_') || schema === 'analytics']);
    }
    expect(rows.some(({ owned }) => owned)).toBe(true);
  });
});

describe('rights', () => {
  const declared = Object.values(schemasIn).flatMap((schemas) => schemas.flatMap(({ rights }) => rights));

  it('are declared for every table that the migrations make', async () => {
    const { rows } = await owner.query<{ table: string }>(
      `select n.nspname || '.' || c.relname as table from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where c.relkind in ('r', 'p', 'm', 'f') and not c.relispartition and n.nspname !~ '^(pg_|information_schema$|rm_|public$)' order by 1`,
    );
    const known = declared.flatMap(({ schema, tables }) => Object.keys(tables).map((name) => `${schema}.${name}`));
    expect(rows.map(({ table }) => table)).toEqual(known.toSorted());
  });

  it('on the log are to read and to add, for apps; nobody else writes anything', async () => {
    for (const { schema, tables } of declared) {
      for (const [table, to] of Object.entries(tables)) {
        if (schema === 'store') expect([table, to.app]).toEqual([table, expect.stringMatching(/^select(, insert)?$/)]);
      }
    }
    const others = declared.flatMap(({ tables }) => Object.values(tables).flatMap((to) => [to.auditor, to.reader]));
    expect(others.filter((right) => right !== undefined && !right.startsWith('select'))).toEqual([]);
  });

  it('are the same however often they are given', async () => {
    const { output } = await yad(['migrate'], { DATABASE_URL: system.databaseUrl });
    expect(output).toBe(
      'log, read models, keys:\n  no migration was missing\n  no role was missing\n  rights: as they were\n\npeak-rss ' +
        /peak-rss (\d+)/.exec(output)![1] +
        '\n',
    );
  });
});

describe('the role of readers', () => {
  it('sees the live read models without what is personal, also after a rebuild', async () => {
    const reader = createPool(workingAs(system.databaseUrl, (await rolesOf(owner))!.reader), { role: 'admin', max: 1 });
    try {
      for (const round of ['before', 'after']) {
        for (const shape of definitions.projections.flatMap(describeTables)) {
          const columns = Object.keys(shape.target.columns);
          for (const column of columns) {
            const code = await refused(reader, `select ${column} from analytics.${shape.name}`);
            expect([round, shape.name, column, code]).toEqual([
              round,
              shape.name,
              column,
              shape.target.personal.has(column) ? DENIED : undefined,
            ]);
          }
        }
        if (round === 'before') await yad(['rebuild'], { DATABASE_URL: system.appDatabaseUrl });
      }
      const { rows } = await owner.query(`select schema from projections.builds where status = 'live' limit 1`);
      for (const sql of [
        `select * from store.events`,
        `select * from http.cursor_keys`,
        `select * from projections.swaps`,
        `select * from ${rows[0].schema}.customers`,
        `create table analytics.mine ()`,
        `create schema mine`,
        `select store.append_one(now(), null, 'a', null, 0, null, 'b', 1::int2, now(), null, null, 0::int2, null, null, null, null)`,
      ]) {
        expect([sql, await refused(reader, sql)]).toEqual([sql, expect.stringMatching(/42501|42P01|42883/)]);
      }
    } finally {
      await reader.end();
    }
  });

  const refused = (pool: Pool, sql: string): Promise<string | undefined> =>
    pool.query(sql).then(
      () => undefined,
      (error: { code: string }) => error.code,
    );
});

describe('the role of auditors', () => {
  it('reads the log without its personal parts and its secret', async () => {
    const pool = createPool(workingAs(system.databaseUrl, (await rolesOf(owner))!.auditor), { role: 'admin', max: 1 });
    try {
      expect((await pool.query(`select position, type, meta, data from store.events`)).rowCount).toBeGreaterThan(0);
      expect((await pool.query(`select id from store.log`)).rowCount).toBe(1);
      for (const sql of [`select personal_data from store.events`, `select secret from store.log`]) {
        await expect(pool.query(sql)).rejects.toMatchObject({ code: DENIED });
      }
      await expect(pool.query(`insert into store.events select * from store.events`)).rejects.toMatchObject({
        code: DENIED,
      });
    } finally {
      await pool.end();
    }
  });
});

describe('yad migrate', () => {
  it('comes before the apps: without it their login is refused, by the name of what lacks', async () => {
    const database = await migratedDatabase();
    const pool = createPool(database.ownerUrl, { role: 'admin', max: 1 });
    try {
      const newer = { migrations: [{ name: 'spec/0001', sql: 'create schema spec' }], rights: [] };
      await expect(bringUpToDate(database.appUrl, newer)).rejects.toThrow(NotMigrated);
      await expect(bringUpToDate(database.appUrl, newer)).rejects.toThrow(
        /lacks spec\/0001, and \w+ may not make them: run `yad migrate` as the owner/,
      );
      // A version of before knows less than the database has, and works.
      await bringUpToDate(database.ownerUrl, newer);
      const store = await PostgresEventStore.connect({ url: database.appUrl });
      expect(await store.append([aRequest(thing('older'))])).toMatchObject([{ kind: 'stored' }]);
      await store.close();
    } finally {
      await pool.end();
      await database.drop();
    }
  });

  it('is missing altogether: an app whose login may make nothing says so and ends', async () => {
    const empty = await createTestDatabase();
    try {
      const login = new URL(system.appDatabaseUrl);
      login.pathname = new URL(empty.url).pathname;
      const { code, output } = await new Program('audit/main.js', { env: { DATABASE_URL: login.href, PORT: '0' } })
        .ended;
      expect(output).toMatch(/audit: the database yad_\w+ lacks store\/0300-log.*run `yad migrate` as the owner/);
      expect(code).toBe(1);
    } finally {
      await empty.drop();
    }
  });

  it('makes roles under a name of its own, a login, and hands over what an owner’s apps have built', async () => {
    const database = await createTestDatabase();
    const admin = createPool(database.url, { role: 'admin', max: 1 });
    const prefix = `spec_${newId().slice(-12)}`;
    const env = { DATABASE_URL: database.url };
    try {
      await yad(['rebuild'], env);
      const first = await yad(['migrate', '--roles', prefix, '--login', `${prefix}_shop`], {
        ...env,
        YAD_LOGIN_PASSWORD: SPEC_PASSWORD,
      });
      expect(first.output).toContain(`roles made: ${prefix}_app, ${prefix}_reader, ${prefix}_auditor`);
      expect(first.output).toMatch(new RegExp(`handed over to ${prefix}_app: \\d+ tables, views and schemas`));
      expect(first.output).toContain(`login ${prefix}_shop made, member of ${prefix}_app`);
      const other = await new Program('cli/main.js', { args: ['migrate'], env }).ended;
      expect(other.output).toContain(`the roles of this database are ${prefix}_app`);
      const url = new URL(database.url);
      url.username = `${prefix}_shop`;
      url.password = SPEC_PASSWORD;
      // The login goes on with what the owner made.
      await yad(['rebuild'], { DATABASE_URL: url.href });
      expect((await yad(['replay', '--verify'], { DATABASE_URL: url.href })).output).toContain('nothing is missing');
    } finally {
      await admin.end();
      await database.drop();
      const server = createPool(new URL('/postgres', database.url).href, { role: 'admin', max: 1 });
      for (const role of ['shop', 'app', 'reader', 'auditor'])
        await server.query(`drop role if exists ${prefix}_${role}`);
      await server.end();
    }
  });

  it('prints what is to be run where the owner may not make roles', async () => {
    const database = await createTestDatabase();
    const server = createPool(database.url, { role: 'admin', max: 1 });
    const prefix = `spec_${newId().slice(-12)}`;
    try {
      await server.query(`create role ${prefix} login password '${SPEC_PASSWORD}'`);
      await server.query(`alter database ${new URL(database.url).pathname.slice(1)} owner to ${prefix}`);
      const url = new URL(database.url);
      url.username = prefix;
      url.password = SPEC_PASSWORD;
      const env = { DATABASE_URL: url.href };
      const asked = await new Program('cli/main.js', { args: ['migrate', '--roles', prefix], env }).ended;
      expect(asked.code).toBe(3);
      expect(asked.output).toContain('migrations run: store/0300-log');
      const sql = [...asked.output.matchAll(/^ {4}((?:create|grant) .*;)$/gm)].map(([, line]) => line!);
      expect(sql).toHaveLength(4);
      await server.query(sql.join('\n'));
      const done = await yad(['migrate', '--roles', prefix], env);
      expect(done.output).toMatch(/rights: \d+ given anew/);
    } finally {
      await server.end();
      await database.drop();
      const admin = createPool(new URL('/postgres', database.url).href, { role: 'admin', max: 1 });
      for (const role of [`${prefix}_app`, `${prefix}_reader`, `${prefix}_auditor`, prefix]) {
        await admin.query(`drop role if exists ${role}`);
      }
      await admin.end();
    }
  });
});

describe('an app that signs in as the owner', () => {
  it('is told what it could do', async () => {
    const said: string[] = [];
    const log = { warn: (line: string) => void said.push(line) };
    const { databaseUrl: url } = system;
    await openDatabases({ store: url, readModels: url, keys: url }, ['store'], log);
    expect(said).toEqual([expect.stringMatching(/owns the tables of the log in yad_\w+: this process could change/)]);
    const asApp = system.appDatabaseUrl;
    await openDatabases({ store: asApp, readModels: asApp, keys: asApp }, ['store'], log);
    expect(said).toHaveLength(1);
  });
});
