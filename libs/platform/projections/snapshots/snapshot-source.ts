import type { Pool, PoolClient } from '#platform/postgres/pool.js';
import type { Model } from '../running/build-writer.js';
import { commentsSql, createKeySql, createTableSql, quote } from '../tables/ddl.js';
import { layoutOf } from '../builds/half-built.js';
import type { Database } from './snapshot-rows.js';
import type { Snapshot, SnapshotPart } from './snapshot.js';

/** Rows of the same projection that were folded from a part of what is wanted: they are copied, and the rest is folded. */
interface Source {
  readonly schema: string;
  readonly generation: number;
  readonly positions: readonly bigint[];
}

/** A part, and the number under which its checkpoints are. */
export interface NumberedPart extends SnapshotPart {
  readonly generation: number;
}

/** Nobody knows whether rows that rest on an event's envelope alone are those that this code would make. */
const KNOWS_ALL = `not exists (select from projections.unknown_events u where u.projection = b.projection and u.generation = b.generation)
  and not exists (select from projections.dead_letters d where d.projection = b.projection and d.generation = b.generation)`;

const POSITIONS = `array(select c.position::text from projections.checkpoints c
  where c.projection = b.projection and c.generation = b.generation order by c.partition) as positions`;

/** Another ready snapshot of the same version and layout that holds no event beyond what is wanted, and most of those. */
const SNAPSHOTS = `select b.schema, b.generation, ${POSITIONS}
  from projections.snapshots s join projections.snapshot_parts p on p.snapshot = s.id
  join projections.builds b on b.projection = p.projection and b.generation = -p.number
 where s.status = 'ready' and s.log_id = $1 and p.projection = $2 and p.version = $3 and p.layout = $4
   and ${KNOWS_ALL}
   and not exists (select from unnest(p.targets, $5::bigint[]) t(has, wanted) where has is null or wanted is null or has > wanted)
 order by (select sum(has) from unnest(p.targets) has) desc limit 1`;

/** The live build, where it has not gone beyond what is wanted. */
const LIVE = `select b.schema, b.generation, ${POSITIONS}
  from projections.builds b where b.status = 'live' and not b.holds_lost and b.projection = $1 and b.version = $2 and ${KNOWS_ALL}`;

/**
 * Makes the tables of a part with the rows that can be had by copying, and its checkpoints, in one transaction: of what
 * is read there, rows and checkpoints belong together. Left over by a process that died, it is all there or not at all.
 */
export async function makePart(
  pool: Pool,
  snapshot: Snapshot,
  part: NumberedPart,
  model: Model,
  mayCopy = true,
): Promise<void> {
  const client = await pool.connect();
  let broken: Error | undefined;
  try {
    await client.query('begin isolation level repeatable read');
    const source = mayCopy ? await sourceOf(client, snapshot, part, model) : undefined;
    for (const shape of model.shapes) {
      const table = quote(shape.name);
      // The key comes after the rows: to sort them once costs a fraction of finding each one's place.
      const keyFirst = !source && !shape.appendOnly;
      await client.query(createTableSql(shape, snapshot.schema, keyFirst));
      await client.query(commentsSql(shape, snapshot.schema));
      if (!source) continue;
      const columns = shape.columns.map(({ name }) => name).join(', ');
      await client.query(
        `insert into ${quote(snapshot.schema)}.${table} (${columns}) select ${columns} from ${quote(source.schema)}.${table}`,
      );
      if (!shape.appendOnly) await client.query(createKeySql(shape, snapshot.schema));
    }
    await record(client, snapshot, part, source);
    await client.query('commit');
  } catch (error) {
    await client.query('rollback').catch((failure: Error) => (broken = failure));
    // Dropped, or swapped and dropped, since it was chosen: what it had is folded instead.
    if (mayCopy && isMissing(error) && !broken) return await makePartAnew(pool, snapshot, part, model);
    throw error;
  } finally {
    client.release(broken);
  }
}

const makePartAnew = (pool: Pool, snapshot: Snapshot, part: NumberedPart, model: Model): Promise<void> =>
  makePart(pool, snapshot, part, model, false);

/** No such table or schema. */
const isMissing = (error: unknown): boolean =>
  ['42P01', '3F000'].includes((error as { code?: string } | null)?.code ?? '');

async function sourceOf(
  client: Database,
  { logId }: Snapshot,
  { projection, version, targets }: SnapshotPart,
  model: Model,
): Promise<Source | undefined> {
  const wanted = `{${targets.join(',')}}`;
  const [earlier] = sourcesIn(await client.query(SNAPSHOTS, [logId, projection, version, layoutOf(model), wanted]));
  const [live] = sourcesIn(await client.query(LIVE, [projection, version]));
  const usable = live && live.positions.length === targets.length && live.positions.every((at, p) => at <= targets[p]!);
  const best = usable && (!earlier || sum(live.positions) >= sum(earlier.positions)) ? live : earlier;
  // There is nothing to copy in one that has not begun.
  return best && sum(best.positions) > 0n ? best : undefined;
}

const sum = (positions: readonly bigint[]): bigint => positions.reduce((total, each) => total + each, 0n);

const sourcesIn = ({ rows }: { rows: { schema: string; generation: number; positions: string[] }[] }): Source[] =>
  rows.map(({ positions, ...same }) => ({ ...same, positions: positions.map(BigInt) }));

async function record(
  client: PoolClient,
  { schema, id }: Snapshot,
  { projection, version, generation, targets }: NumberedPart,
  source: Source | undefined,
): Promise<void> {
  await client.query(
    `insert into projections.builds (projection, generation, version, schema, status, note) values ($1, $2, $3, $4, 'snapshot', $5)`,
    [projection, generation, version, schema, `snapshot ${id}`],
  );
  const positions = source?.positions ?? targets.map(() => 0n);
  await client.query(
    `insert into projections.checkpoints (projection, generation, partition, position, epoch)
     select $1, $2::int, at - 1, position, 0 from unnest($3::bigint[]) with ordinality p(position, at)`,
    [projection, generation, `{${positions.join(',')}}`],
  );
}
