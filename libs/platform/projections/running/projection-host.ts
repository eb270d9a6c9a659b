import type { Log } from '#platform/event-bus/consuming/log-reading.js';
import { setTimeout as sleep } from 'node:timers/promises';
import type { EventBus, Published, Subscription } from '#platform/event-bus/event-bus.js';
import type { EventStore } from '#platform/event-store/event-store.js';
import { systemClock, type Clock } from '#platform/kernel/clock.js';
import type { EventCodec } from '#platform/kernel/event-codec.js';
import { createPool, Pipeline, type Pool } from '#platform/postgres/pool.js';
import { ensureLive } from '../builds/builds.js';
import { DecodedEvents } from '../folding/decoded-events.js';
import { guardLog, holdingLost } from '../builds/log-guard.js';
import { AbandonedBuilds } from './abandoned-builds.js';
import { BuildKeeper } from './build-keeper.js';
import type { WriteObserver } from './group-members.js';
import { readFigures, type ProjectionFigures } from './figures.js';
import { readLags, type Lags } from './lags.js';
import { describePauses, pausedPartitions } from './paused-partitions.js';
import { ProjectionGroup } from './projection-group.js';
import { prepareProjections } from '../prepare.js';
import { Progress } from './progress.js';
import type { Projection } from '../definition/projection.js';
import { ProjectionAdmin } from '../projection-admin.js';
import { openReadModels, type TypeOrmReadModels } from '../queries/read-models.js';
import type { ProjectionRuntime } from '../builds/projection-runtime.js';
import { Reconciler } from './reconciler.js';
import { SnapshotReads } from '../snapshots/snapshot-reads.js';
import { Snapshots, type SnapshotSettings } from '../snapshots/snapshots.js';
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
  /** Told of each write that has become durable in the read models. */
  readonly onWritten?: WriteObserver;
  readonly clock?: Clock;
  /** How many snapshots there may be, and which are kept without anybody asking. */
  readonly snapshots?: SnapshotSettings;
  /** Told of what goes wrong and is tried again. */
  readonly onError?: (error: unknown) => void;
}

/** How long the group waits for the checkpoints of a member that an operation holds, before it goes on without it. */
const GROUP_LOCK_MS = 100;

/** Runs projections in this process: writers on the bus, the reconciler, progress, queries, admin. */
export class ProjectionHost {
  readonly progress: Progress;
  readonly admin: ProjectionAdmin;
  /** The read models as of points. */
  readonly snapshots: Snapshots;
  /** Where queries about the past read. */
  readonly pastReads: SnapshotReads;
  private readonly group: ProjectionGroup;
  private readonly keeper: BuildKeeper;
  private readonly reconciler: Reconciler;
  private readonly standstill: Standstill;
  private readonly closing = new AbortController();
  private readonly background = new Set<Promise<void>>();
  private readonly unwatch: () => void;
  private subscription: Subscription | undefined;
  /** All builds were held against the log as this process knows it. */
  private guarded = false;

  private constructor(
    private readonly options: ProjectionHostOptions,
    private readonly pool: Pool,
    private readonly pipeline: Pipeline,
    models: readonly Model[],
    private readonly runtime: ProjectionRuntime,
    readonly readModels: TypeOrmReadModels,
  ) {
    const { store, published, projections } = options;
    this.progress = new Progress({ pool, store, published, written: () => this.group.written });
    this.admin = new ProjectionAdmin(runtime, models);
    const { codec, databaseUrl, clock, bus } = options;
    this.snapshots = Snapshots.open({
      ...{ store, codec, models, databaseUrl, clock, onError: this.report },
      partitions: bus.partitions,
      ...options.snapshots,
    });
    this.pastReads = new SnapshotReads(this.snapshots, readModels.heavy);
    this.group = new ProjectionGroup({
      models,
      pool,
      pipeline,
      log: runtime.log,
      decoded: runtime.decoded,
      onCommit: () => this.progress.committed(),
      onWritten: options.onWritten,
      onDelivery: (delivery) => this.progress.delivered(delivery),
      onError: this.report,
    });
    const abandoned = new AbandonedBuilds({ pool, models, progress: this.progress, store });
    this.keeper = new BuildKeeper({ runtime, models, abandoned, signal: this.closing.signal, onError: this.report });
    this.reconciler = new Reconciler(this.group, runtime.log, this.progress, this.report, () => this.guard());
    this.unwatch = options.store.onIncarnation(() => {
      this.guarded = false;
      this.progress.forget();
      this.group.forget();
      this.inBackground(() => this.keeper.untilDone(() => this.guard()));
    });
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
      max: 8,
      applicationName: 'yad projections',
      synchronousCommit: 'off',
    });
    // An operation that holds the checkpoints of one projection must not hold up the others.
    const pipeline = new Pipeline(databaseUrl, {
      role: 'write',
      applicationName: 'yad projections: group',
      synchronousCommit: 'off',
      limits: { lockMs: GROUP_LOCK_MS },
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
      const host = new ProjectionHost(
        options,
        pool,
        pipeline,
        models,
        runtime,
        await openReadModels(databaseUrl, projections),
      );
      await host.run().catch(async (error: unknown) => {
        await host.snapshots.stop();
        throw error;
      });
      return host;
    } catch (error) {
      await Promise.all([pool.end(), pipeline.end(), builders.end()]);
      throw error;
    }
  }

  /**
   * Rejects, saying why, when the read models cannot be asked or stand still behind the log. Resolves to a note where
   * some wait for another version of the code, while the others go on.
   */
  async ready(): Promise<string> {
    const [paused] = await Promise.all([pausedPartitions(this.pool), this.readModels.rows('select 1')]);
    const otherwise = this.group.alone.filter(({ isOtherVersion }) => isOtherVersion);
    const explained = new Set([...paused, ...otherwise].map(({ projection }) => projection));
    await Promise.all([this.standstill.check(explained), this.checkNothingLost()]);
    return [...describePauses(paused), ...otherwise.map(({ reason }) => reason)].join('; ');
  }

  /** How far the read models are behind the log, over all processes. */
  lags(): Promise<Lags> {
    const { store, clock = systemClock } = this.options;
    return readLags({ progress: this.progress, store, clock }, this.names);
  }

  /** What keeps the read models, in numbers. */
  figures(): Promise<ProjectionFigures[]> {
    return readFigures(this.pool, this.names, this.group.alone);
  }

  private get names(): string[] {
    return this.options.projections.map(({ name }) => name);
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
    const kept = this.keeper.stop();
    this.unwatch();
    const closed = this.subscription?.close();
    // A delivery that waits for a database that is away must not keep the bus from closing for ever.
    await Promise.race([closed, sleep(3_000, undefined, { ref: false })]);
    await this.group.close();
    await closed;
    await this.reconciler.stop();
    await Promise.all([...this.background, kept, this.snapshots.stop()]);
    this.progress.close();
    await this.readModels.close();
    await Promise.all([this.pool.end(), this.pipeline.end(), this.runtime.pool.end()]);
  }

  private async run(): Promise<void> {
    this.inBackground(() => this.keeper.upgrade());
    await this.guard();
    const subscribed = new Promise<void>((resolve) => this.inBackground(() => this.subscribe().then(resolve)));
    this.reconciler.start();
    this.standstill.start();
    this.keeper.start();
    this.snapshots.start();
    // A broker that is away must not keep the process from answering; the reconciler reads the store meanwhile.
    await Promise.race([subscribed, sleep(5_000, undefined, { ref: false })]);
  }

  /** Holds all builds against the log as it is now; those that hold what it has lost are rebuilt beside. */
  private async guard(): Promise<void> {
    const { store } = this.options;
    const { number } = store.identity.current;
    const lost = await guardLog(this.runtime.pool, store);
    // Another incarnation may have begun meanwhile, and have been looked into already: this look says nothing of it.
    if (store.identity.current.number === number) this.guarded = true;
    if (lost.length > 0) this.inBackground(() => this.keeper.heal(lost));
  }

  private async subscribe(): Promise<void> {
    const { bus, group = 'yad-read-models' } = this.options;
    await this.keeper.untilDone(async () => {
      this.subscription = await bus.subscribe(group, this.group);
    });
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
    // A projection that has stopped refuses everything with one and the same error.
    if (typeof error === 'object' && error !== null) {
      if (this.told.has(error)) return;
      this.told.add(error);
    }
    this.options.onError?.(error);
  };
}
