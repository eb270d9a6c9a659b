import type { StoredEvent } from '#platform/kernel/envelope.js';
import type { Pool, PoolClient } from '#platform/postgres/pool.js';
import type { DecodedEvents } from '../folding/decoded-events.js';
import { EventBatchFolder, LETTER_BYTES, messageOf } from '../folding/event-batch-folder.js';
import type { Key, Projection } from '../definition/projection.js';
import type { Row, TableShape } from '../tables/table-shape.js';
import { copyAll, loadRows, writeAll, type CheckpointUpdate } from '../tables/write-statement.js';

/** A projection with its tables looked up. */
export interface Model {
  readonly projection: Projection;
  readonly shapes: readonly TableShape[];
}

/** One event and the bus partition that its subject falls in. */
export interface PartitionedEvent {
  readonly partition: number;
  readonly event: StoredEvent;
}

/** Somebody else moved the checkpoint, or an operation raised the epoch: what is held in memory is void. */
export class StaleWriter extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'StaleWriter';
  }
}

/** True for errors that come from the values, so that another try would fail likewise. */
export function isDataError(error: unknown): boolean {
  const { code } = (error ?? {}) as { code?: string };
  if (error instanceof RangeError) return true;
  return code !== undefined && /^(22|23|54)/.test(code);
}

/** Errors after which the state in the database must be read anew: the fence, deadlocks, tables dropped or swapped. */
export const isStale = (error: unknown): boolean =>
  error instanceof StaleWriter ||
  ['YD412', '40P01', '40001', '42P01', '3F000'].includes((error as { code?: string } | null)?.code ?? '');

export interface WriterOptions {
  /** Rows held in memory. */
  readonly capacity?: number;
  /** The connection is in a transaction: a refused write is undone by savepoint. */
  readonly inTransaction?: boolean;
  /** Many rows are folded between two writes; new ones go down by COPY. Needs a pool. */
  readonly bulk?: boolean;
}

/**
 * Writes one build of a projection: folds events, writes rows and checkpoints in one statement. Not to be used by
 * two callers at once; two writers of the same build do each other no harm, as one's compare-and-set fails.
 */
export class BuildWriter {
  private folding!: EventBatchFolder;
  private epoch = 0;
  private readonly poison = new Map<bigint, string>();
  schema = '';
  generation = 0;
  /** By partition; every event of the partition at or below is written. */
  checkpoints = new Map<number, bigint>();

  constructor(
    private readonly database: Pool | PoolClient,
    readonly model: Model,
    readonly decoded: DecodedEvents,
    private readonly options: WriterOptions = {},
  ) {}

  /** Reads where the build stands; forgets all rows held. */
  async load(generation: number): Promise<void> {
    const { projection, shapes } = this.model;
    const { rows } = await this.database.query<any>(
      `select b.schema, c.partition, c.position::text, c.epoch from projections.builds b
         join projections.checkpoints c using (projection, generation)
        where b.projection = $1 and b.generation = $2 and b.status <> 'dropped'`,
      [projection.name, generation],
    );
    if (rows.length === 0) throw new StaleWriter(`${projection.name} has no generation ${generation}`);
    const parked = await this.database.query<any>(
      `select subject, count(*)::int as events,
              sum(${LETTER_BYTES} + octet_length(error) + octet_length(subject) + octet_length(event_id) + octet_length(event_type))::int8::text as bytes
         from projections.dead_letters where projection = $1 and generation = $2 group by subject`,
      [projection.name, generation],
    );
    const discarded = await this.database.query<any>(
      `select position::text from projections.discards where projection = $1 and version = $2`,
      [projection.name, projection.version],
    );
    // The epoch was read first: an operation in between raises it, and the next write fails.
    this.generation = generation;
    this.schema = rows[0].schema;
    this.epoch = rows[0].epoch;
    this.checkpoints = new Map(rows.map((row) => [row.partition, BigInt(row.position)]));
    this.folding = new EventBatchFolder({
      projection,
      shapes,
      decoded: this.decoded,
      load: (shape: TableShape, keys: readonly Key[]): Promise<Row[]> =>
        loadRows(this.database, this.schema, shape, keys),
      parked: {
        subjects: parked.rows.map((row) => row.subject),
        events: parked.rows.reduce((sum, row) => sum + row.events, 0),
        bytes: parked.rows.reduce((sum, row) => sum + Number(row.bytes), 0),
      },
      discarded: new Set(discarded.rows.map((row) => BigInt(row.position))),
      poison: this.poison,
      capacity: this.options.capacity ?? 100_000,
      bulk: this.options.bulk,
      empty: rows.every((row) => row.position === '0'),
    });
  }

  get pending(): number {
    return this.folding.pending;
  }

  /** Folds into memory only; `flush` writes. */
  async fold(events: readonly StoredEvent[]): Promise<void> {
    await this.folding.fold(events);
  }

  /**
   * Writes what was folded and moves the checkpoints to `advance`, all or nothing.
   * @throws StaleWriter, or the database's error; then `load` before anything else
   */
  async flush(advance: ReadonlyMap<number, bigint>): Promise<void> {
    const writes = this.folding.take();
    const checkpointUpdate: CheckpointUpdate = { partitions: [], from: [], to: [] };
    for (const [partition, to] of [...advance].toSorted(([a], [b]) => a - b)) {
      const from = this.checkpoints.get(partition);
      if (from === undefined) throw new Error(`partition ${partition} is not one of this build's`);
      if (to <= from) continue;
      checkpointUpdate.partitions.push(partition);
      checkpointUpdate.from.push(from);
      checkpointUpdate.to.push(to);
    }
    const { name: projection } = this.model.projection;
    const { generation, schema, epoch } = this;
    if (checkpointUpdate.partitions.length === 0 && writes.tables.length === 0 && writes.deadLetters.length === 0)
      return;
    const target = { projection, generation, schema, epoch };
    if (this.options.bulk) await copyAll(this.database as Pool, target, checkpointUpdate, writes);
    else await writeAll(this.database, target, checkpointUpdate, writes);
    writes.written();
    checkpointUpdate.partitions.forEach((partition, at) => this.checkpoints.set(partition, checkpointUpdate.to[at]!));
  }

  /**
   * Folds and writes. Events whose rows the database refuses are found by halving and set aside; the others are
   * written. `events` in order within each partition; `advance` covers them.
   */
  async apply(events: readonly PartitionedEvent[], advance: ReadonlyMap<number, bigint>): Promise<void> {
    const projectionStatus = new Map(this.checkpoints);
    const { inTransaction } = this.options;
    if (inTransaction) await this.database.query('savepoint attempt');
    try {
      await this.fold(events.map(({ event }) => event));
      await this.flush(advance);
      if (inTransaction) await this.database.query('release savepoint attempt');
    } catch (error) {
      if (inTransaction) await this.database.query('rollback to savepoint attempt');
      if (!isDataError(error) || events.length === 0) throw error;
      await this.reloadUnmoved(projectionStatus);
      if (events.length === 1) {
        const { position } = events[0]!.event;
        if (this.poison.has(position)) throw error;
        this.poison.set(position, messageOf(error));
        try {
          await this.apply(events, advance);
        } finally {
          this.poison.delete(position);
        }
        return;
      }
      const middle = events.length >> 1;
      await this.apply(events.slice(0, middle), ends(events.slice(0, middle)));
      await this.apply(events.slice(middle), advance);
    }
  }

  /** The halves of a failed write rest on the checkpoints it rested on. */
  private async reloadUnmoved(projectionStatus: ReadonlyMap<number, bigint>): Promise<void> {
    const { generation, epoch } = this;
    await this.load(generation);
    for (const [partition, position] of projectionStatus) {
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
