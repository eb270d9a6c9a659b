import { buildsOf, dropBuild, type Build } from './builds.js';
import type { Comparison } from './compare.js';
import {
  discardDeadLetters,
  listDeadLetters,
  retryDeadLetters,
  type ParkedEvent,
  type RetryResult,
} from './dead-letters.js';
import type { FillOptions } from './fill.js';
import {
  buildAsOf,
  rebuild,
  swapBack,
  verify,
  type RebuildOptions,
  type RebuildResult,
  type Workshop,
} from './rebuild.js';
import type { Model } from './writer.js';

/** What an operator does with projections; for the command line. Safe beside running hosts. */
export class ProjectionAdmin {
  private readonly models: ReadonlyMap<string, Model>;

  constructor(
    private readonly shop: Workshop,
    models: readonly Model[],
  ) {
    this.models = new Map(models.map((model) => [model.projection.name, model]));
  }

  get names(): string[] {
    return [...this.models.keys()];
  }

  deadLetters(filter?: Parameters<typeof listDeadLetters>[1]): Promise<ParkedEvent[]> {
    if (filter?.projection) this.model(filter.projection);
    return listDeadLetters(this.shop, filter);
  }

  retry(projection: string, subject: string): Promise<RetryResult> {
    return retryDeadLetters(this.shop, this.model(projection), subject);
  }

  discard(projection: string, subject: string, which: 'first' | 'all' = 'first'): Promise<RetryResult> {
    return discardDeadLetters(this.shop, this.model(projection), subject, which);
  }

  /** The builds of a projection that have tables, newest first. */
  builds(projection: string): Promise<Build[]> {
    return buildsOf(this.shop.pool, this.model(projection).projection.name);
  }

  /** Rebuilds these projections (all when none is named) from one pass over the log. */
  rebuild(projections: readonly string[] = [], options?: RebuildOptions): Promise<RebuildResult[]> {
    const names = projections.length > 0 ? projections : this.names;
    return rebuild(
      this.shop,
      names.map((name) => this.model(name)),
      options,
    );
  }

  swapBack(projection: string): Promise<Build> {
    return swapBack(this.shop, this.model(projection));
  }

  /** Whether the live rows are what the log gives. */
  verify(projection: string, options?: FillOptions): Promise<Comparison> {
    return verify(this.shop, this.model(projection), options);
  }

  asOf(projection: string, position: bigint, schema: string, options?: FillOptions): Promise<Build> {
    return buildAsOf(this.shop, this.model(projection), position, schema, options);
  }

  /** Drops a build that is not live. */
  async drop(projection: string, generation: number): Promise<void> {
    const build = (await this.builds(projection)).find((candidate) => candidate.generation === generation);
    if (!build) throw new Error(`${projection} has no generation ${generation}`);
    await dropBuild(this.shop.pool, build);
  }

  private model(name: string): Model {
    const model = this.models.get(name);
    if (!model) throw new Error(`there is no projection '${name}'; there are ${this.names.join(', ')}`);
    return model;
  }
}
