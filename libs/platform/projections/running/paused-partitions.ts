import type { Pool } from '#platform/postgres/pool.js';
import type { BuildWriter } from './build-writer.js';

/** A partition of a live build that waits for code which knows the next event. */
export interface PausedPartition {
  readonly projection: string;
  readonly partition: number;
  readonly position: bigint;
  readonly eventType: string;
  readonly schemaVersion: number;
}

/** Keeps, for all processes and operators to see, where partitions of a build wait. */
export async function recordPauses(pool: Pool, { name, generation, pauses }: BuildWriter): Promise<void> {
  const waiting = pauses.takeNew();
  for (const [partition, { position, type, schemaVersion }] of waiting) {
    await pool.query(
      `insert into projections.paused_partitions (projection, generation, partition, position, event_type, schema_version)
       values ($1, $2, $3, $4, $5, $6) on conflict (projection, generation, partition)
       do update set position = excluded.position, event_type = excluded.event_type,
                     schema_version = excluded.schema_version, paused_at = now()`,
      [name, generation, partition, position, type, schemaVersion],
    );
  }
}

/** The partitions of live builds that wait; those that newer code has taken on are not among them. */
export async function pausedPartitions(pool: Pool): Promise<PausedPartition[]> {
  const { rows } = await pool.query<any>(
    `select p.projection, p.partition, p.position::text, p.event_type as "eventType", p.schema_version as "schemaVersion"
       from projections.paused_partitions p join projections.builds b using (projection, generation)
       join projections.checkpoints c using (projection, generation, partition)
      where b.status = 'live' and c.position < p.position order by 1, 2`,
  );
  return rows.map((row: any) => ({ ...row, position: BigInt(row.position) }));
}

/** In words, for readiness: one sentence a projection. */
export function describePauses(paused: readonly PausedPartition[]): string[] {
  const byProjection = new Map<string, PausedPartition[]>();
  for (const each of paused) byProjection.set(each.projection, [...(byProjection.get(each.projection) ?? []), each]);
  return [...byProjection].map(([projection, all]) => {
    const first = all.reduce((least, each) => (each.position < least.position ? each : least));
    return (
      `${projection} is paused at ${first.position} (${all.length} partition${all.length > 1 ? 's' : ''}): ` +
      `${first.eventType} is of version ${first.schemaVersion} there, which this version of Yad does not know`
    );
  });
}
