import { inTransaction, type Pool } from '#platform/postgres/pool.js';
import { buildsOf, createBuild, createIndexes, dropBuild, liveBuild, withStatus, type Build } from './builds.js';
import { max, type Log } from './catch-up.js';
import { compareBuilds, type Comparison } from './compare.js';
import type { DecodedEvents } from './decoded-events.js';
import { fill, type FillOptions } from './fill.js';
import { swap, toHead, vectorOf } from './swap.js';
import { BuildWriter, type Model } from './writer.js';

export interface Workshop {
  /** Needs at least four connections. */
  readonly pool: Pool;
  readonly log: Log;
  readonly decoded: DecodedEvents;
}

export interface RebuildOptions extends FillOptions {
  /** `never` leaves the new build aside, `if-equal` swaps when it equals the live one, `always` (default) swaps. */
  readonly swap?: 'always' | 'if-equal' | 'never';
  /** Compare with the live build at the same position. Default true; not possible across versions. */
  readonly compare?: boolean;
  /** Rows held in memory, by projection. */
  readonly capacity?: number;
}

export interface RebuildResult {
  readonly projection: string;
  readonly generation: number;
  /** Left: the live build; right: the new one. Null when they were not compared. */
  readonly comparison: Comparison | null;
  readonly swapped: boolean;
}

interface Site {
  readonly model: Model;
  readonly build: Build;
  readonly live: Build | undefined;
  readonly writer: BuildWriter;
}

/**
 * Builds new generations beside the live ones, from one pass over the log, and swaps them in. Readers notice
 * nothing. Stopped by the signal, the next call goes on where it was.
 * @throws Error when a rebuild of one of them is under way in another process
 */
export async function rebuild(
  shop: Workshop,
  models: readonly Model[],
  options: RebuildOptions = {},
): Promise<RebuildResult[]> {
  return exclusively(shop.pool, models, async () => {
    const sites: Site[] = [];
    for (const model of models) sites.push(await openSite(shop, model, options.capacity));
    const head = (await shop.log.store.head()).position;
    const targets = await Promise.all(
      sites.map(async ({ writer, live }) => ({ writer, targets: await targetOf(shop, writer, live, head) })),
    );
    await fill(shop.log, targets, options);
    const results: RebuildResult[] = [];
    for (const site of sites) results.push(await finish(shop, site, options));
    return results;
  });
}

/** Where the live build stands, so that both can be compared there; the head where they cannot. */
async function targetOf(
  { pool }: Workshop,
  writer: BuildWriter,
  live: Build | undefined,
  head: bigint,
): Promise<Map<number, bigint>> {
  if (live?.version === writer.model.projection.version) return vectorOf(pool, live);
  return new Map([...writer.checkpoints.keys()].map((partition) => [partition, head]));
}

async function openSite(shop: Workshop, model: Model, capacity?: number): Promise<Site> {
  const { pool, log } = shop;
  const { name, version } = model.projection;
  const builds = await buildsOf(pool, name);
  let build: Build | undefined;
  for (const candidate of builds) {
    if (candidate.status !== 'building') continue;
    if (candidate.version === version && !build) build = candidate;
    else await dropBuild(pool, candidate);
  }
  build ??= await inTransaction(pool, (client) => createBuild(client, model, log.partitions, { status: 'building' }));
  const writer = new BuildWriter(pool, model, shop.decoded, { capacity, bulk: true });
  await writer.load(build.generation);
  return { model, build, live: withStatus(builds, 'live'), writer };
}

async function finish(
  shop: Workshop,
  { model, build, live, writer }: Site,
  options: RebuildOptions,
): Promise<RebuildResult> {
  const { pool, log } = shop;
  await createIndexes(pool, model.shapes, build.schema);
  const comparable = live !== undefined && live.version === model.projection.version && options.compare !== false;
  const comparison = comparable ? await compareAtLive(shop, writer, live) : null;
  const how = options.swap ?? 'always';
  const swapped = how === 'always' || (how === 'if-equal' && comparison?.equal === true);
  if (swapped) await swap(pool, log, writer, build);
  return { projection: model.projection.name, generation: build.generation, comparison, swapped };
}

/**
 * Brings a build to exactly where the live one is in one snapshot, partition by partition, and compares it with
 * the live rows of that snapshot. Live writers are not held up. Left: live.
 */
async function compareAtLive({ pool, log }: Workshop, writer: BuildWriter, live: Build): Promise<Comparison> {
  const client = await pool.connect();
  try {
    await client.query('begin isolation level repeatable read read only');
    const targets = await vectorOf(client, live);
    await fill(log, [{ writer, targets }]);
    const { shapes } = writer.model;
    return await compareBuilds(
      shapes,
      { database: client, schema: live.schema },
      { database: pool, schema: writer.schema },
    );
  } finally {
    await client.query('rollback').catch(() => {});
    client.release();
  }
}

/**
 * `replay --verify`: builds a projection afresh up to where the live build is, compares byte for byte, and drops
 * the copy. Left: live; right: from the log.
 */
export async function verify(shop: Workshop, model: Model, options: FillOptions = {}): Promise<Comparison> {
  const { pool, log } = shop;
  const live = await liveBuild(pool, model.projection.name);
  if (!live) throw new Error(`${model.projection.name} has no live build to verify`);
  if (live.version !== model.projection.version) {
    throw new Error(
      `${model.projection.name} is live in version ${live.version}; this code makes version ${model.projection.version}`,
    );
  }
  const build = await inTransaction(pool, (client) =>
    createBuild(client, model, log.partitions, { status: 'scratch', note: 'verify' }),
  );
  try {
    const writer = new BuildWriter(pool, model, shop.decoded, { bulk: true });
    await writer.load(build.generation);
    await fill(log, [{ writer, targets: await vectorOf(pool, live) }], options);
    return await compareAtLive(shop, writer, live);
  } finally {
    await dropBuild(pool, build);
  }
}

/**
 * Builds a projection as of a past position into a schema of that name, to be read by SQL and dropped later.
 * @throws Error when the schema exists, or the log does not reach the position
 */
export async function buildAsOf(
  shop: Workshop,
  model: Model,
  position: bigint,
  schema: string,
  options: FillOptions = {},
): Promise<Build> {
  if (!/^[a-z][a-z0-9_]{0,50}$/.test(schema)) {
    throw new Error(`'${schema}' is not a name for a scratch schema: lower-case letters, digits and _, at most 51`);
  }
  const { pool, log } = shop;
  const head = (await log.store.head()).position;
  if (position > head) throw new Error(`the log ends at ${head}, before ${position}`);
  const build = await inTransaction(pool, (client) =>
    createBuild(client, model, log.partitions, { status: 'scratch', schema, note: `as of ${position}` }),
  );
  try {
    const writer = new BuildWriter(pool, model, shop.decoded, { bulk: true });
    await writer.load(build.generation);
    const targets = new Map([...writer.checkpoints.keys()].map((partition) => [partition, position]));
    await fill(log, [{ writer, targets }], options);
    await createIndexes(pool, model.shapes, build.schema);
    return build;
  } catch (error) {
    await dropBuild(pool, build);
    throw error;
  }
}

/** Makes the kept build live again, after it has caught up with the log. */
export async function swapBack(shop: Workshop, model: Model): Promise<Build> {
  const { name, version } = model.projection;
  return exclusively(shop.pool, [model], async () => {
    const previous = withStatus(await buildsOf(shop.pool, name), 'previous');
    if (!previous) throw new Error(`${name} has no previous build to swap back to`);
    if (previous.version !== version) {
      throw new Error(
        `the previous build of ${name} is of version ${previous.version}; run the code of that version to swap back`,
      );
    }
    const writer = new BuildWriter(shop.pool, model, shop.decoded);
    await writer.load(previous.generation);
    const { position } = await shop.log.store.head();
    if (position > max(writer.checkpoints.values())) await toHead(shop.log, writer);
    await swap(shop.pool, shop.log, writer, previous);
    return previous;
  });
}

/** Runs work that no other process does for these projections at the same time. */
async function exclusively<T>(pool: Pool, models: readonly Model[], work: () => Promise<T>): Promise<T> {
  const client = await pool.connect();
  const held: string[] = [];
  try {
    for (const { projection } of models) {
      const { rows } = await client.query<{ ok: boolean }>(
        `select pg_try_advisory_lock(hashtextextended('yad rebuild ' || $1, 0)) as ok`,
        [projection.name],
      );
      if (!rows[0]!.ok) throw new Error(`${projection.name} is being rebuilt by another process`);
      held.push(projection.name);
    }
    return await work();
  } finally {
    let broken: Error | undefined;
    for (const name of held) {
      await client
        .query(`select pg_advisory_unlock(hashtextextended('yad rebuild ' || $1, 0))`, [name])
        .catch((error: Error) => (broken = error));
    }
    client.release(broken);
  }
}
