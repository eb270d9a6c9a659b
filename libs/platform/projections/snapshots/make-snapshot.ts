import { NewerEvent } from '#platform/event-bus/consuming/pauses.js';
import type { Clock } from '#platform/kernel/clock.js';
import { isUnavailable, type Pool } from '#platform/postgres/pool.js';
import { PointIncomplete } from '../as-of/past-reads.js';
import { tryLock, withSession } from '../builds/half-built.js';
import type { ProjectionRuntime } from '../builds/projection-runtime.js';
import type { Model } from '../running/build-writer.js';
import { StaleWriter } from '../running/writer-errors.js';
import { dropTables, lockOf } from './drop-snapshot.js';
import { SnapshotGone, SnapshotsFull } from './refusals.js';
import type { Snapshot, SnapshotFailure } from './snapshot.js';
import { buildSnapshot, numberedParts, refuseIncomplete, type BuildSnapshotOptions } from './snapshot-build.js';
import { sizeOf, tooLarge, type SnapshotBounds } from './snapshot-bounds.js';
import { snapshotsWhere } from './snapshot-rows.js';

export interface MakerParts {
  /** For work that takes long. */
  readonly runtime: ProjectionRuntime;
  /** For the books, which others wait for. */
  readonly books: Pool;
  readonly models: ReadonlyMap<string, Model>;
  readonly bounds: SnapshotBounds;
  readonly clock: Clock;
  readonly fill?: Pick<BuildSnapshotOptions, 'pageSize' | 'flushRows' | 'readAhead'>;
}

/** How often it is told how far a build is, and looked whether it is still wanted and small enough. */
const TICK_MS = 300;
/** A build that was begun so often, each process having died on it, is not begun again. */
const MOST_ATTEMPTS = 10;

/**
 * Builds a snapshot to its end, unless another session is at it. What it comes to stands in the books.
 * @returns whether it was for this session to do
 * @throws the signal's reason, and what will pass: it is still to be built then
 */
export async function makeSnapshot(parts: MakerParts, id: string, signal: AbortSignal): Promise<boolean> {
  return withSession(parts.runtime.pool, async (client) => {
    if (!(await tryLock(client, lockOf(id)))) return false;
    const snapshot = await begin(parts, id);
    if (snapshot) await make(parts, snapshot, signal);
    return true;
  });
}

/** Undefined where it is not to be built any more. */
async function begin({ books, clock }: MakerParts, id: string): Promise<Snapshot | undefined> {
  const { rows } = await books.query<{ attempts: number }>(
    `update projections.snapshots set status = 'building', step = '', attempts = attempts + 1
      where id = $1 and status in ('waiting', 'building') returning attempts`,
    [id],
  );
  if (!rows[0]) return undefined;
  const [snapshot] = await snapshotsWhere(books, 'where s.id = $1', [id]);
  if (rows[0].attempts <= MOST_ATTEMPTS) return snapshot;
  await end(books, id, clock, 'unforeseen', `it was begun ${MOST_ATTEMPTS} times and never came to its end`);
  return undefined;
}

async function make(parts: MakerParts, snapshot: Snapshot, signal: AbortSignal): Promise<void> {
  const { runtime, books, models, clock } = parts;
  const { id, schema } = snapshot;
  const stop = new AbortController();
  const watch = new BuildWatch(parts, snapshot, stop);
  try {
    await buildSnapshot(runtime, snapshot, models, {
      ...parts.fill,
      signal: AbortSignal.any([signal, stop.signal]),
      onStep: watch.told,
    });
    await watch.look();
    stop.signal.throwIfAborted();
    const { rowCount } = await books.query(
      `update projections.snapshots set status = 'ready', step = '', position = target, bytes = $2, ended_at = $3, last_used_at = $3
        where id = $1 and status = 'building'`,
      [id, await sizeOf(books, schema), clock.now()],
    );
    if (rowCount === 0) throw new SnapshotGone(id);
  } catch (error) {
    if (signal.aborted && !stop.signal.aborted) throw error;
    if (isPassing(error)) throw error;
    if (!(error instanceof SnapshotGone)) await end(books, id, clock, failureOf(error), (error as Error).message);
    await dropTables(runtime.pool, snapshot);
    if (failureOf(error) === 'unforeseen' && !(error instanceof SnapshotGone)) throw error;
  } finally {
    await watch.end();
  }
}

/** Another try may do it. On a full disk it would go on filling it: that ends the build, and frees what it took. */
const isPassing = (error: unknown): boolean =>
  error instanceof StaleWriter || (isUnavailable(error) && (error as { code?: string }).code !== '53100');

const end = (books: Pool, id: string, clock: Clock, failure: SnapshotFailure, reason: string): Promise<unknown> =>
  books.query(
    `update projections.snapshots set status = 'failed', failure = $2, reason = $3, ended_at = $4
      where id = $1 and status = 'building'`,
    [id, failure, reason, clock.now()],
  );

function failureOf(error: unknown): SnapshotFailure {
  if (error instanceof PointIncomplete) return 'point-incomplete';
  if (error instanceof SnapshotsFull) return 'snapshots-full';
  return error instanceof NewerEvent ? 'newer-code' : 'unforeseen';
}

/** Tells while a build goes on how far it is, and ends it where it is not wanted any more or has become too large. */
class BuildWatch {
  private step = '';
  private read: { began: bigint; position: bigint } | undefined;
  private looking: Promise<void> | undefined;
  private readonly timer: NodeJS.Timeout;

  constructor(
    private readonly parts: MakerParts,
    private readonly snapshot: Snapshot,
    private readonly stop: AbortController,
  ) {
    this.timer = setInterval(() => void this.look(), TICK_MS);
  }

  readonly told: BuildSnapshotOptions['onStep'] = (step, read) => {
    this.step = step;
    this.read = read ?? this.read;
  };

  /** One look at a time; what goes wrong with it ends the build only where it says something of the build. */
  look(): Promise<void> {
    this.looking ??= this.lookOnce()
      .catch((error: unknown) => {
        if (!isUnavailable(error)) this.stop.abort(error);
      })
      .finally(() => (this.looking = undefined));
    return this.looking;
  }

  async end(): Promise<void> {
    clearInterval(this.timer);
    await this.looking;
  }

  private async lookOnce(): Promise<void> {
    const { books, bounds } = this.parts;
    const { id, schema } = this.snapshot;
    const own = await sizeOf(books, schema);
    const { rows } = await books.query<{ others: string }>(
      `update projections.snapshots set step = $2, began = $3, position = $4, bytes = $5 where id = $1 and status = 'building'
       returning (select coalesce(sum(bytes), 0)::text from projections.snapshots where id <> $1) as others`,
      [id, this.step, this.read?.began ?? 0n, this.read?.position ?? 0n, own],
    );
    if (!rows[0]) throw new SnapshotGone(id);
    if (Number(rows[0].others) + own > bounds.mostBytes) throw new SnapshotsFull(tooLarge(bounds.mostBytes));
    await refuseIncomplete(books, await numberedParts(books, this.snapshot));
  }
}
