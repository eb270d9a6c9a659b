import { randomBytes } from 'node:crypto';
import { createPool } from '#platform/postgres/pool.js';
import type { Projection } from '#platform/projections/definition/projection.js';
import { migrateDatabases } from '#platform/runtime/databases.js';
import { createTestDatabase } from './postgres.js';

/** A database that its owner has migrated, and a login of apps for it. */
export interface MigratedDatabase {
  /** As the owner: for specs that do what no app may. */
  readonly ownerUrl: string;
  /** As the apps. */
  readonly appUrl: string;
  readonly prefix: string;
  /** The same database by another name. */
  as(name: string): string;
  drop(): Promise<void>;
}

/** A password that is nobody's: logins of specs live as long as their database. */
export const SPEC_PASSWORD = 'of-a-login-of-specs';

/**
 * Makes a database, migrates it and makes a login for it, which goes with it.
 * @param prefix of the roles, which belong to the server and stay; `yad` is shared with other specs
 */
export async function migratedDatabase(
  projections: readonly Projection[] = [],
  prefix = 'yad',
): Promise<MigratedDatabase> {
  const { url: ownerUrl, drop } = await createTestDatabase();
  const name = `spec_${randomBytes(6).toString('hex')}`;
  const databases = { store: ownerUrl, readModels: ownerUrl, keys: ownerUrl };
  const login = { name, password: SPEC_PASSWORD };
  for await (const { roles } of migrateDatabases({ databases, projections, prefix, login })) {
    if (!roles.roles) throw new Error(`the test server's login may not make roles: ${roles.lacking.join('; ')}`);
  }
  const as = (user: string): string => {
    const url = new URL(ownerUrl);
    url.username = user;
    url.password = SPEC_PASSWORD;
    return url.href;
  };
  return {
    ownerUrl,
    appUrl: as(name),
    prefix,
    as,
    drop: async () => {
      await drop();
      const server = new URL(ownerUrl);
      server.pathname = '/postgres';
      const pool = createPool(server.href, { role: 'admin', max: 1 });
      await pool.query(`drop role ${name}`).finally(() => pool.end());
    },
  };
}
