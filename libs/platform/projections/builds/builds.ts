import { PARTITIONER } from '#platform/event-bus/event-bus.js';
import { inTransaction, type Pool, type PoolClient } from '#platform/postgres/pool.js';
import { inShortTries, lockTimeout, TRY_MS } from './lock-waits.js';
import {
  commentsSql,
  createIndexesSql,
  createKeySql,
  createTableSql,
  grantToReadersSql,
  quote,
  viewName,
} from '../tables/ddl.js';
import type { TableShape } from '../tables/table-shape.js';
import type { Model } from '../running/build-writer.js';

/**
 * `outdated`: came before the previous one, and is dropped as soon as nobody reads it any more. `snapshot`: a part of a
 * snapshot, which shares its schema with the others, has a generation below 0, and is no operation's matter but theirs.
 */
export type BuildStatus = 'building' | 'live' | 'previous' | 'outdated' | 'scratch' | 'failed' | 'dropped' | 'snapshot';

/** One build of a projection's tables: a generation in a schema of its own. */
export interface Build {
  readonly projection: string;
  readonly generation: number;
  readonly version: number;
  readonly schema: string;
  readonly status: BuildStatus;
  readonly note: string | null;
  readonly createdAt: Date;
}

const COLUMNS = `projection, generation, version, schema, status, note, created_at as "createdAt"`;

/** The builds of a projection that have tables, newest first; without the parts of snapshots. */
export async function buildsOf(database: Pool | PoolClient, projection: string): Promise<Build[]> {
  const { rows } = await database.query<Build>(
    `select ${COLUMNS} from projections.builds where projection = $1 and status not in ('dropped', 'snapshot') order by generation desc`,
    [projection],
  );
  return rows;
}

export const withStatus = (builds: readonly Build[], status: BuildStatus): Build | undefined =>
  builds.find((build) => build.status === status);

/** The build that the public views show, if there is one. */
export const liveBuild = async (database: Pool | PoolClient, projection: string): Promise<Build | undefined> =>
  withStatus(await buildsOf(database, projection), 'live');

/**
 * Makes a build: schema, tables, checkpoints at 0. Secondary indexes come when it is filled; so do the keys of
 * append-only tables, as sorting them once costs a fraction of finding each one's place.
 */
export async function createBuild(
  client: PoolClient,
  { projection, shapes }: Model,
  partitions: number,
  { status, schema, note }: { status: BuildStatus; schema?: string; note?: string },
): Promise<Build> {
  await lockBuilds(client, projection.name);
  const { rows } = await client.query<{ next: number }>(
    `select greatest(max(generation), 0) + 1 as next from projections.builds where projection = $1`,
    [projection.name],
  );
  const generation = rows[0]!.next;
  const name = schema ?? `rm_${projection.name.replaceAll('-', '_')}_g${generation}`;
  await client.query(`create schema ${quote(name)}`);
  for (const shape of shapes) {
    await client.query(createTableSql(shape, name, status === 'live' || !shape.appendOnly));
    await client.query(commentsSql(shape, name));
  }
  const inserted = await client.query<Build>(
    `insert into projections.builds (projection, generation, version, schema, status, note) values ($1, $2, $3, $4, $5, $6) returning ${COLUMNS}`,
    [projection.name, generation, projection.version, name, status, note ?? null],
  );
  await client.query(
    `insert into projections.checkpoints (projection, generation, partition, position, epoch)
     select $1, $2, p, 0, 0 from generate_series(0, $3::int - 1) as p`,
    [projection.name, generation, partitions],
  );
  return inserted.rows[0]!;
}

/** Serialises operations on one projection's builds until the transaction ends. */
export async function lockBuilds(client: PoolClient, projection: string): Promise<void> {
  await client.query(`select pg_advisory_xact_lock(hashtextextended('yad projection ' || $1, 0))`, [projection]);
}

/** Makes the keys and secondary indexes that are not there yet. @throws the signal's reason, between two of them */
export async function createIndexes(
  pool: Pool,
  shapes: readonly TableShape[],
  schema: string,
  signal?: AbortSignal,
): Promise<void> {
  for (const shape of shapes) {
    const { rowCount } = await pool.query(
      `select from pg_constraint where conrelid = format('%I.%I', $1::text, $2::text)::regclass and contype = 'p'`,
      [schema, shape.name],
    );
    const statements = rowCount === 0 ? [createKeySql(shape, schema)] : [];
    statements.push(...createIndexesSql(shape, schema), `analyze ${quote(schema)}.${quote(shape.name)}`);
    for (const sql of statements) {
      signal?.throwIfAborted();
      await pool.query(sql);
    }
  }
}

/**
 * Points the public views at a build. Must run in a transaction.
 * @param withinMs how long all of the views together are waited for; 0: for ever
 */
export async function pointViews(
  client: PoolClient,
  shapes: readonly TableShape[],
  schema: string,
  withinMs = 0,
): Promise<void> {
  const until = Date.now() + withinMs;
  // Always in the same order, so that two swaps cannot lock each other out.
  for (const shape of shapes.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
    const { name } = shape;
    const view = viewName(name);
    const as = `as select * from ${quote(schema)}.${quote(name)}`;
    if (withinMs > 0) await lockTimeout(client, Math.max(1, until - Date.now()));
    await client.query('savepoint view');
    try {
      await client.query(`create or replace view ${view} ${as}`);
    } catch (error) {
      // 42P16: the columns changed; the view must go, which fails where a person's own view depends on it.
      if ((error as { code?: string }).code !== '42P16') throw error;
      await client.query('rollback to savepoint view');
      await dropView(client, view);
      await client.query(`create view ${view} ${as}`);
    }
    await client.query(copyCommentsSql(view, `${quote(schema)}.${quote(name)}`));
    await client.query(grantToReadersSql(shape));
    await client.query('release savepoint view');
  }
}

/** A view has the comments of the table that it shows, which may be of another version than this code. */
const copyCommentsSql = (view: string, table: string): string => `do $do$ declare c record; begin
  for c in select attname, col_description(attrelid, attnum) as words from pg_attribute
            where attrelid = '${table}'::regclass and attnum > 0 and not attisdropped loop
    execute format('comment on column ${view}.%I is %L', c.attname, c.words);
  end loop;
  execute format('comment on view ${view} is %L', obj_description('${table}'::regclass, 'pg_class'));
end $do$`;

async function dropView(client: PoolClient, view: string): Promise<void> {
  try {
    await client.query(`drop view ${view}`);
  } catch (error) {
    const { code, detail } = error as { code?: string; detail?: string };
    if (code !== '2BP01') throw error;
    throw new Error(
      `${view} has other columns now, and something else in the database depends on it: ${detail}. Drop that first`,
      { cause: error },
    );
  }
}

/** Raises the epoch of a build: writers wait for this transaction, then find their compare-and-set failing. */
export async function raiseEpoch(
  client: PoolClient,
  { projection, generation }: Pick<Build, 'projection' | 'generation'>,
): Promise<void> {
  await client.query(`update projections.checkpoints set epoch = epoch + 1 where projection = $1 and generation = $2`, [
    projection,
    generation,
  ]);
}

export const setStatus = (client: Pool | PoolClient, build: Build, status: BuildStatus): Promise<unknown> =>
  client.query(
    `update projections.builds set status = $3, live_at = case when $3 = 'live' then now() else live_at end
      where projection = $1 and generation = $2`,
    [build.projection, build.generation, status],
  );

/**
 * Removes a build's tables, checkpoints and dead letters; its line in the history stays.
 * @throws Error when it is live, or somebody goes on reading its tables
 */
export async function dropBuild(pool: Pool, build: Build, timeoutMs = 2_000): Promise<void> {
  const drop = (): Promise<void> =>
    inTransaction(pool, async (client) => {
      await lockTimeout(client, TRY_MS);
      await lockBuilds(client, build.projection);
      const { rows } = await client.query<{ status: BuildStatus }>(
        `select status from projections.builds where projection = $1 and generation = $2 for update`,
        [build.projection, build.generation],
      );
      // Its schema's name may be another build's by now.
      if (rows[0]?.status === 'dropped') return;
      if (rows[0]?.status === 'live') throw new Error(`generation ${build.generation} of ${build.projection} is live`);
      await client.query(`drop schema if exists ${quote(build.schema)} cascade`);
      for (const table of ['checkpoints', 'dead_letters', 'unknown_events', 'paused_partitions']) {
        await client.query(`delete from projections.${table} where projection = $1 and generation = $2`, [
          build.projection,
          build.generation,
        ]);
      }
      await setStatus(client, build, 'dropped');
    });
  await inShortTries(`dropping generation ${build.generation} of ${build.projection}`, drop, { timeoutMs });
}

/** The live build of a projection; made, empty, where there is none. */
export async function ensureLive(pool: Pool, model: Model, partitions: number): Promise<Build> {
  return inTransaction(pool, async (client) => {
    await lockBuilds(client, model.projection.name);
    const live = await liveBuild(client, model.projection.name);
    if (live) return live;
    const build = await createBuild(client, model, partitions, { status: 'live' });
    for (const shape of model.shapes) for (const sql of createIndexesSql(shape, build.schema)) await client.query(sql);
    await pointViews(client, model.shapes, build.schema);
    return build;
  });
}

/**
 * Records the first time how the bus divides the log, and refuses another way later.
 * @throws Error where checkpoints were made by another number of partitions, or another partitioner
 */
export async function fixPartitions(pool: Pool, partitions: number): Promise<void> {
  await pool.query(
    `insert into projections.settings (partitions, partitioner) values ($1, $2) on conflict do nothing`,
    [partitions, PARTITIONER],
  );
  const { rows } = await pool.query<{ partitions: number; partitioner: string | null }>(
    `select partitions, partitioner from projections.settings`,
  );
  const known = rows[0]!;
  if (known.partitioner !== PARTITIONER) {
    throw new Error(
      `the read models were built with partitions by ${known.partitioner ?? 'an older version of Yad'}, and they are told ` +
        `by ${PARTITIONER} now: checkpoints are by partition; give them an empty database (READ_MODELS_URL), which fills from the log`,
    );
  }
  if (known.partitions !== partitions) {
    throw new Error(
      `the bus has ${partitions} partitions, but the read models were built with ${known.partitions}: checkpoints are by partition; give the bus ${known.partitions}`,
    );
  }
}
