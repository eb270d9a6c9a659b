import type { Pool, PoolClient } from '#platform/postgres/pool.js';
import type { Projection } from '../definition/projection.js';
import { LETTER_BYTES, type Parked } from '../folding/parking.js';

/** Where a build stands, and what is set aside in it. */
export interface BuildState {
  readonly schema: string;
  readonly isLive: boolean;
  readonly epoch: number;
  readonly checkpoints: Map<number, bigint>;
  readonly parked: Parked;
  /** Positions that a person left out for this version. */
  readonly discarded: ReadonlySet<bigint>;
}

/** Reads it from the database; undefined for a generation that is not there. */
export async function readBuildState(
  database: Pool | PoolClient,
  { name, version }: Projection,
  generation: number,
): Promise<BuildState | undefined> {
  // The epoch is read first: an operation in between raises it, and the next write fails.
  const { rows } = await database.query<any>(
    `select b.schema, b.status = 'live' as live, c.partition, c.position::text, c.epoch from projections.builds b
       join projections.checkpoints c using (projection, generation)
      where b.projection = $1 and b.generation = $2 and b.status <> 'dropped'`,
    [name, generation],
  );
  if (rows.length === 0) return undefined;
  const parked = await database.query<any>(
    `select subject, count(*)::int as events,
            sum(${LETTER_BYTES} + octet_length(error) + octet_length(subject) + octet_length(event_id) + octet_length(event_type))::int8::text as bytes
       from projections.dead_letters where projection = $1 and generation = $2 group by subject`,
    [name, generation],
  );
  const discarded = await database.query<any>(
    `select position::text from projections.discards where projection = $1 and version = $2`,
    [name, version],
  );
  return {
    schema: rows[0].schema,
    isLive: rows[0].live,
    epoch: rows[0].epoch,
    checkpoints: new Map(rows.map((row) => [row.partition, BigInt(row.position)])),
    parked: {
      subjects: parked.rows.map((row) => row.subject),
      events: parked.rows.reduce((sum, row) => sum + row.events, 0),
      bytes: parked.rows.reduce((sum, row) => sum + Number(row.bytes), 0),
    },
    discarded: new Set(discarded.rows.map((row) => BigInt(row.position))),
  };
}
