import { buildsOf, dropBuild, type Build } from './builds/builds.js';
import type { Comparison } from './builds/compare.js';
import {
  countDeadLetters,
  discardDeadLetters,
  listDeadLetters,
  parkedSubjects,
  retryDeadLetters,
  type DeadLetterFilter,
  type ParkedEvent,
  type RetryResult,
} from './dead-letters/dead-letters.js';
import type { FillOptions } from './builds/fill.js';
import type { WaitOptions } from './builds/lock-waits.js';
import { buildAsOf } from './builds/as-of.js';
import type { ProjectionRuntime } from './builds/projection-runtime.js';
import { rebuild, type RebuildOptions, type RebuildResult } from './builds/rebuild.js';
import { swapBack } from './builds/swap-back.js';
import { verify, type Verification, type VerifyOptions } from './builds/verify.js';
import { listSwaps, type SwapRecord } from './builds/swap-records.js';
import type { Model } from './running/build-writer.js';

/** What an operator does with projections; for the command line. Safe beside running hosts. */
export class ProjectionAdmin {
  private readonly models: ReadonlyMap<string, Model>;

  constructor(
    private readonly runtime: ProjectionRuntime,
    models: readonly Model[],
  ) {
    this.models = new Map(models.map((model) => [model.projection.name, model]));
  }

  get names(): string[] {
    return [...this.models.keys()];
  }

  deadLetters(filter?: Parameters<typeof listDeadLetters>[1]): Promise<ParkedEvent[]> {
    if (filter?.projection) this.model(filter.projection);
    return listDeadLetters(this.runtime, filter);
  }

  countDeadLetters(filter?: DeadLetterFilter): Promise<number> {
    return countDeadLetters(this.runtime, filter);
  }

  retry(projection: string, subject: string): Promise<RetryResult> {
    return retryDeadLetters(this.runtime, this.model(projection), subject);
  }

  /**
   * Takes the parked events of all subjects again, of these projections or, when none is named, of all.
   * @returns what became of them in all; a subject that cannot be retried now is told, and the others go on
   */
  async retryAll(
    projections: readonly string[] = [],
    onFailure: (error: Error, projection: string, subject: string) => void = () => {},
  ): Promise<RetryResult & { subjects: number; failed: number }> {
    const sum = { subjects: 0, failed: 0, applied: 0, parked: 0, discarded: 0 };
    const names = this.chosen(projections).map((model) => model.projection.name);
    for await (const { projection, subject } of parkedSubjects(this.runtime, names)) {
      sum.subjects++;
      try {
        const { applied, parked } = await this.retry(projection, subject);
        sum.applied += applied;
        sum.parked += parked;
      } catch (error) {
        sum.failed++;
        onFailure(error as Error, projection, subject);
      }
    }
    return sum;
  }

  discard(projection: string, subject: string, which: 'first' | 'all' = 'first'): Promise<RetryResult> {
    return discardDeadLetters(this.runtime, this.model(projection), subject, which);
  }

  /** The builds of a projection that have tables, newest first. */
  builds(projection: string): Promise<Build[]> {
    return buildsOf(this.runtime.pool, this.model(projection).projection.name);
  }

  /** Rebuilds these projections (all when none is named) from one pass over the log. */
  rebuild(projections: readonly string[] = [], options?: RebuildOptions): Promise<RebuildResult[]> {
    return rebuild(this.runtime, this.chosen(projections), options);
  }

  swapBack(projection: string, options?: WaitOptions & { by?: string; reason?: string }): Promise<Build> {
    return swapBack(this.runtime, this.model(projection), options);
  }

  /** When builds were made live, by whom and why, the latest first. */
  swaps(projection?: string, limit?: number): Promise<SwapRecord[]> {
    return listSwaps(this.runtime.pool, projection && this.model(projection).projection.name, limit);
  }

  /** Whether the live rows are what the log gives. @throws Error where that cannot be found out */
  async verify(projection: string, options?: VerifyOptions): Promise<Comparison> {
    const { projections } = await this.verifyAll([projection], options);
    const { comparison, failure } = projections[0]!;
    if (!comparison) throw failure!;
    return comparison;
  }

  /** Whether the live rows of these projections (all when none is named) are what the log gives, and the log is whole. */
  verifyAll(projections: readonly string[] = [], options?: VerifyOptions): Promise<Verification> {
    return verify(this.runtime, this.chosen(projections), options);
  }

  asOf(projection: string, position: bigint, schema: string, options?: FillOptions): Promise<Build> {
    return buildAsOf(this.runtime, this.model(projection), position, schema, options);
  }

  /** Drops a build that is not live. */
  async drop(projection: string, generation: number): Promise<void> {
    const build = (await this.builds(projection)).find((candidate) => candidate.generation === generation);
    if (!build) throw new Error(`${projection} has no generation ${generation}`);
    await dropBuild(this.runtime.pool, build);
  }

  /** All when none is named; one that is named twice once. */
  private chosen(names: readonly string[]): Model[] {
    return (names.length > 0 ? [...new Set(names)] : this.names).map((name) => this.model(name));
  }

  private model(name: string): Model {
    const model = this.models.get(name);
    if (!model) throw new Error(`there is no projection '${name}'; there are ${this.names.join(', ')}`);
    return model;
  }
}
