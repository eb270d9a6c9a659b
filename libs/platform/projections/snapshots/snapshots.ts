import { setTimeout as sleep } from 'node:timers/promises';
import type { EventStore } from '#platform/event-store/event-store.js';
import { systemClock, type Clock } from '#platform/kernel/clock.js';
import { InvalidInput, NotFound } from '#platform/kernel/errors.js';
import type { EventCodec } from '#platform/kernel/event-codec.js';
import { createPool, type Pool } from '#platform/postgres/pool.js';
import type { Point } from '../as-of/point.js';
import { layoutOf } from '../builds/half-built.js';
import { DecodedEvents } from '../folding/decoded-events.js';
import type { Model } from '../running/build-writer.js';
import { dropSnapshot } from './drop-snapshot.js';
import { dropHolding } from './drop-holding.js';
import type { MakerParts } from './make-snapshot.js';
import { SNAPSHOT_NAME } from './snapshot-name.js';
import { isUnderWay, partsOf, pointOf, type Snapshot, type SnapshotPart } from './snapshot.js';
import { usualBounds, type SnapshotBounds } from './snapshot-bounds.js';
import { noSchedule, type SnapshotSchedule } from './schedule.js';
import { ScheduledSnapshots } from './scheduled-snapshots.js';
import { SnapshotKeeper } from './snapshot-keeper.js';
import { SnapshotMaker } from './snapshot-maker.js';
import { coverParameters, COVERS, requestSnapshot } from './snapshot-requests.js';
import { refuseUnreachable } from './reachable.js';
import { snapshotById, snapshotsWhere } from './snapshot-rows.js';
import { SnapshotUses } from './snapshot-uses.js';

/** How snapshots are set. */
export interface SnapshotSettings {
  readonly bounds?: Partial<SnapshotBounds>;
  /** Which are kept without anybody asking; absent: none. */
  readonly schedule?: SnapshotSchedule;
}

export interface SnapshotsOptions extends SnapshotSettings {
  readonly store: EventStore;
  readonly codec: EventCodec;
  readonly models: readonly Model[];
  /** Of the read models. */
  readonly databaseUrl: string;
  /** Of the bus. */
  readonly partitions: number;
  readonly scheduleLookMs?: number;
  readonly clock?: Clock;
  /** Told of what goes wrong and is tried again. */
  readonly onError?: (error: unknown) => void;
  readonly fill?: MakerParts['fill'];
}

/** What is asked for beside the point. */
export interface Wanted {
  /** Who asks. */
  readonly by: string;
  /** Under which it is found; one with a name is kept for good unless `keepUntil` says otherwise. */
  readonly name?: string;
  readonly keepUntil?: Date;
  readonly isScheduled?: boolean;
}

/** How often it is looked whether a snapshot is there that somebody waits for. */
const LOOK_MS = 100;
/** Who asks for those of the schedule. */
const SCHEDULE = 'the schedule';

/** The read models as of points: asked for, made once for all who ask, found again, dropped. */
export class Snapshots {
  /** What readers of snapshots need to know, and tell. */
  readonly uses: SnapshotUses;
  private readonly maker: SnapshotMaker;
  private readonly keeper: SnapshotKeeper;
  private readonly models: ReadonlyMap<string, Model>;
  private readonly layouts: ReadonlyMap<string, string>;
  private stopped: Promise<void> | undefined;
  private readonly bounds: SnapshotBounds;
  private readonly clock: Clock;

  private constructor(
    private readonly options: SnapshotsOptions,
    private readonly books: Pool,
    private readonly builders: Pool,
  ) {
    const { store, codec, partitions, models, clock = systemClock, onError = () => {} } = options;
    this.models = new Map(models.map((model) => [model.projection.name, model]));
    this.layouts = new Map(models.map((model) => [model.projection.name, layoutOf(model)]));
    this.bounds = { ...usualBounds, ...options.bounds };
    this.clock = clock;
    this.uses = new SnapshotUses(books, clock, onError);
    const runtime = { pool: builders, log: { store, partitions }, decoded: new DecodedEvents(codec) };
    const parts: MakerParts = { runtime, books, models: this.models, bounds: this.bounds, clock, fill: options.fill };
    this.maker = new SnapshotMaker(parts, onError);
    const { bounds } = this;
    const shared = { store, partitions, books, builders, bounds, clock, onError };
    const scheduled = new ScheduledSnapshots({
      ...shared,
      schedule: options.schedule ?? noSchedule,
      lookMs: options.scheduleLookMs,
      named: (name) => this.named(name),
      request: (point, name) => this.request(point, [], { by: SCHEDULE, name, isScheduled: true }),
    });
    this.keeper = new SnapshotKeeper({ ...shared, scheduled, onLook: () => this.maker.kick() });
  }

  /** For a database whose bookkeeping is up to date. Builds what is asked for here; what others left over, once started. */
  static open(options: SnapshotsOptions): Snapshots {
    const { databaseUrl, models } = options;
    const books = createPool(databaseUrl, { role: 'write', max: 4, applicationName: 'yad snapshots' });
    // One holds the lock, each projection may write, and tables are dropped meanwhile.
    const builders = createPool(databaseUrl, {
      role: 'rebuild',
      max: models.length + 4,
      applicationName: 'yad snapshots: build',
      synchronousCommit: 'off',
    });
    return new Snapshots(options, books, builders);
  }

  /** Looks from now on for what is to be built or dropped, whoever asked for it. */
  start(): void {
    this.keeper.start();
  }

  /** Ends what is under way, which whoever runs next goes on with. */
  stop(): Promise<void> {
    return (this.stopped ??= this.end());
  }

  /**
   * The snapshot of these projections (all when none is named) as of a point, in the versions of this code: one that is
   * there, or from here on being made.
   * @throws InvalidInput; PositionLost; SnapshotNameTaken; SnapshotsFull
   */
  async request(point: Point, projections: readonly string[], wanted: Wanted): Promise<Snapshot> {
    const { name } = wanted;
    if (name !== undefined && !SNAPSHOT_NAME.test(name)) {
      refuse('/name', 'is not a name: small letters, digits and - within, a letter first, at most 60');
    }
    const chosen = projections.length > 0 ? projections.map((each) => this.model(each)) : this.options.models;
    const own = chosen.map(({ projection }) => projection);
    const parts = partsOf({ ...point, versions: undefined }, own);
    await refuseUnreachable(point, parts, this.options);
    const { layouts } = this;
    const request = { point, parts, layouts, ...wanted };
    const found = await requestSnapshot(this.books, request, this.bounds, this.clock.now());
    if (isUnderWay(found)) this.maker.kick();
    return found;
  }

  /** Waits until a snapshot is made, or could not be; no longer than so many milliseconds. @throws NotFound; the signal's reason */
  async wait(id: string, ms: number, signal?: AbortSignal): Promise<Snapshot> {
    for (const until = performance.now() + ms; ;) {
      const found = await this.show(id);
      const left = until - performance.now();
      if (!isUnderWay(found) || left <= 0) return found;
      await sleep(Math.min(LOOK_MS, left), undefined, { signal }).catch(() => signal?.throwIfAborted());
    }
  }

  /** Waits until one that is dropped is gone; no longer than so many milliseconds. @returns whether it is */
  async untilGone(id: string, ms: number, signal?: AbortSignal): Promise<boolean> {
    for (const until = performance.now() + ms; await snapshotById(this.books, id);) {
      if (performance.now() > until) return false;
      await sleep(LOOK_MS, undefined, { signal }).catch(() => signal?.throwIfAborted());
    }
    return true;
  }

  /** @throws NotFound */
  async show(id: string): Promise<Snapshot> {
    const found = await snapshotById(this.books, id);
    if (!found) throw new NotFound(`there is no snapshot ${id}`);
    return found;
  }

  /** The latest first. @param before those that were asked for before this one */
  list(limit: number, before?: string): Promise<Snapshot[]> {
    return snapshotsWhere(this.books, `where $1::uuid is null or s.id < $1::uuid order by s.id desc limit $2`, [
      before ?? null,
      limit,
    ]);
  }

  /** The one of a name, while it is there or being made. */
  async named(name: string): Promise<Snapshot | undefined> {
    const [found] = await snapshotsWhere(
      this.books,
      `join projections.snapshot_names n on n.snapshot = s.id
        where n.name = $1 and s.status in ('ready', 'building', 'waiting')`,
      [name],
    );
    return found;
  }

  /** The point of the one of a name. */
  async pointNamed(name: string): Promise<Point | undefined> {
    const found = await this.named(name);
    return found && pointOf(found);
  }

  /**
   * Cancels one that is not there yet, or drops one; whoever still reads it reads to the end.
   * @returns as it is from then on: `cancelled`, or `dropping`
   * @throws NotFound
   */
  async remove(id: string, by: string): Promise<Snapshot> {
    const before = await this.show(id);
    const { rows } = await this.books.query<Pick<Snapshot, 'status' | 'reason' | 'endedAt'>>(
      `update projections.snapshots set
         status = case when status in ('waiting', 'building') then 'cancelled' else 'dropping' end,
         reason = case when status in ('failed', 'cancelled', 'dropping') then reason else $2 end,
         ended_at = coalesce(ended_at, $3)
       where id = $1 returning status, reason, ended_at as "endedAt"`,
      [id, `by ${by}`, this.clock.now()],
    );
    // Dropped by another since it was looked for.
    if (!rows[0]) throw new NotFound(`there is no snapshot ${id}`);
    this.keeper.kick();
    return { ...before, ...rows[0] };
  }

  /**
   * Drops all snapshots that hold rows about any of these customers, and those that are being made, and waits until they
   * are gone: what an erasure has to do, as the rows hold personal values in the open.
   * @returns their ids
   */
  dropHolding(subjects: readonly string[]): Promise<string[]> {
    return dropHolding(this.books, subjects, (each) => dropSnapshot(this.builders, each, 60_000));
  }

  /** A ready snapshot that has these parts, exactly so. */
  async find(logId: string, parts: readonly SnapshotPart[]): Promise<Snapshot | undefined> {
    const [found] = await snapshotsWhere(
      this.books,
      `where s.status = 'ready' and ${COVERS} order by s.made_at limit 1`,
      coverParameters(logId, parts),
    );
    return found;
  }

  private async end(): Promise<void> {
    await Promise.all([this.keeper.stop(), this.maker.stop()]);
    await Promise.all([this.books.end(), this.builders.end()]);
  }

  private model(name: string): Model {
    const model = this.models.get(name);
    if (!model)
      refuse('/projections', `there is no projection '${name}'; there are ${[...this.models.keys()].join(', ')}`);
    return model;
  }
}

function refuse(pointer: string, message: string): never {
  throw new InvalidInput([{ pointer, message }]);
}
