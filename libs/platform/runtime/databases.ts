import { apiKeySchema } from '#platform/access/api-keys/api-keys.migrations.js';
import { endedKeysSchema } from '#platform/access/api-keys/ended-keys.migrations.js';
import { accessLogSchema } from '#platform/access/log/access-log.migrations.js';
import { relaySchema } from '#platform/event-bus/relay/relay.migrations.js';
import { kurrentIndexSchema } from '#platform/event-store/kurrentdb/index/kurrentdb-index.migrations.js';
import { storeSchema } from '#platform/event-store/postgres/store.migrations.js';
import { cursorKeySchema } from '#platform/http/cursor-keys/cursor-keys.migrations.js';
import { standingOf, workingAs } from '#platform/postgres/database-roles.js';
import type { Log } from '#platform/observability/log.js';
import { makeLogin } from '#platform/postgres/logins.js';
import { bringUpToDate, migrateAsOwner, type Migrated, type OwnedSchema } from '#platform/postgres/migrations.js';
import { policySchema } from '#platform/policies/policies.migrations.js';
import { handOverBuilds } from '#platform/projections/builds/hand-over.js';
import type { Projection } from '#platform/projections/definition/projection.js';
import { projectionSchema } from '#platform/projections/projections.migrations.js';
import { witnessSchema } from '#platform/witness/witness.migrations.js';
import type { DatabaseKind, Databases } from './connections.js';

/** What lies in which database: every schema of Yad's is named here. */
export const schemasIn: Readonly<Record<DatabaseKind, readonly OwnedSchema[]>> = {
  store: [storeSchema, kurrentIndexSchema, relaySchema, endedKeysSchema, policySchema],
  readModels: [projectionSchema],
  keys: [witnessSchema, cursorKeySchema, apiKeySchema, accessLogSchema],
};

const KINDS = Object.keys(schemasIn) as DatabaseKind[];

/** Which of the databases lie behind one address. */
function byAddress(databases: Databases): Map<string, DatabaseKind[]> {
  const found = new Map<string, DatabaseKind[]>();
  for (const kind of KINDS) found.set(databases[kind], [...(found.get(databases[kind]) ?? []), kind]);
  return found;
}

export interface MigrateOptions {
  readonly databases: Databases;
  readonly projections: readonly Projection[];
  /** What the names of the roles begin with. */
  readonly prefix: string;
  /** Who is to sign in as an app; made where it is not there and a password is given. */
  readonly login?: { readonly name: string; readonly password?: string };
  /** Of the databases only what lies behind this address. */
  readonly only?: string;
}

/** What was done to the database behind one address. */
export interface MigratedDatabase extends Migrated {
  readonly holds: readonly DatabaseKind[];
  /** Of builds, what was handed to the role of the apps. */
  readonly handedOver: number;
  /** In words. */
  readonly login: string | undefined;
}

/**
 * Runs all migrations as the owner, makes the roles and gives them their rights. Can be run again at any time, also
 * while apps run.
 * @throws Error where an address is not the owner's
 */
export async function* migrateDatabases(options: MigrateOptions): AsyncGenerator<MigratedDatabase> {
  const { databases, projections, prefix, login, only } = options;
  for (const [url, holds] of byAddress(databases)) {
    if (only !== undefined && url !== only) continue;
    let handedOver = 0;
    let told: string | undefined;
    const schemas = holds.flatMap((kind) => schemasIn[kind]);
    const migrated = await migrateAsOwner(url, schemas, prefix, async (client, { app }) => {
      if (holds.includes('readModels')) handedOver = await handOverBuilds(client, projections, app);
      if (login) told = await makeLogin(client, login.name, app, login.password);
    });
    yield { ...migrated, holds, handedOver, login: told };
  }
}

/**
 * The databases as an app is to work on them. Where its login may migrate, what is missing is made first; where the
 * roles are there, builds of read models are made as the apps' role, so that every app and the command line can go on
 * with what another made.
 * @param log told what is not as safe as it could be
 * @throws NotMigrated where something is missing that the login may not make
 */
export async function openDatabases(
  databases: Databases,
  needed: readonly DatabaseKind[],
  log?: Pick<Log, 'warn'>,
): Promise<Databases> {
  const opened = { ...databases };
  for (const [url, holds] of byAddress(databases)) {
    const used = holds.filter((kind) => needed.includes(kind));
    if (used.length === 0) continue;
    for (const schema of used.flatMap((kind) => schemasIn[kind])) await bringUpToDate(url, schema);
    const { login, database, isOwner, app } = await standingOf(url);
    if (used.includes('store') && isOwner) {
      log?.warn(
        `${login} owns the tables of the log in ${database}: this process could change events that were stored. ` +
          'Run `yad migrate --login NAME` as the owner, and give the apps that login (docs/guides/database.md)',
      );
    }
    if (app !== undefined && used.includes('readModels')) opened.readModels = workingAs(url, app);
  }
  return opened;
}
