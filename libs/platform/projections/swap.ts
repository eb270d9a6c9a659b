import { inTransaction, type Pool, type PoolClient } from '#platform/postgres/pool.js';
import {
  buildsOf,
  dropBuild,
  lockBuilds,
  pointViews,
  raiseEpoch,
  setStatus,
  withStatus,
  type Build,
} from './builds.js';
import { catchUp, max, type Log } from './catch-up.js';
import type { BuildWriter } from './writer.js';

/**
 * Makes a build live, in one transaction: status, views, epochs. Live writers wait meanwhile; before the views
 * move, the build is brought to where the live one is, so that no reader sees time go backwards.
 * The build that was live is kept as `previous`; one that was kept before is dropped.
 */
export async function swap(pool: Pool, log: Log, writer: BuildWriter, build: Build): Promise<void> {
  const { projection } = build;
  await toHead(log, writer);
  const outdated = await inTransaction(pool, async (client) => {
    await lockBuilds(client, projection);
    const builds = await buildsOf(client, projection);
    const live = withStatus(builds, 'live');
    if (live?.generation === build.generation) return undefined;
    // Locks the live checkpoints: its writers stand still until the end, then find their fence lost.
    if (live) await raiseEpoch(client, live);
    const reached = live ? await positions(client, live) : [];
    const head = (await log.store.head()).position;
    const target = max([head, ...reached]);
    await catchUp(writer, log, new Map([...writer.checkpoints.keys()].map((partition) => [partition, target])));
    await raiseEpoch(client, build);
    const previous = withStatus(builds, 'previous');
    if (live) await setStatus(client, live, 'previous');
    await setStatus(client, build, 'live');
    await pointViews(client, writer.model.shapes, build.schema);
    return previous && previous.generation !== build.generation ? previous : undefined;
  });
  if (outdated) await dropBuild(pool, outdated);
}

/** Reads the log to its head, until little is left to be done while writers stand still. */
export async function toHead(log: Log, writer: BuildWriter): Promise<void> {
  for (let left = 1_000n; left > 100n;) {
    const { position } = await log.store.head();
    const standing = [...writer.checkpoints.values()];
    await catchUp(writer, log, new Map([...writer.checkpoints.keys()].map((partition) => [partition, position])));
    left = position - max(standing);
  }
}

async function positions(client: PoolClient, build: Build): Promise<bigint[]> {
  const { rows } = await client.query<{ position: string }>(
    `select position::text from projections.checkpoints where projection = $1 and generation = $2`,
    [build.projection, build.generation],
  );
  return rows.map(({ position }) => BigInt(position));
}

/** A build's checkpoints by partition, as the connection sees them. */
export async function vectorOf(database: Pool | PoolClient, build: Build): Promise<Map<number, bigint>> {
  const { rows } = await database.query<{ partition: number; position: string }>(
    `select partition, position::text from projections.checkpoints where projection = $1 and generation = $2`,
    [build.projection, build.generation],
  );
  return new Map(rows.map(({ partition, position }) => [partition, BigInt(position)]));
}
