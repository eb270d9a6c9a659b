import type { Batch, PartitionedEvent } from '#platform/event-bus/consuming/log-reading.js';
import type { StoredEvent } from '#platform/kernel/envelope.js';
import type { Pool, PoolClient } from '#platform/postgres/pool.js';
import type { DecodedEvents } from '../folding/decoded-events.js';
import { EventBatchFolder } from '../folding/event-batch-folder.js';
import { messageOf } from '../folding/parking.js';
import { Ages } from '../folding/row-cache.js';
import type { Projection } from '../definition/projection.js';
import type { Key } from '../definition/table.js';
import { loadRows, type Reader } from '../tables/load-rows.js';
import type { Row, TableShape } from '../tables/table-shape.js';
import { copyBuild, writeBuild, type BuildWrite, type CheckpointUpdate } from '../tables/write-statement.js';
import { readBuildState } from './build-state.js';
import { isNewer, NewerEvent, Pauses } from '#platform/event-bus/consuming/pauses.js';
import { isDataError, StaleWriter } from './writer-errors.js';

/** A projection with its tables looked up. */
export interface Model {
  readonly projection: Projection;
  readonly shapes: readonly TableShape[];
}

export interface WriterOptions {
  /** Bounds the rows held in memory, with those of others; of its own when absent. */
  readonly ages?: Ages;
  /** The connection is in a transaction: a refused write is undone by savepoint. */
  readonly inTransaction?: boolean;
  /** Many rows are folded between two writes; new ones go down by COPY. Needs a pool. */
  readonly bulk?: boolean;
}

/** Rows of a writer that shares its bound with nobody. */
const OWN_ROWS = 100_000;
/** Unknown events of one type are noted again after so long, so that it shows that somebody still meets them. */
const NOTE_AGAIN_MS = 10_000;

/** A write of a build that is under way. */
export interface PendingWrite extends BuildWrite {
  /** To be called when it is durable. */
  readonly written: () => void;
}

/**
 * Writes one build of a projection: folds events, writes rows and checkpoints in one transaction, of its own or, by
 * `take`, in one that others share. Not to be used by two callers at once; two writers of the same build do each other
 * no harm, as one's compare-and-set fails.
 */
export class BuildWriter {
  private folding: EventBatchFolder | undefined;
  private epoch = 0;
  private readonly ages: Ages;
  private readonly poison = new Map<bigint, string>();
  private readonly noted = new Map<string, number>();
  private reader: Reader;
  schema = '';
  generation = 0;
  /** By partition; every event of the partition at or below is written. */
  checkpoints = new Map<number, bigint>();
  /** Partitions that wait for newer code. */
  readonly pauses: Pauses;

  constructor(
    private readonly database: Pool | PoolClient,
    readonly model: Model,
    readonly decoded: DecodedEvents,
    private readonly options: WriterOptions = {},
  ) {
    this.ages = options.ages ?? new Ages(OWN_ROWS);
    this.reader = database as Reader;
    this.pauses = new Pauses(model.projection);
  }

  get name(): string {
    return this.model.projection.name;
  }

  /** Rows are read over this from now on; over the writer's own connections when absent. */
  readOver(reader?: Reader): void {
    this.reader = reader ?? (this.database as Reader);
  }

  /**
   * Reads where the build stands; forgets all rows held.
   * @param live it must be the live one as of the epoch that is read, so that a swap is noticed whenever it comes
   */
  async load(generation: number, { live = false } = {}): Promise<void> {
    const { projection, shapes } = this.model;
    const state = await readBuildState(this.database, projection, generation);
    if (!state) throw new StaleWriter(`${projection.name} has no generation ${generation}`);
    if (live && !state.isLive)
      throw new StaleWriter(`generation ${generation} of ${projection.name} is not live any more`);
    const { schema, epoch, checkpoints, parked, discarded } = state;
    this.generation = generation;
    this.schema = schema;
    this.epoch = epoch;
    this.checkpoints = checkpoints;
    this.folding?.close();
    this.pauses.clear();
    this.noted.clear();
    this.folding = new EventBatchFolder({
      projection,
      shapes,
      decoded: this.decoded,
      load: (shape: TableShape, keys: readonly Key[]): Promise<Row[]> =>
        loadRows(this.reader, this.schema, shape, keys),
      parked,
      discarded,
      poison: this.poison,
      ages: this.ages,
      bulk: this.options.bulk,
      empty: [...checkpoints.values()].every((position) => position === 0n),
    });
  }

  get pending(): number {
    return this.folded.pending;
  }

  private get folded(): EventBatchFolder {
    if (!this.folding) throw new Error(`${this.name}: nothing is loaded`);
    return this.folding;
  }

  /** Folds into memory only; `flush` writes. */
  async fold(events: readonly StoredEvent[]): Promise<void> {
    await this.folded.fold(events);
  }

  /** The first of these that newer code is to handle: what comes behind it must not be folded. */
  newerAmong(events: readonly StoredEvent[]): NewerEvent | undefined {
    const { projection } = this.model;
    const newer = events.find((event) => isNewer(projection, event));
    return newer && new NewerEvent(projection, newer);
  }

  /**
   * What was folded and not yet written, with the checkpoints to be moved to `advance`; undefined where nothing is.
   * Until it is written, or `load` has been called, nothing else may be taken.
   */
  take(advance: ReadonlyMap<number, bigint>): PendingWrite | undefined {
    const writes = this.folded.take();
    const checkpoints: CheckpointUpdate = { partitions: [], from: [], to: [] };
    for (const [partition, to] of [...advance].toSorted(([a], [b]) => a - b)) {
      const from = this.checkpoints.get(partition);
      if (from === undefined) throw new Error(`partition ${partition} is not one of this build's`);
      if (to <= from) continue;
      checkpoints.partitions.push(partition);
      checkpoints.from.push(from);
      checkpoints.to.push(to);
    }
    if (checkpoints.partitions.length === 0 && writes.tables.length === 0 && writes.deadLetters.length === 0)
      return undefined;
    const { generation, schema, epoch, name: projection } = this;
    const unknown = writes.unknown.filter(({ type, version }) => this.isToBeNoted(`${type} ${version}`));
    return {
      target: { projection, generation, schema, epoch },
      checkpoints,
      writes: { ...writes, unknown },
      written: () => {
        writes.written();
        checkpoints.partitions.forEach((partition, at) => this.checkpoints.set(partition, checkpoints.to[at]!));
      },
    };
  }

  /**
   * Writes what was folded and moves the checkpoints to `advance`, all or nothing.
   * @throws StaleWriter, or the database's error; then `load` before anything else
   */
  async flush(advance: ReadonlyMap<number, bigint>): Promise<void> {
    const pending = this.take(advance);
    if (!pending) return;
    if (this.options.bulk) await copyBuild(this.database as Pool, pending);
    else await writeBuild(this.database, pending);
    pending.written();
  }

  private isToBeNoted(key: string): boolean {
    const now = performance.now();
    if (now - (this.noted.get(key) ?? -NOTE_AGAIN_MS) < NOTE_AGAIN_MS) return false;
    this.noted.set(key, now);
    return true;
  }

  /**
   * Folds and writes. Events whose rows the database refuses are found by halving and set aside; the others are
   * written. `events` in order within each partition; `advance` covers them. At an event that newer code is to handle
   * its partition stops.
   */
  async apply(batch: Batch): Promise<void> {
    const { events, advance } = this.pauses.admit(batch);
    const before = new Map(this.checkpoints);
    const { inTransaction } = this.options;
    if (inTransaction) await this.database.query('savepoint attempt');
    try {
      await this.fold(events.map(({ event }) => event));
      await this.flush(advance);
      if (inTransaction) await this.database.query('release savepoint attempt');
    } catch (error) {
      if (inTransaction) await this.database.query('rollback to savepoint attempt');
      if (!isDataError(error) || events.length === 0) throw error;
      await this.reloadUnmoved(before);
      if (events.length === 1) {
        const { position } = events[0]!.event;
        if (this.poison.has(position)) throw error;
        this.poison.set(position, messageOf(error));
        try {
          await this.apply({ events, advance });
        } finally {
          this.poison.delete(position);
        }
        return;
      }
      const middle = events.length >> 1;
      const first = events.slice(0, middle);
      await this.apply({ events: first, advance: ends(first) });
      await this.apply({ events: events.slice(middle), advance });
    }
  }

  /** The halves of a failed write rest on the checkpoints it rested on. */
  private async reloadUnmoved(before: ReadonlyMap<number, bigint>): Promise<void> {
    const { generation, epoch } = this;
    await this.load(generation);
    for (const [partition, position] of before) {
      if (this.epoch !== epoch || this.checkpoints.get(partition) !== position) {
        throw new StaleWriter('the checkpoint moved while a failed write was looked into');
      }
    }
  }
}

function ends(events: readonly PartitionedEvent[]): Map<number, bigint> {
  const last = new Map<number, bigint>();
  for (const { partition, event } of events) last.set(partition, event.position);
  return last;
}
