import type { StoredEvent } from '#platform/kernel/envelope.js';
import { dropBuild, liveBuild, type Build } from './builds.js';
import type { Comparison } from './compare.js';
import { compareAtLive, targetOf } from './compare-at-live.js';
import { fill, type FillOptions } from './fill.js';
import { whileFilling } from './half-built.js';
import { LogCheck, legitimateHoles, type LogReport } from './log-check.js';
import type { ProjectionRuntime } from './projection-runtime.js';
import { BuildWriter, type Model } from '../running/build-writer.js';

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
        const onPage = (page: readonly StoredEvent[]): void => check.take(page);
        const stopped = targets.length > 0 ? await fill(log, targets, { ...options, onPage }) : new Map();
        for (const { model, live, writer } of rebuildTargets) {
          const { name: projection } = model.projection;
          onStep?.(`${projection}: comparing with the live build`);
          signal?.throwIfAborted();
          try {
            if (stopped.has(writer)) throw stopped.get(writer)!;
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
