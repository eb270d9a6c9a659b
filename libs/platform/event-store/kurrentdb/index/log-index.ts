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
  /** Another one since it was begun anew. */
  readonly epoch: number;
}

interface FoundAt {
  readonly position: bigint;
  readonly isLast: boolean;
}

interface FoundOf {
  readonly events: IndexedEvent[];
  readonly through: bigint;
}

interface Stretch {
  readonly after: bigint;
  readonly through: bigint;
  readonly limit: number;
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
      text: `select log_id, incarnation, position::text, recorded_at, epoch from kurrentdb_index.state`,
    });
    const { log_id: logId, incarnation, position, recorded_at: recordedAt, epoch } = rows[0];
    const counts = logId === this.of?.logId && incarnation === this.of?.incarnation;
    return counts
      ? { logId, incarnation, position: BigInt(position), recordedAt, epoch }
      : { logId, incarnation, position: 0n, recordedAt: null, epoch };
  }

  /** Reads rows of the index that its state says it has: one that is begun anew meanwhile has them no more. */
  private async inOneEpoch<T>(read: (state: IndexState) => Promise<T>): Promise<T> {
    for (;;) {
      const before = await this.state();
      const found = await read(before);
      if (before.position === 0n || (await this.state()).epoch === before.epoch) return found;
    }
  }

  /** What it knows of times beyond what is known up to a position. */
  async times(after: bigint): Promise<TimesKnown | undefined> {
    return this.inOneEpoch((state) => this.timesIn(state, after));
  }

  private async timesIn({ position: through, recordedAt }: IndexState, after: bigint): Promise<TimesKnown | undefined> {
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
  floor(position: bigint): Promise<bigint> {
    return this.inOneEpoch(async ({ position: through }) => {
      if (through === 0n) return 0n;
      const { rows } = await this.pool.query<{ position: string }>({
        name: 'floor',
        text: `select position::text from kurrentdb_index.events where position <= $1 order by position desc limit 1`,
        values: [position < through ? position : through],
      });
      return BigInt(rows[0]?.position ?? 0);
    });
  }

  /**
   * The last of its events that count as recorded at or before an instant; not `isLast` where it knows of no later one.
   * Told with the very state that it was found in: a moment later the index may hold what was recorded after the instant.
   */
  positionAt(instant: Date): Promise<FoundAt> {
    return this.inOneEpoch((state) => this.positionIn(state, instant));
  }

  private async positionIn({ position, recordedAt }: IndexState, instant: Date): Promise<FoundAt> {
    if (position === 0n || !recordedAt || recordedAt <= instant) return { position, isLast: false };
    const { rows } = await this.pool.query<{ position: string }>({
      name: 'position-at',
      text: `select position::text from kurrentdb_index.events where recorded_at <= $1
              order by recorded_at desc, position desc limit 1`,
      values: [instant.toISOString()],
    });
    return { position: BigInt(rows[0]?.position ?? 0), isLast: true };
  }

  /** Where the events about subjects are, and up to where that is all. */
  ofSubjects(subjects: readonly string[], stretch: Stretch): Promise<FoundOf> {
    return this.inOneEpoch((state) => this.ofSubjectsIn(state, subjects, stretch));
  }

  private async ofSubjectsIn(
    { position }: IndexState,
    subjects: readonly string[],
    { after, through, limit }: Stretch,
  ): Promise<FoundOf> {
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
