import { setTimeout as sleep } from 'node:timers/promises';
import type { EventBus, Published, Subscription } from '#platform/event-bus/event-bus.js';
import type { EventStore } from '#platform/event-store/event-store.js';
import type { EventCodec } from '#platform/kernel/event-codec.js';
import { createPool, type Pool } from '#platform/postgres/pool.js';
import { ensureLive, liveBuild } from '../builds/builds.js';
import type { Log } from '../builds/catch-up.js';
import { DecodedEvents } from '../folding/decoded-events.js';
import { ProjectionWorker } from './projection-worker.js';
import { guardLog, holdingLost } from '../builds/log-guard.js';
import { ProjectionDispatcher } from './projection-dispatcher.js';
import type { LogReport } from '../builds/log-check.js';
import { prepareProjections } from '../prepare.js';
import { Progress, type Written } from './progress.js';
import type { Projection } from '../definition/projection.js';
import { ProjectionAdmin } from '../projection-admin.js';
import { openReadModels, type TypeOrmReadModels } from '../queries/read-models.js';
import { rebuild, type RebuildResult, type ProjectionRuntime } from '../builds/rebuild.js';
import { Reconciler } from './reconciler.js';
import { Standstill } from './standstill.js';
import type { Model } from './build-writer.js';

export interface ProjectionHostOptions {
  readonly bus: EventBus;
  readonly store: EventStore;
  readonly codec: EventCodec;
  readonly projections: readonly Projection[];
  readonly databaseUrl: string;
  /** What the relay has put on the bus; absent where the bus reads the store itself. */
  readonly published?: () => Promise<Published>;
  /** Consumer group of the bus. */
  readonly group?: string;
  /** Told of what goes wrong and is tried again. */
  readonly onError?: (error: unknown) => void;
}

/** Runs projections in this process: writers on the bus, the reconciler, progress, queries, admin. */
export class ProjectionHost {
  readonly progress: Progress;
  readonly admin: ProjectionAdmin;
  private readonly workers: ProjectionDispatcher;
  private readonly reconciler: Reconciler;
  private readonly standstill: Standstill;
  private readonly closing = new AbortController();
  private readonly background = new Set<Promise<void>>();
  private readonly unwatch: () => void;
  private subscription: Subscription | undefined;
  /** All builds were held against the log as this process knows it. */
  private guarded = false;
  private healing: Promise<void> | undefined;

  private constructor(
    private readonly options: ProjectionHostOptions,
    private readonly pool: Pool,
    private readonly models: readonly Model[],
    private readonly runtime: ProjectionRuntime,
    readonly readModels: TypeOrmReadModels,
  ) {
    const written = (): Written[] => [...this.workers].map((worker) => worker.written);
    this.progress = new Progress({ pool, store: options.store, published: options.published, written });
    this.admin = new ProjectionAdmin(runtime, models);
    this.workers = new ProjectionDispatcher(runtime.decoded, this.report, (delivery) =>
      this.progress.delivered(delivery),
    );
    this.reconciler = new Reconciler(
      () => this.workers,
      runtime.log,
      this.progress,
      this.report,
      () => this.guard(),
    );
    this.unwatch = options.store.onIncarnation(() => {
      this.guarded = false;
      this.progress.forget();
      for (const worker of this.workers) worker.forget();
      this.inBackground(() => this.untilDone(() => this.guard()));
    });
    const { store, projections } = options;
    this.standstill = new Standstill({
      progress: this.progress,
      store,
      projections: projections.map(({ name }) => name),
    });
  }

  /**
   * Makes the tables that are missing, starts the writers and subscribes to the bus. A projection whose live build
   * is of an older version is rebuilt beside it meanwhile, and joins when it is swapped in.
   */
  static async start(options: ProjectionHostOptions): Promise<ProjectionHost> {
    const { projections, databaseUrl, bus, store, codec } = options;
    const max = projections.length + 4;
    const pool = createPool(databaseUrl, {
      role: 'write',
      max,
      applicationName: 'yad projections',
      synchronousCommit: 'off',
    });
    // Builds take their time; the live writers and those who wait for them must not.
    const builders = createPool(databaseUrl, {
      role: 'rebuild',
      max,
      applicationName: 'yad projections: build',
      synchronousCommit: 'off',
    });
    try {
      const models = await prepareProjections(builders, projections, bus.partitions);
      const log: Log = { store, partitions: bus.partitions };
      const runtime: ProjectionRuntime = { pool: builders, log, decoded: new DecodedEvents(codec) };
      for (const model of models) await ensureLive(builders, model, bus.partitions);
      const host = new ProjectionHost(options, pool, models, runtime, await openReadModels(databaseUrl, projections));
      await host.run(models);
      return host;
    } catch (error) {
      await Promise.all([pool.end(), builders.end()]);
      throw error;
    }
  }

  /** Rejects, saying why, when the read models cannot be asked or stand still behind the log. */
  async ready(): Promise<void> {
    await Promise.all([this.readModels.rows('select 1'), this.standstill.check(), this.checkNothingLost()]);
  }

  private async checkNothingLost(): Promise<void> {
    if (!this.guarded) throw new Error('the log has lost events: it is being looked into who holds them');
    const lost = await holdingLost(this.pool);
    if (lost.length > 0) {
      throw new Error(`they hold events that the log has lost, and are being rebuilt: ${lost.join(', ')}`);
    }
  }

  async stop(): Promise<void> {
    this.closing.abort(new Error('the projection host stops'));
    this.standstill.stop();
    this.unwatch();
    const closed = this.subscription?.close();
    // A delivery that waits for a database that is away must not keep the bus from closing for ever.
    await Promise.race([closed, sleep(3_000, undefined, { ref: false })]);
    await this.workers.close();
    await closed;
    await this.reconciler.stop();
    await Promise.all(this.background);
    this.progress.close();
    await this.readModels.close();
    await Promise.all([this.pool.end(), this.runtime.pool.end()]);
  }

  private async run(models: readonly Model[]): Promise<void> {
    const outdated: Model[] = [];
    for (const model of models) {
      const live = await liveBuild(this.pool, model.projection.name);
      if (live?.version === model.projection.version) this.workers.add(this.worker(model));
      else outdated.push(model);
    }
    if (outdated.length > 0) this.inBackground(() => this.upgrade(outdated));
    await this.guard();
    const subscribed = new Promise<void>((resolve) => this.inBackground(() => this.subscribe().then(resolve)));
    this.reconciler.start();
    this.standstill.start();
    // A broker that is away must not keep the process from answering; the reconciler reads the store meanwhile.
    await Promise.race([subscribed, sleep(5_000, undefined, { ref: false })]);
  }

  /** Holds all builds against the log as it is now; those that hold what it has lost are rebuilt beside. */
  private async guard(): Promise<void> {
    const { store } = this.options;
    const { number } = store.identity.current;
    const lost = await guardLog(this.runtime.pool, store);
    // Another incarnation may have begun meanwhile; its own turn comes after this one.
    this.guarded = store.identity.current.number === number;
    if (lost.length === 0 || this.healing) return;
    this.report(new Error(`the log has lost events that ${lost.join(', ')} hold: they are rebuilt`));
    this.healing = this.heal().finally(() => (this.healing = undefined));
    this.inBackground(() => this.healing!);
  }

  private async heal(): Promise<void> {
    await this.untilDone(async () => {
      const lost = await holdingLost(this.runtime.pool);
      const due: Model[] = [];
      for (const model of this.models) {
        const { name, version } = model.projection;
        // One of another version is made anew by the code of that version.
        if (lost.includes(name) && (await liveBuild(this.pool, name))?.version === version) due.push(model);
      }
      if (due.length === 0) return;
      const acceptDifferences = { reason: 'the live build holds events that the log has lost' };
      await rebuild(this.runtime, due, { compare: false, acceptDifferences, by: 'yad', signal: this.closing.signal });
    });
  }

  private worker(model: Model): ProjectionWorker {
    return new ProjectionWorker({
      pool: this.pool,
      model,
      log: this.runtime.log,
      decoded: this.runtime.decoded,
      onCommit: () => this.progress.committed(),
      onError: this.report,
    });
  }

  private async subscribe(): Promise<void> {
    const { bus, group = 'yad-read-models' } = this.options;
    await this.untilDone(async () => {
      this.subscription = await bus.subscribe(group, this.workers);
    });
  }

  /** Brings live builds to this code's versions from one pass over the log, or waits until another process has. */
  private async upgrade(outdated: readonly Model[]): Promise<void> {
    const waiting = new Set(outdated);
    await this.untilDone(async () => {
      const due: Model[] = [];
      let newer: Error | undefined;
      for (const model of waiting) {
        const { name, version } = model.projection;
        const live = await liveBuild(this.pool, name);
        if (live?.version === version) {
          waiting.delete(model);
          this.workers.add(this.worker(model));
        } else if (!live || live.version < version) due.push(model);
        else newer = new Error(`${name} is live in version ${live.version}, newer than this code's ${version}`);
      }
      const joins = (model: Model): void => {
        if (waiting.delete(model)) this.workers.add(this.worker(model));
      };
      // Each joins as soon as it is live: the next one's swap may have to wait for a reader.
      const onResult = ({ projection: swapped }: RebuildResult): void =>
        due.filter(({ projection: { name } }) => name === swapped).forEach(joins);
      const onWait = (why: string): void => this.report(new Error(why));
      const onDamage = ({ holesInAll, streamsInAll }: LogReport): void =>
        this.report(
          new Error(`the log is not whole (${holesInAll} holes, ${streamsInAll} breaks): yad replay --verify`),
        );
      const { signal } = this.closing;
      const options = { signal, by: 'projection host', timeoutMs: Infinity, onResult, onWait, onDamage };
      if (due.length > 0) await rebuild(this.runtime, due, options);
      if (newer) throw newer;
    });
  }

  private async untilDone(attempt: () => Promise<void>): Promise<void> {
    for (let wait = 250; !this.closing.signal.aborted; wait = Math.min(5_000, wait * 2)) {
      try {
        return await attempt();
      } catch (error) {
        if (this.closing.signal.aborted) return;
        this.report(error);
        await sleep(wait, undefined, { signal: this.closing.signal }).catch(() => {});
      }
    }
  }

  private inBackground(work: () => Promise<void>): void {
    const running = work()
      .catch(this.report)
      .finally(() => this.background.delete(running));
    this.background.add(running);
  }

  private readonly told = new WeakSet<object>();

  private readonly report = (error: unknown): void => {
    if (this.closing.signal.aborted) return;
    // A worker that has stopped refuses everything with one and the same error.
    if (typeof error === 'object' && error !== null) {
      if (this.told.has(error)) return;
      this.told.add(error);
    }
    this.options.onError?.(error);
  };
}
