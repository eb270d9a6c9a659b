import type { Pool, PoolClient } from '#platform/postgres/pool.js';
import type { Snapshot } from './snapshot.js';

export type Database = Pick<Pool | PoolClient, 'query'>;

const SELECT = `select s.id, s.schema, s.status, s.log_id as "logId", s.incarnation, s.partitions, s.through::text, s.now, s.step,
    s.began::text, s.position::text, s.target::text, s.bytes::text, s.made_by as "madeBy", s.made_at as "madeAt",
    s.ended_at as "endedAt", s.last_used_at as "lastUsedAt", s.kept_until as "keptUntil", s.failure, s.reason,
    array(select n.name from projections.snapshot_names n where n.snapshot = s.id order by 1) as names,
    (select jsonb_agg(jsonb_build_object('projection', p.projection, 'version', p.version, 'targets', p.targets::text[])
                      order by p.projection) from projections.snapshot_parts p where p.snapshot = s.id) as parts
  from projections.snapshots s`;

function snapshotOf(row: any): Snapshot {
  const { through, began, position, target, bytes, parts, ...same } = row;
  return {
    ...same,
    through: BigInt(through),
    began: BigInt(began),
    position: BigInt(position),
    target: BigInt(target),
    bytes: Number(bytes),
    parts: (parts ?? []).map((part: any) => ({ ...part, targets: part.targets.map(BigInt) })),
  };
}

/** @param rest SQL after the `from`, about `s` */
export async function snapshotsWhere(
  database: Database,
  rest: string,
  parameters: readonly unknown[] = [],
): Promise<Snapshot[]> {
  const { rows } = await database.query(`${SELECT} ${rest}`, [...parameters]);
  return rows.map(snapshotOf);
}

export const snapshotById = async (database: Database, id: string): Promise<Snapshot | undefined> =>
  (await snapshotsWhere(database, 'where s.id = $1', [id]))[0];
