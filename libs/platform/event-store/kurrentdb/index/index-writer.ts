import { encodeArray } from '#platform/postgres/arrays.js';
import { createPool, inTransaction, type Pool } from '#platform/postgres/pool.js';
import type { Names } from '../names.js';
import { positionOf, propertiesOf, subjectOf, type RawRecord } from '../records.js';
import { RecordingTimes } from '../recording-times.js';

/** Somebody else has written to the index, or it was begun anew: what is known of it is read again. */
export class IndexMoved extends Error {
  constructor() {
    super('the index was written to by another process');
  }
}

/** For how long a process keeps the index up to date without saying so again. */
const LEASE = '10 seconds';

/** Writes the index, from the log: pages in their order, each in one transaction with how far it goes. */
export class IndexWriter {
  private readonly pool: Pool;
  private epoch = 0;
  readonly times = new RecordingTimes();

  constructor(
    url: string,
    private readonly names: Names,
    private readonly writer: string,
  ) {
    this.pool = createPool(url, { role: 'write', max: 1, applicationName: 'yad kurrentdb index: write' });
  }

  /**
   * Takes over the index, or keeps it, where no other process has it; an index of another log, or of this one before an
   * incarnation, is begun anew. Resolves to whether it has it.
   */
  async lead(logId: string, incarnation: number): Promise<boolean> {
    const { rows } = await this.pool.query<any>(
      `update kurrentdb_index.state set writer = $1, writer_until = clock_timestamp() + interval '${LEASE}'
        where writer = $1 or writer_until < clock_timestamp()
        returning log_id, incarnation, position::text, recorded_at, epoch`,
      [this.writer],
    );
    const [state] = rows;
    if (!state) return false;
    if (state.log_id !== logId || state.incarnation !== incarnation) {
      await this.begin(logId, incarnation);
      return this.lead(logId, incarnation);
    }
    if (state.epoch !== this.epoch || BigInt(state.position) !== this.times.through) await this.load(state);
    return true;
  }

  private async load({ position, recorded_at: recordedAt, epoch }: any): Promise<void> {
    const { rows } = await this.pool.query<any>(
      `select from_position::text as "from", recorded_at from kurrentdb_index.held_times where until_position is null`,
    );
    this.times.clear();
    this.times.learn({
      through: BigInt(position),
      latest: recordedAt?.getTime() ?? 0,
      spans: rows.map((row: any) => ({ from: BigInt(row.from), time: row.recorded_at.getTime() })),
    });
    this.epoch = epoch;
  }

  /** Empties the index, which is filled from the start again. */
  async begin(logId: string, incarnation: number): Promise<void> {
    await inTransaction(this.pool, async (client) => {
      await client.query(
        `update kurrentdb_index.state set log_id = $1, incarnation = $2, position = 0, recorded_at = null, epoch = epoch + 1`,
        [logId, incarnation],
      );
      await client.query(`delete from kurrentdb_index.events`);
      await client.query(`delete from kurrentdb_index.held_times`);
    });
    // What is there now is read when this process has it.
    this.epoch = -1;
  }

  /** The next events of the log. @throws IndexMoved */
  async write(page: readonly RawRecord[]): Promise<void> {
    const { times } = this;
    const before = times.through;
    const columns: unknown[][] = COLUMNS.map(() => []);
    for (const raw of page) {
      const position = positionOf(raw);
      times.note(position, raw.created);
      const row = this.rowOf(raw, position);
      row.forEach((value, at) => columns[at]!.push(value));
    }
    try {
      await inTransaction(this.pool, async (client) => {
        const { rowCount } = await client.query(
          `update kurrentdb_index.state set position = $1, recorded_at = $2, writer_until = clock_timestamp() + interval '${LEASE}'
            where position = $3 and epoch = $4 and writer = $5`,
          [times.through, times.last.toISOString(), before, this.epoch, this.writer],
        );
        if (rowCount !== 1) throw new IndexMoved();
        await client.query(
          INSERT,
          columns.map((values, at) => encodeArray(COLUMNS[at]!, values)),
        );
        for (const { from, until = null, time } of times.spansAfter(before)) {
          await client.query(
            `insert into kurrentdb_index.held_times values ($1, $2, $3)
             on conflict (from_position) do update set until_position = excluded.until_position`,
            [from, until, new Date(time).toISOString()],
          );
        }
      });
    } catch (error) {
      // What was noted may not be what is written: it is read again.
      this.epoch = -1;
      throw error;
    }
  }

  private rowOf(raw: RawRecord, position: bigint): unknown[] {
    const properties = propertiesOf(raw);
    const { aggregate, aggregateId } = this.names.streamIdOf(raw.streamId);
    const { events, fingerprint } = properties;
    return [
      position,
      aggregate,
      aggregateId,
      Number(raw.revision),
      subjectOf(properties, aggregateId),
      properties.commandId,
      Number(properties.ordinal),
      events === undefined ? null : Number(events),
      fingerprint === undefined ? null : Buffer.from(fingerprint, 'hex'),
      this.times.of(position, raw.created),
    ];
  }

  /** Lets another process have it at once. */
  async close(): Promise<void> {
    await this.pool
      .query(`update kurrentdb_index.state set writer = '', writer_until = '-infinity' where writer = $1`, [
        this.writer,
      ])
      .catch(() => {});
    await this.pool.end();
  }
}

const COLUMNS = ['int8', 'text', 'uuid', 'int4', 'uuid', 'uuid', 'int2', 'int2', 'bytea', 'timestamptz'] as const;
const INSERT = `insert into kurrentdb_index.events
  (position, aggregate, aggregate_id, revision, subject, command_id, ordinal, events, fingerprint, recorded_at)
  select * from unnest(${COLUMNS.map((type, at) => `$${at + 1}::${type}[]`).join(', ')})`;
