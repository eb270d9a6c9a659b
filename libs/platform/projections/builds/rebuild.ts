import type { StoredEvent } from '#platform/kernel/envelope.js';
import { inTransaction, type Pool } from '#platform/postgres/pool.js';
import { buildsOf, createBuild, createIndexes, dropBuild, liveBuild, withStatus, type Build } from './builds.js';
import type { Comparison } from './compare.js';
import { compareAtLive, inTheLog, liveReaches, targetOf } from './compare-at-live.js';
import { fill, type FillOptions } from './fill.js';
import { dropLeftOver, exclusively, layoutOf } from './half-built.js';
import type { WaitOptions } from './lock-waits.js';
import { isWhole, LogCheck, legitimateHoles, type LogReport } from './log-check.js';
import type { ProjectionRuntime } from './projection-runtime.js';
import { swap, dropOutdated } from './swap.js';
import { thisOperator, type SwapGrounds, type SwapKind } from './swap-records.js';
import { BuildWriter, type Model } from '../running/build-writer.js';

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
 * @throws Error when a rebuild of one of them is under way in another process, or a live build is of a newer version;
 *   NewerEvent where the log has events that newer code is to handle
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
    for (const model of models) rebuildTargets.push(await openTarget(runtime, model));
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
    const stopped = await fill(runtime.log, targets, { ...options, onPage });
    if (check && !isWhole(check.report)) options.onDamage?.(check.report);
    const results: RebuildResult[] = [];
    for (const rebuildTarget of rebuildTargets) {
      signal?.throwIfAborted();
      if (stopped.has(rebuildTarget.writer)) continue;
      const result = await finish(runtime, rebuildTarget, options);
      results.push(result);
      options.onResult?.(result);
    }
    // After the others: what this code cannot read of one must not keep them from being done.
    for (const newer of stopped.values()) throw newer;
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

async function openTarget(runtime: ProjectionRuntime, model: Model): Promise<RebuildTarget> {
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
      const of = new BuildWriter(pool, model, runtime.decoded, { bulk: true });
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
    writer = new BuildWriter(pool, model, runtime.decoded, { bulk: true });
    await writer.load(build.generation);
  }
  return { model, build, live: withStatus(builds, 'live'), writer };
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
