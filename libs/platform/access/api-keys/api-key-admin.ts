import { ROLES, type Role } from '#platform/kernel/command.js';
import { bringUpToDate } from '#platform/postgres/migrations.js';
import { createPool, inTransaction, type Pool, type PoolClient } from '#platform/postgres/pool.js';
import { API_KEY_ID, keyNameIssue, newApiKey } from '../api-key.js';
import { MOST_KEYS } from '../api-keys.js';
import { apiKeySchema } from './api-keys.migrations.js';

export interface KeyWanted {
  readonly name: string;
  /** One at least. */
  readonly roles: readonly Role[];
  readonly expiresAt?: Date;
  /** What for it may see personal values at any time. */
  readonly personalDataFor?: string;
  /** The name was used before, and this is the same holder. */
  readonly sameHolder?: boolean;
}

/** A key that was just made: the one time that it is known. */
export interface NewKey {
  readonly id: string;
  readonly name: string;
  readonly key: string;
  readonly expiresAt?: Date;
}

export type KeyState = 'live' | 'expired' | 'revoked';

/** A key as it is shown: without its secret, which nobody has. */
export interface ListedKey {
  readonly id: string;
  readonly name: string;
  readonly roles: readonly Role[];
  readonly personalDataFor?: string;
  readonly madeAt: Date;
  readonly expiresAt?: Date;
  /** Ahead where it goes on for a while after a rotation. */
  readonly revokedAt?: Date;
  /** To some minutes. */
  readonly lastUsedAt?: Date;
  readonly state: KeyState;
}

/** One who makes and ends keys at a time: each looks first at what there is. */
const LOCK = `select version from access.api_key_version for update`;

/** What an operator does with keys, who is whoever can write to their database. All by the database's clock. */
export class ApiKeyAdmin {
  private constructor(private readonly pool: Pool) {}

  /** Connects; makes the tables where they are not there yet and this login may. @throws NotMigrated */
  static async connect(url: string): Promise<ApiKeyAdmin> {
    await bringUpToDate(url, apiKeySchema);
    return new ApiKeyAdmin(createPool(url, { max: 1, role: 'admin', applicationName: 'yad keys' }));
  }

  close(): Promise<void> {
    return this.pool.end();
  }

  /** @throws Error when the name is none, is another's, or the end does not lie ahead */
  async create({ name, roles, expiresAt, personalDataFor, sameHolder }: KeyWanted): Promise<NewKey> {
    const issue = keyNameIssue(name);
    if (issue !== undefined) throw new Error(issue);
    if (roles.length === 0) throw new Error(`a key needs a role: ${ROLES.join(', ')}`);
    return this.locked(async (client) => {
      const before = await ofHolder(client, name);
      if (before.some(({ state }) => state === 'live')) {
        throw new Error(`there is a key of this name: yad keys rotate ${name} gives it a new secret`);
      }
      if (before.length > 0 && !sameHolder) {
        const who = `the events of '${name}' are those of whoever held it`;
        throw new Error(
          `the name was used before, and ${who}: take another, or say --same-holder where it is the same`,
        );
      }
      await client.query(
        `insert into access.api_key_holders (name, roles, personal_data_for) values ($1, $2, $3)
         on conflict (name) do update set roles = excluded.roles, personal_data_for = excluded.personal_data_for`,
        [name, ROLES.filter((role) => roles.includes(role)), personalDataFor],
      );
      return add(client, name, expiresAt);
    });
  }

  /**
   * Gives a holder another key, of the same roles. Those before it go on for a while, or end now.
   * @param keepOldMs how long they go on, in milliseconds
   * @throws Error when there is no such holder, or the end does not lie ahead
   */
  rotate(name: string, { keepOldMs, expiresAt }: { keepOldMs: number; expiresAt?: Date }): Promise<NewKey> {
    return this.locked(async (client) => {
      const before = await ofHolder(client, name);
      if (before.length === 0) throw new Error(`there is no key of the name '${name}': yad keys list`);
      if (!before.some(({ state }) => state === 'live')) {
        throw new Error(`no key of '${name}' is live: yad keys create --name ${name} --same-holder makes another`);
      }
      await client.query(
        `update access.api_keys
            set revoked_at = least(revoked_at, clock_timestamp() + $2::double precision * interval '1 millisecond')
          where holder = $1 and least(revoked_at, expires_at, 'infinity') > clock_timestamp()`,
        [name, keepOldMs],
      );
      return add(client, name, expiresAt);
    });
  }

  /**
   * Ends a key, named by its id, or all of a holder, by its name.
   * @returns those that it ended
   * @throws Error when there is no such key
   */
  revoke(nameOrId: string): Promise<readonly ListedKey[]> {
    return this.locked(async (client) => {
      const named = await ofHolder(client, nameOrId);
      const found = named.length > 0 || !API_KEY_ID.test(nameOrId) ? named : await select(client, 'id', nameOrId);
      if (found.length === 0) throw new Error(`there is no key of the name or id '${nameOrId}': yad keys list`);
      const live = found.filter(({ state }) => state === 'live');
      const ids = live.map(({ id }) => id);
      await client.query(`update access.api_keys set revoked_at = clock_timestamp() where id = any($1)`, [ids]);
      return live;
    });
  }

  /** All keys by name, the newest of each first; those that are of no use too. */
  async list(): Promise<readonly ListedKey[]> {
    return select(this.pool);
  }

  private locked<T>(work: (client: PoolClient) => Promise<T>): Promise<T> {
    return inTransaction(this.pool, async (client) => {
      await client.query(LOCK);
      return work(client);
    });
  }
}

async function add(client: PoolClient, name: string, expiresAt: Date | undefined): Promise<NewKey> {
  const { rows } = await client.query<{ live: number; ahead: boolean }>(
    `select count(*)::int as live, $1::timestamptz is null or $1 > clock_timestamp() as ahead
       from access.api_keys where least(revoked_at, expires_at, 'infinity') > clock_timestamp()`,
    [expiresAt],
  );
  const { live, ahead } = rows[0]!;
  if (!ahead) throw new Error(`the key would have expired at ${expiresAt!.toISOString()} already`);
  if (live >= MOST_KEYS) throw new Error(`there are ${live} live keys, which is the most: revoke some`);
  const { id, key, hash } = newApiKey();
  await client.query(
    `insert into access.api_keys (id, holder, hash, made_at, expires_at) values ($1, $2, $3, clock_timestamp(), $4)`,
    [id, name, hash, expiresAt],
  );
  return { id, name, key, expiresAt };
}

const ofHolder = (client: PoolClient, name: string): Promise<readonly ListedKey[]> => select(client, 'holder', name);

async function select(on: Pool | PoolClient, by?: 'id' | 'holder', value?: string): Promise<readonly ListedKey[]> {
  const { rows } = await on.query(
    `select id, name, roles, personal_data_for as "personalDataFor", api_keys.made_at as "madeAt",
            expires_at as "expiresAt", revoked_at as "revokedAt", last_used_at as "lastUsedAt",
            case when revoked_at <= clock_timestamp() then 'revoked'
                 when expires_at <= clock_timestamp() then 'expired' else 'live' end as state
       from access.api_keys join access.api_key_holders on name = holder
      ${by ? `where ${by} = $1` : ''} order by name, api_keys.made_at desc`,
    by ? [value] : [],
  );
  return rows.map((row) => Object.fromEntries(Object.entries(row).filter(([, of]) => of !== null))) as any;
}
