import { DataSource } from 'typeorm';
import { BeingBuilt, TookTooLong } from '#platform/kernel/errors.js';
import { createPool, driverOf, type Pool } from '#platform/postgres/pool.js';
import type { Limits } from '#platform/postgres/roles.js';
import { keepsHistory, type Projection } from '../definition/projection.js';
import { HEAVY_AT_ONCE } from './query-budget.js';
import { personalOf } from '../definition/personal.js';
import type { QuerySource, ReadModels } from '../definition/query.js';
import { viewName } from '../tables/ddl.js';
import { PreparedNames } from './prepared-names.js';
import { Invalidated, OpeningFailed, Snapshot, type Opening } from './snapshot.js';
import { entityOf } from '../tables/entity.js';

const DATE = 1082;
const TEXT = 25;
/** A query is asked so often where swaps come between: one that is read meanwhile needs a second. */
const MOST_TRIES = 5;
/** Stopped by the statement timeout, or by an operator. */
export const STOPPED = '57014';
/** No such table; no such column. */
const UNKNOWN = new Set(['42P01', '42703']);
export const isUnknown = (error: unknown): boolean => UNKNOWN.has((error as { code?: string } | null)?.code ?? '');

/** The read models for queries: TypeORM on the live builds' views. */
export interface TypeOrmReadModels extends QuerySource {
  readonly dataSource: DataSource;
  /** One statement by itself. */
  readonly rows: ReadModels['rows'];
  /** The connections of heavy queries, for those about the past. */
  readonly heavy: Pool;
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
  const names = { light: new PreparedNames(), heavy: new PreparedNames() };
  const states = statesOf();
  const inSnapshot: QuerySource['inSnapshot'] = async (read, isHeavy, work, subjects) => {
    let opening = openingOf(read);
    for (let tries = 1; ; tries++) {
      const snapshot = isHeavy ? new Snapshot(heavy, names.heavy, opening) : new Snapshot(master, names.light, opening);
      try {
        const rows = { rows: snapshot.rows, states };
        const answer = await work(rows);
        const { parked, ...stand } = await snapshot.stand();
        const withParked = read.filter(({ name }) => parked.includes(name));
        const isIncomplete = parked.length > 0 && (await concernsParked(rows, withParked, subjects?.(rows)));
        snapshot.end();
        return { answer, ...stand, isIncomplete };
      } catch (error) {
        // Before anything else is asked, which may need the connection.
        snapshot.end();
        const cause = error instanceof OpeningFailed ? error.cause : error;
        if (tries >= MOST_TRIES) throw await explained(cause);
        // A view that comes with a newer version is not there while that is built; the query may do without it.
        if (error instanceof OpeningFailed && isUnknown(cause)) opening = await openingOfThose(master, opening);
        else if (!(error instanceof Invalidated)) throw await explained(cause);
      }
    }
  };
  return {
    dataSource,
    inSnapshot,
    heavy,
    rows: async (text, parameters = []) =>
      (await inSnapshot([], false, (read) => read.rows<any>(text, parameters))).answer,
    close: async () => {
      await Promise.all([dataSource.destroy(), heavy.end()]);
    },
  };
}

/**
 * Whether events about any of these subjects are set aside in one of the projections; of anybody where none are named, and
 * where they may tell that others belong to these.
 */
async function concernsParked(
  read: ReadModels,
  projections: readonly Projection[],
  subjects: Promise<readonly string[]> | undefined,
): Promise<boolean> {
  if (!subjects || projections.some(keepsHistory)) return true;
  const [found] = await read.rows<{ parked: boolean }>(
    `select exists (select from projections.dead_letters d join projections.builds b using (projection, generation)
       where b.status = 'live' and d.projection = any($1::text[]) and d.subject = any($2::text[])) as parked`,
    [projections.map(({ name }) => name), await subjects],
  );
  return found!.parked;
}

const lockOf = (views: readonly string[]): string | undefined =>
  views.length === 0 ? undefined : `lock table ${views.join(', ')} in access share mode`;

/** The same for the views that are there now. */
async function openingOfThose(pool: Pool, { projections, views }: Opening & { views: readonly string[] }) {
  const { rows } = await pool.query<{ view: string }>(
    'select view from unnest($1::text[]) view where to_regclass(view) is not null',
    [views],
  );
  const there = rows.map(({ view }) => view);
  return { projections, views: there, lock: lockOf(there) };
}

/** What a query's snapshot begins with: made once for each list of projections. */
const openings = new WeakMap<readonly Projection[], Opening & { views: readonly string[] }>();
function openingOf(projections: readonly Projection[]): Opening & { views: readonly string[] } {
  let found = openings.get(projections);
  if (!found) {
    const views = projections.flatMap(({ tables }) => tables.map(({ name }) => viewName(name)));
    found = {
      projections: projections.map(({ name }) => name),
      views,
      lock: lockOf(views),
    };
    openings.set(projections, found);
  }
  return found;
}

/** No event has a position beyond. */
const NOWHERE = '9223372036854775807';

/**
 * The checkpoints of the live builds, which move in the transactions that change rows; their epochs are raised by what
 * changes rows beside the checkpoints (events that are retried). A partition whose checkpoint stands has changed
 * nothing, and one whose checkpoint has moved has changed rows by events beyond where it stood.
 */
const statesOf = (): ReadModels['states'] => (projections) => {
  const names = projections.map(({ name }) => `'${name}'`).join(', ');
  const checkpoints = `select concat_ws(':', projection, generation, partition, epoch) as key, position
      from projections.checkpoints join projections.builds using (projection, generation)
     where status = 'live' and projection in (${names})`;
  return {
    now: `(select coalesce(jsonb_object_agg(key, position::text), '{}')::text from (${checkpoints}) c)`,
    changedAfter: (earlier) => `(
      select case when count(*) filter (where c.key is null or e.key is null or e.value::bigint > c.position) > 0 then -1
             else coalesce(min(e.value::bigint) filter (where e.value::bigint <> c.position), ${NOWHERE}) end
        from (${checkpoints}) c full join jsonb_each_text(${earlier}::jsonb) e on e.key = c.key)`,
  };
};

/** Of an unknown table or column: that it comes with a version which is not live yet, where that is so. */
async function beingBuilt(
  pool: Pool,
  projections: readonly Projection[],
  error: unknown,
): Promise<BeingBuilt | undefined> {
  if (!isUnknown(error)) return undefined;
  const { rows } = await pool
    .query<{ projection: string; version: number }>(
      `select projection, version from projections.builds where status = 'live'`,
    )
    .catch(() => ({ rows: [] }));
  const live = new Map(rows.map(({ projection, version }) => [projection, version]));
  const behind = projections.filter(({ name, version }) => (live.get(name) ?? version) < version);
  return behind.length > 0 ? new BeingBuilt(behind.map(({ name }) => name)) : undefined;
}
