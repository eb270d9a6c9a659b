import { setTimeout as sleep } from 'node:timers/promises';
import type { StoredEvent } from '#platform/kernel/envelope.js';
import { inTransaction, type Pool } from '#platform/postgres/pool.js';
import { buildsOf, createBuild, createIndexes, dropBuild, liveBuild, withStatus, type Build } from './builds.js';
import { max, min, select, type Log } from './catch-up.js';
import { compareBuilds, compareParked, type Comparison } from './compare.js';
import type { DecodedEvents } from '../folding/decoded-events.js';
import { fill, type FillOptions } from './fill.js';
import { dropLeftOver, exclusively, FILLING, layoutOf, whileFilling } from './half-built.js';
import { heldOpen, type WaitOptions } from './lock-waits.js';
import { isWhole, LogCheck, legitimateHoles, type LogReport } from './log-check.js';
import { swap, dropOutdated, toHead, vectorOf } from './swap.js';
import { thisOperator, type SwapGrounds, type SwapKind } from './swap-records.js';
import { BuildWriter, type Model } from '../running/build-writer.js';

export interface ProjectionRuntime {
  /** Needs at least four connections. */
  readonly pool: Pool;
  readonly log: Log;
  readonly decoded: DecodedEvents;
}

export interface RebuildOptions extends FillOptions, WaitOptions {
  /**
   * `if-safe` (default) swaps in a build that equals the live one, one of a newer version, and the first one; `never`
   * leaves the new build aside.
   */
  readonly swap?: 'if-safe' | 'never';
  /** Swaps in what differs from the live build, too. The reason is kept in the record of swaps. */
  readonly acceptDifferences?: { readonly reason: string };
  /** Who asks for it, for the record; the user of this process unless told otherwise. */
  readonly by?: string;
  /** Compare with the live build at the same position. Default true; what was not compared is not swapped in. */
  readonly compare?: boolean;
  /** Rows held in memory, by projection. */
  readonly capacity?: number;
  /** Told what is being done now, in words. */
  readonly onStep?: (step: string) => void;
  /** Told when the part of the log that was read for it is not whole. */
  readonly onDamage?: (log: LogReport) => void;
  /** Told of each projection as soon as it is done. */
  readonly onResult?: (result: RebuildResult) => void;
}

export interface RebuildResult {
  readonly projection: string;
  readonly generation: number;
  /** Left: the live build; right: the new one. Null when they were not compared. */
  readonly comparison: Comparison | null;
  readonly swapped: boolean;
  /** On what grounds it was or could be swapped in; undefined when it differs from the live one, or may. */
  readonly grounds?: SwapKind;
}

/** How long a live build may lag behind one that is gone on with. */
const LAG_MS = 5_000;

interface RebuildTarget {
  readonly model: Model;
  readonly build: Build;
  readonly live: Build | undefined;
  readonly writer: BuildWriter;
}

/**
 * Builds new generations beside the live ones, from one pass over the log, and swaps them in. Readers notice
 * nothing. Stopped by the signal, the next call goes on where it was. What differs from the live build is left aside
 * unless `acceptDifferences` says why it is right.
 * @throws Error when a rebuild of one of them is under way in another process, or a live build is of a newer version
 */
export async function rebuild(
  runtime: ProjectionRuntime,
  models: readonly Model[],
  options: RebuildOptions = {},
): Promise<RebuildResult[]> {
  const { acceptDifferences, signal, onStep } = options;
  if (acceptDifferences && acceptDifferences.reason.trim() === '')
    throw new Error('accepted differences need a reason');
  return exclusively(runtime.pool, 'rebuild', models, async () => {
    const rebuildTargets: RebuildTarget[] = [];
    for (const model of models) await refuseOlder(runtime.pool, model, options);
    for (const model of models) rebuildTargets.push(await openTarget(runtime, model, options.capacity));
    const targets = await Promise.all(
      rebuildTargets.map(async ({ writer, live }) => ({
        writer,
        // Where the live one stands is of no use when it is not compared: it may hold what the log does not.
        targets: await targetOf(runtime, writer, options.compare === false ? undefined : live),
      })),
    );
    onStep?.('reading the log');
    // A new version's tables are not compared: what the log lacks would be missing in them without a word.
    let check: LogCheck | undefined;
    const onPage = (page: readonly StoredEvent[], began: bigint): void => {
      check ??= new LogCheck(legitimateHoles(runtime.log.store), began);
      check.take(page);
      options.onPage?.(page, began);
    };
    await fill(runtime.log, targets, { ...options, onPage });
    if (check && !isWhole(check.report)) options.onDamage?.(check.report);
    const results: RebuildResult[] = [];
    for (const rebuildTarget of rebuildTargets) {
      signal?.throwIfAborted();
      const result = await finish(runtime, rebuildTarget, options);
      results.push(result);
      options.onResult?.(result);
    }
    return results;
  });
}

/** Code of an older version would put tables live that the newer code cannot use. */
async function refuseOlder(pool: Pool, { projection }: Model, options: RebuildOptions): Promise<void> {
  const { name, version } = projection;
  const live = await liveBuild(pool, name);
  if (!live || live.version <= version || options.acceptDifferences || options.swap === 'never') return;
  throw new Error(
    `${name} is live in version ${live.version}, newer than version ${version} that this code makes: ` +
      `run the newer code, or swap back`,
  );
}

/** Where the live build stands, so that both can be compared there; the log's head where they cannot. */
async function targetOf(
  { pool, log }: ProjectionRuntime,
  writer: BuildWriter,
  live: Build | undefined,
): Promise<Map<number, bigint>> {
  const comparable = live?.version === writer.model.projection.version;
  const vector = comparable ? await vectorOf(pool, live) : undefined;
  const head = (await log.store.head()).position;
  if (!vector) return new Map([...writer.checkpoints.keys()].map((partition) => [partition, head]));
  return (await inTheLog(log, vector)).held;
}

/**
 * How far a build's checkpoints are in the log. One may be beyond the log's end (a log restored from an older backup),
 * or its event lost in a failover: no build can be brought there.
 */
async function inTheLog(
  { store }: Log,
  vector: ReadonlyMap<number, bigint>,
): Promise<{ held: Map<number, bigint>; lost?: { checkpoint: bigint; head: bigint } }> {
  // Read after the vector: what is above it now is not in the log.
  const { position: head } = await store.head();
  const held = new Map<number, bigint>();
  let lost: { checkpoint: bigint; head: bigint } | undefined;
  for (const [partition, position] of vector) {
    const through = store.identity.heldThrough(position);
    held.set(partition, through < head ? through : head);
    const furthest = lost?.checkpoint ?? 0n;
    if (held.get(partition) !== position && position > furthest) lost = { checkpoint: position, head };
  }
  return { held, lost };
}

async function openTarget(runtime: ProjectionRuntime, model: Model, capacity?: number): Promise<RebuildTarget> {
  const { pool, log } = runtime;
  const { name, version } = model.projection;
  const layout = layoutOf(model);
  await dropLeftOver(pool, name);
  await dropOutdated(pool, name);
  const builds = await buildsOf(pool, name);
  let writer: BuildWriter | undefined;
  let build: Build | undefined;
  for (const candidate of builds) {
    if (candidate.status !== 'building') continue;
    // One whose tables were laid out otherwise, or that holds what the log does not have, is of no use any more.
    if (candidate.version === version && candidate.note === layout && !build) {
      const of = new BuildWriter(pool, model, runtime.decoded, { capacity, bulk: true });
      await of.load(candidate.generation);
      const { lost } = await inTheLog(log, of.checkpoints);
      const usable = !lost && (await liveReaches(runtime, withStatus(builds, 'live'), of));
      if (usable) [writer, build] = [of, candidate];
    }
    if (build !== candidate) await dropBuild(pool, candidate);
  }
  build ??= await inTransaction(pool, (client) =>
    createBuild(client, model, log.partitions, { status: 'building', note: layout }),
  );
  if (!writer) {
    writer = new BuildWriter(pool, model, runtime.decoded, { capacity, bulk: true });
    await writer.load(build.generation);
  }
  return { model, build, live: withStatus(builds, 'live'), writer };
}

/**
 * Whether the live build comes to where a build stands that is gone on with: from there on the two can be compared.
 * One that was caught up for a swap may be ahead of a live build that lags; ahead of one that stands still it is of no
 * use.
 */
async function liveReaches(
  { pool, log }: ProjectionRuntime,
  live: Build | undefined,
  writer: BuildWriter,
): Promise<boolean> {
  if (live?.version !== writer.model.projection.version) return true;
  for (const until = Date.now() + LAG_MS; ; await sleep(250)) {
    if (!(await isMissing(log, await vectorOf(pool, live), writer.checkpoints))) return true;
    if (Date.now() > until) return false;
  }
}

/** Whether there is an event above the one vector and not above the other; a checkpoint alone may just be quiet. */
async function isMissing(
  { store, partitions }: Log,
  from: ReadonlyMap<number, bigint>,
  to: ReadonlyMap<number, bigint>,
): Promise<boolean> {
  const open = new Map([...to].filter(([partition, position]) => position > from.get(partition)!));
  const last = max(open.values());
  for (let after = min([...open.keys()].map((partition) => from.get(partition)!)); after < last;) {
    const page = await store.readAll({ after, through: last, limit: 1_000 });
    if (page.length === 0) return false;
    if (select(page, from, open, partitions).length > 0) return true;
    after = page.at(-1)!.position;
  }
  return false;
}

async function finish(
  runtime: ProjectionRuntime,
  { model, build, live, writer }: RebuildTarget,
  options: RebuildOptions,
): Promise<RebuildResult> {
  const { pool, log } = runtime;
  const { acceptDifferences, onStep, signal, by = thisOperator() } = options;
  const { name, version } = model.projection;
  onStep?.(`${name}: making indexes`);
  await createIndexes(pool, model.shapes, build.schema, signal);
  const comparable = live?.version === version && options.compare !== false;
  if (comparable) onStep?.(`${name}: comparing with the live build`);
  const comparison = comparable ? await compareAtLive(runtime, writer, live, signal) : null;
  const grounds = groundsOf(live, version, comparison);
  const accepted = grounds ?? (acceptDifferences ? 'accepted' : undefined);
  const swapped = accepted !== undefined && options.swap !== 'never';
  if (swapped) {
    onStep?.(`${name}: swapping it in`);
    // A reason that was not needed is kept too: somebody gave it.
    const record: SwapGrounds = { kind: accepted, by, reason: acceptDifferences?.reason, comparison };
    await swap(pool, log, writer, build, record, options);
  }
  return { projection: name, generation: build.generation, comparison, swapped, grounds: swapped ? accepted : grounds };
}

function groundsOf(live: Build | undefined, version: number, comparison: Comparison | null): SwapKind | undefined {
  if (!live) return 'first';
  // A new version's tables differ by intent: to compare them would say so of every row.
  if (live.version < version) return 'new-version';
  return comparison?.equal === true ? 'equal' : undefined;
}

/**
 * Brings a build to exactly where the live one is in one snapshot, partition by partition, and compares it with
 * the live rows of that snapshot. Live writers are not held up. Left: live.
 * @throws Error when the comparison could not be made to its end: that is no equality
 */
async function compareAtLive(
  { pool, log }: ProjectionRuntime,
  writer: BuildWriter,
  live: Build,
  signal?: AbortSignal,
): Promise<Comparison> {
  const client = await pool.connect();
  let broken: Error | undefined;
  try {
    await client.query('begin isolation level repeatable read read only');
    return await heldOpen(client, async () => {
      const vector = await vectorOf(client, live);
      const { held, lost } = await inTheLog(log, vector);
      await fill(log, [{ writer, targets: held }], { signal });
      const { shapes, projection } = writer.model;
      const left = { database: client, schema: live.schema };
      const compared = await compareBuilds(shapes, left, { database: pool, schema: writer.schema }, signal);
      const parked = await compareParked(
        { database: client, projection: projection.name, generation: live.generation },
        { database: pool, projection: projection.name, generation: writer.generation },
      );
      return {
        ...compared,
        equal: compared.equal && parked.length === 0 && !lost,
        differences: [...compared.differences, ...parked],
        beyond: lost,
      };
    });
  } finally {
    await client.query('rollback').catch((error: Error) => (broken = error));
    client.release(broken);
  }
}

/** What was found out about one projection; a `failure` where that could not be. */
export interface Verified {
  readonly projection: string;
  readonly comparison?: Comparison;
  readonly failure?: Error;
}

export interface Verification {
  readonly projections: readonly Verified[];
  readonly log: LogReport;
}

export interface VerifyOptions extends FillOptions {
  readonly onStep?: (step: string) => void;
}

/**
 * `replay --verify`: builds projections afresh up to where the live builds are, compares byte for byte, and drops
 * the copies. Left: live; right: from the log. The pass over the log also finds what is missing in the log itself.
 */
export async function verify(
  runtime: ProjectionRuntime,
  models: readonly Model[],
  options: VerifyOptions = {},
): Promise<Verification> {
  const { pool, log } = runtime;
  const { signal, onStep } = options;
  const verified = new Map<string, Verified>();
  const check = new LogCheck(legitimateHoles(log.store));
  const open: { model: Model; live: Build }[] = [];
  for (const model of models) {
    const { name: projection, version } = model.projection;
    const live = await liveBuild(pool, projection);
    if (live?.version === version) open.push({ model, live });
    else verified.set(projection, { projection, failure: new Error(notVerifiable(projection, version, live)) });
  }
  const note = 'verify';
  const report = await whileFilling(
    runtime,
    open.map(({ model }) => model),
    { note },
    async (builds) => {
      try {
        const rebuildTargets: { model: Model; live: Build; writer: BuildWriter }[] = [];
        for (const [at, { model, live }] of open.entries()) {
          const writer = new BuildWriter(pool, model, runtime.decoded, { bulk: true });
          await writer.load(builds[at]!.generation);
          rebuildTargets.push({ model, live, writer });
        }
        const targets = await Promise.all(
          rebuildTargets.map(async ({ writer, live }) => ({ writer, targets: await targetOf(runtime, writer, live) })),
        );
        onStep?.('reading the log');
        if (targets.length > 0) await fill(log, targets, { ...options, onPage: (page) => check.take(page) });
        for (const { model, live, writer } of rebuildTargets) {
          const { name: projection } = model.projection;
          onStep?.(`${projection}: comparing with the live build`);
          signal?.throwIfAborted();
          try {
            verified.set(projection, { projection, comparison: await compareAtLive(runtime, writer, live, signal) });
          } catch (error) {
            signal?.throwIfAborted();
            verified.set(projection, { projection, failure: error as Error });
          }
        }
        onStep?.('reading the log to its head');
        return await check.finish(log.store, options);
      } finally {
        for (const build of builds) await dropBuild(pool, build);
      }
    },
  );
  return { projections: models.map(({ projection }) => verified.get(projection.name)!), log: report };
}

function notVerifiable(projection: string, version: number, live: Build | undefined): string {
  if (!live) return `${projection} has no live build to verify`;
  return `${projection} is live in version ${live.version}; this code makes version ${version}`;
}

/**
 * Builds a projection as of a past position into a schema of that name, to be read by SQL and dropped later.
 * @throws Error when the schema exists, or the log does not reach the position
 */
export async function buildAsOf(
  runtime: ProjectionRuntime,
  model: Model,
  position: bigint,
  schema: string,
  options: FillOptions = {},
): Promise<Build> {
  if (!/^[a-z][a-z0-9_]{0,50}$/.test(schema)) {
    throw new Error(`'${schema}' is not a name for a scratch schema: lower-case letters, digits and _, at most 51`);
  }
  const { pool, log } = runtime;
  const head = (await log.store.head()).position;
  if (position > head) throw new Error(`the log ends at ${head}, before ${position}`);
  const note = `as of ${position}`;
  return whileFilling(runtime, [model], { schema, note: `${FILLING}${note}` }, async ([build]) => {
    try {
      const writer = new BuildWriter(pool, model, runtime.decoded, { bulk: true });
      await writer.load(build!.generation);
      const targets = new Map([...writer.checkpoints.keys()].map((partition) => [partition, position]));
      await fill(log, [{ writer, targets }], options);
      await createIndexes(pool, model.shapes, build!.schema, options.signal);
      await pool.query(`update projections.builds set note = $3 where projection = $1 and generation = $2`, [
        build!.projection,
        build!.generation,
        note,
      ]);
      return { ...build!, note };
    } catch (error) {
      await dropBuild(pool, build!);
      throw error;
    }
  });
}

/** Makes the kept build live again, after it has caught up with the log. */
export async function swapBack(
  runtime: ProjectionRuntime,
  model: Model,
  options: WaitOptions & { by?: string; reason?: string } = {},
): Promise<Build> {
  const { name, version } = model.projection;
  return exclusively(runtime.pool, 'rebuild', [model], async () => {
    const previous = withStatus(await buildsOf(runtime.pool, name), 'previous');
    if (!previous) throw new Error(`${name} has no previous build to swap back to`);
    if (previous.version !== version) {
      throw new Error(
        `the previous build of ${name} is of version ${previous.version}; run the code of that version to swap back`,
      );
    }
    const writer = new BuildWriter(runtime.pool, model, runtime.decoded);
    await writer.load(previous.generation);
    const { lost } = await inTheLog(runtime.log, writer.checkpoints);
    if (lost) {
      throw new Error(
        `the previous build of ${name} stands at ${lost.checkpoint}, which is not in the log (its head is ${lost.head}): it holds events that the log does not have; rebuild instead`,
      );
    }
    await toHead(runtime.log, writer, options.signal);
    const grounds: SwapGrounds = { kind: 'swap-back', by: options.by ?? thisOperator(), reason: options.reason };
    await swap(runtime.pool, runtime.log, writer, previous, grounds, options);
    return previous;
  });
}
