import { DataSource } from 'typeorm';
import { BeingBuilt, TookTooLong } from '#platform/kernel/errors.js';
import { createPool, driverOf, isConnectionError, type Pool, type QueryResult } from '#platform/postgres/pool.js';
import type { Limits } from '#platform/postgres/roles.js';
import type { Projection } from '../definition/projection.js';
import { HEAVY_AT_ONCE } from './query-budget.js';
import { personalOf } from '../definition/personal.js';
import type { ReadModels, States } from '../definition/query.js';
import { entityOf } from '../tables/entity.js';

const DATE = 1082;
const TEXT = 25;
/** Statements that a connection keeps planned: each filter that is given or left out makes a text of its own. */
const MOST_PREPARED = 256;
/** The view under a prepared statement was swapped for one with other columns. */
const RESULT_CHANGED = '0A000';
/** Stopped by the statement timeout, or by an operator. */
const STOPPED = '57014';
/** No such table; no such column. */
const UNKNOWN = new Set(['42P01', '42703']);

/** The read models for queries: TypeORM on the live builds' views. */
export interface TypeOrmReadModels extends ReadModels {
  readonly dataSource: DataSource;
  close(): Promise<void>;
}

/** How long the database may work on one statement. */
export interface QueryLimits {
  readonly lightMs?: number;
  readonly heavyMs?: number;
}

/** The server's word comes first, then the end of the transaction, then the silence of a connection that is dead. */
const limitsOf = (statementMs: number): Partial<Limits> => ({
  statementMs,
  transactionMs: statementMs + 2_000,
  silenceMs: statementMs + 4_000,
});

/**
 * Connects to the views in the schema `analytics`. Heavy queries have connections of their own, as many as may run at
 * once, so that they can never take those of the light ones.
 * @param max connections for light queries
 */
export async function openReadModels(
  databaseUrl: string,
  projections: readonly Projection[],
  max = 8,
  { lightMs = 10_000, heavyMs = 30_000 }: QueryLimits = {},
): Promise<TypeOrmReadModels> {
  const parsers = (oid: number, format?: unknown): any => {
    // A date is a day, not an instant in some zone.
    if (oid === DATE) return (text: string) => text;
    if (oid === TEXT) return personalOf;
    return (dataSource.driver as any).postgres.types.getTypeParser(oid, format);
  };
  const open = (connections: number, statementMs: number, applicationName: string): Pool =>
    createPool(databaseUrl, {
      role: 'query',
      max: connections,
      pipeline: true,
      applicationName,
      searchPath: 'analytics',
      types: { getTypeParser: parsers },
      limits: limitsOf(statementMs),
    });
  const master = open(max, lightMs, 'yad read models');
  const heavy = open(HEAVY_AT_ONCE, heavyMs, 'yad read models: heavy');
  const dataSource = new DataSource({
    type: 'postgres',
    url: databaseUrl,
    entities: projections.flatMap(({ tables }) => tables.map(entityOf)),
    synchronize: false,
    // The server going away is told by the next query, not by ending the process.
    poolErrorHandler: () => {},
    driver: driverOf(master),
  });
  try {
    await dataSource.initialize();
  } catch (error) {
    await Promise.all([master.end(), heavy.end()]);
    throw error;
  }
  const explained = async (error: unknown): Promise<unknown> => {
    if ((error as { code?: string }).code === STOPPED) return new TookTooLong();
    return (await beingBuilt(master, projections, error)) ?? error;
  };
  return {
    dataSource,
    rows: gathering(master, explained),
    heavy: { rows: gathering(heavy, explained), states },
    states,
    close: async () => {
      await Promise.all([dataSource.destroy(), heavy.end()]);
    },
  };
}

/** No event has a position beyond. */
const NOWHERE = '9223372036854775807';

/**
 * The checkpoints of the live builds, which move in the transactions that change rows; their epochs are raised by what
 * changes rows beside the checkpoints (events that are retried). A partition whose checkpoint stands has changed
 * nothing, and one whose checkpoint has moved has changed rows by events beyond where it stood.
 */
function states(projections: readonly Projection[]): States {
  const names = projections.map(({ name }) => `'${name}'`).join(', ');
  const checkpoints = `select concat_ws(':', projection, generation, partition, epoch) as key, position
      from projections.checkpoints join projections.builds using (projection, generation)
     where status = 'live' and projection in (${names})`;
  return {
    now: `(select coalesce(jsonb_object_agg(key, position::text), '{}')::text from (${checkpoints}) c)`,
    changedAfter: (earlier) => `(
      select case when count(*) filter (where c.key is null or e.key is null) > 0 then -1
             else coalesce(min(e.value::bigint) filter (where e.value::bigint <> c.position), ${NOWHERE}) end
        from (${checkpoints}) c full join jsonb_each_text(${earlier}::jsonb) e on e.key = c.key)`,
  };
}

/** Of an unknown table or column: that it comes with a version which is not live yet, where that is so. */
async function beingBuilt(
  pool: Pool,
  projections: readonly Projection[],
  error: unknown,
): Promise<BeingBuilt | undefined> {
  if (!UNKNOWN.has((error as { code?: string }).code ?? '')) return undefined;
  const { rows } = await pool
    .query<{ projection: string; version: number }>(
      `select projection, version from projections.builds where status = 'live'`,
    )
    .catch(() => ({ rows: [] }));
  const live = new Map(rows.map(({ projection, version }) => [projection, version]));
  const behind = projections.filter(({ name, version }) => (live.get(name) ?? version) < version);
  return behind.length > 0 ? new BeingBuilt(behind.map(({ name }) => name)) : undefined;
}

interface Asked {
  readonly text: string;
  readonly values: unknown[];
  readonly resolve: (rows: any[]) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * What is asked in one turn goes down one connection, one after the other without waiting, as prepared statements:
 * TypeORM's `query` has the server parse and plan each text anew, and takes a connection and a packet for each.
 */
function gathering(pool: Pool, explained: (error: unknown) => Promise<unknown>): ReadModels['rows'] {
  const names = new Map<string, string>();
  let named = 0;
  const nameOf = (text: string): string | undefined => {
    const known = names.get(text);
    if (known || names.size >= MOST_PREPARED) return known;
    const name = `read-${named++}`;
    names.set(text, name);
    return name;
  };
  const send = async (asked: readonly Asked[]): Promise<void> => {
    let broken = false;
    try {
      const client = await pool.connect();
      const query = ({ text, values }: Asked): Promise<QueryResult<any>> =>
        client.query<any>({ name: nameOf(text), text, values });
      const answer = async (each: Asked, sent: Promise<QueryResult<any>>): Promise<void> => {
        try {
          each.resolve((await sent).rows);
        } catch (error) {
          broken ||= isConnectionError(error);
          if ((error as { code?: string }).code !== RESULT_CHANGED) return void explained(error).then(each.reject);
          // Under a new name it is prepared anew, on this connection and all others.
          names.delete(each.text);
          await query(each).then(({ rows }) => each.resolve(rows), each.reject);
        }
      };
      const { stream } = (client as any).connection;
      stream.cork();
      const sent = asked.map(query);
      stream.uncork();
      await Promise.all(asked.map((each, at) => answer(each, sent[at]!)));
      client.release(broken);
    } catch (error) {
      for (const { reject } of asked) reject(error);
    }
  };
  let gathered: Asked[] = [];
  return (text, parameters = []) =>
    new Promise((resolve, reject) => {
      if (gathered.push({ text, values: [...parameters], resolve, reject }) > 1) return;
      queueMicrotask(() => {
        const asked = gathered;
        gathered = [];
        void send(asked);
      });
    });
}
