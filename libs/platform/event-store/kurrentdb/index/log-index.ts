import type { StreamId } from '#platform/kernel/envelope.js';
import { encodeArray } from '#platform/postgres/arrays.js';
import { bringUpToDate } from '#platform/postgres/migrations.js';
import { createPool, type Pool } from '#platform/postgres/pool.js';
import type { Receipt } from '../../event-store.js';
import type { TimesKnown } from '../recording-times.js';
import { kurrentIndexSchema } from './kurrentdb-index.migrations.js';

/** Where an event is. */
export interface IndexedEvent extends StreamId {
  readonly position: bigint;
  readonly revision: number;
}

/** How far the index goes, and of which log. */
export interface IndexState {
  /** Null before it has been written to. */
  readonly logId: string | null;
  readonly incarnation: number;
  readonly position: bigint;
  readonly recordedAt: Date | null;
}

/** What KurrentDB itself cannot be asked, from Postgres: as far as it goes, which its state says. */
export class LogIndex {
  private readonly pool: Pool;
  /** Of which log and incarnation it must be for its answers to count. */
  private of: { readonly logId: string; readonly incarnation: number } | undefined;

  private constructor(url: string) {
    this.pool = createPool(url, {
      role: 'read',
      max: 3,
      applicationName: 'yad kurrentdb index: read',
      indexesOnly: true,
    });
  }

  /** @throws NotMigrated */
  static async open(url: string): Promise<LogIndex> {
    await bringUpToDate(url, kurrentIndexSchema);
    return new LogIndex(url);
  }

  /** From now on answers are only taken from what was made of this log as it is now. */
  expect(logId: string, incarnation: number): void {
    this.of = { logId, incarnation };
  }

  /** How far it goes; 0 where it is of another log, or of the log as it was before an incarnation. */
  async state(): Promise<IndexState> {
    const { rows } = await this.pool.query<any>({
      name: 'state',
      text: `select log_id, incarnation, position::text, recorded_at from kurrentdb_index.state`,
    });
    const { log_id: logId, incarnation, position, recorded_at: recordedAt } = rows[0];
    const counts = logId === this.of?.logId && incarnation === this.of?.incarnation;
    return counts
      ? { logId, incarnation, position: BigInt(position), recordedAt }
      : { logId, incarnation, position: 0n, recordedAt: null };
  }

  /** What it knows of times beyond what is known up to a position. */
  async times(after: bigint): Promise<TimesKnown | undefined> {
    const { position: through, recordedAt } = await this.state();
    if (through <= after || !recordedAt) return undefined;
    const { rows } = await this.pool.query<any>({
      name: 'times',
      text: `select from_position::text as "from", until_position::text as until, recorded_at
               from kurrentdb_index.held_times where until_position is null or until_position > $1 order by from_position`,
      values: [after],
    });
    // It may have moved on between the two: what is beyond its state as it was is for the next look.
    const spans = rows
      .map(({ from, until, recorded_at: time }: any) => ({
        from: BigInt(from),
        until: until === null || BigInt(until) > through ? undefined : BigInt(until),
        time: time.getTime(),
      }))
      .filter(({ from }: { from: bigint }) => from <= through);
    return { through, latest: recordedAt.getTime(), spans };
  }

  /** The last event that it knows at or below a position; 0 where there is none. */
  async floor(position: bigint): Promise<bigint> {
    const { position: through } = await this.state();
    if (through === 0n) return 0n;
    const { rows } = await this.pool.query<{ position: string }>({
      name: 'floor',
      text: `select position::text from kurrentdb_index.events where position <= $1 order by position desc limit 1`,
      values: [position < through ? position : through],
    });
    return BigInt(rows[0]?.position ?? 0);
  }

  /** The last of its events that count as recorded at or before an instant; undefined where it knows of no later one. */
  async positionAt(instant: Date): Promise<bigint | undefined> {
    const { position, recordedAt } = await this.state();
    if (position === 0n || !recordedAt || recordedAt <= instant) return undefined;
    const { rows } = await this.pool.query<{ position: string }>({
      name: 'position-at',
      text: `select position::text from kurrentdb_index.events where recorded_at <= $1
              order by recorded_at desc, position desc limit 1`,
      values: [instant.toISOString()],
    });
    return BigInt(rows[0]?.position ?? 0);
  }

  /** Where the events about subjects are, and up to where that is all. */
  async ofSubjects(
    subjects: readonly string[],
    { after, through, limit }: { after: bigint; through: bigint; limit: number },
  ): Promise<{ readonly events: IndexedEvent[]; readonly through: bigint }> {
    const { position } = await this.state();
    if (position <= after) return { events: [], through: position };
    const { rows } = await this.pool.query<any>({
      name: 'subjects',
      text: `select e.position::text, e.aggregate, e.aggregate_id as "aggregateId", e.revision
               from unnest($1::uuid[]) s(id) cross join lateral
                 (select * from kurrentdb_index.events e where e.subject = s.id and e.position > $2 and e.position <= $3
                   order by e.position limit $4) e
              order by e.position limit $4`,
      values: [encodeArray('uuid', [...new Set(subjects)]), after, through < position ? through : position, limit],
    });
    return { events: rows.map((row: any) => ({ ...row, position: BigInt(row.position) })), through: position };
  }

  /** Receipts of commands all of whose events it has. */
  async receipts(commandIds: readonly string[]): Promise<Map<string, Receipt>> {
    const { position } = await this.state();
    if (position === 0n) return new Map();
    const { rows } = await this.pool.query<any>({
      name: 'receipts',
      text: `select c.id as "commandId", first.fingerprint, first.subject, first.aggregate, first.aggregate_id as "aggregateId",
                    whole.revision, whole.position::text, whole.events
               from unnest($1::uuid[]) c(id)
               cross join lateral (select * from kurrentdb_index.events e where e.command_id = c.id and e.ordinal = 0) first
               cross join lateral (select max(e.revision) filter (where e.aggregate_id = first.aggregate_id
                     and e.aggregate = first.aggregate) as revision,
                   max(e.position) as position, count(*)::int as events
                 from kurrentdb_index.events e where e.command_id = c.id) whole
              where whole.events = first.events and whole.position <= $2`,
      values: [encodeArray('uuid', [...commandIds]), position],
    });
    return new Map(rows.map((row: any) => [row.commandId, { ...row, position: BigInt(row.position) }]));
  }

  async close(): Promise<void> {
    await this.pool.end();
  }
}
