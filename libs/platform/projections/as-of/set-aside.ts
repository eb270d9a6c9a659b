import { partitionOf } from '#platform/event-bus/event-bus.js';
import { keepsHistory, type Projection } from '../definition/projection.js';
import type { ReadModels } from '../definition/query.js';
import { PointIncomplete } from './past-reads.js';
import { throughOf, type Point } from './point.js';

const SET_ASIDE = `select d.projection, d.position::text as position, d.subject, true as waits
    from projections.dead_letters d join projections.builds b using (projection, generation)
   where b.status = 'live' and d.projection = any($1::text[])
     and (d.subject = any($3::text[]) or d.projection = any($4::text[]))
  union all
  select d.projection, d.position::text, d.subject, false from projections.discards d
    join unnest($1::text[], $2::int4[]) as p (projection, version) using (projection, version)
   where d.subject = any($3::text[])`;

/**
 * The events of these subjects that are left out of each projection: by a person's decision, which holds for every build
 * of the version.
 * @throws PointIncomplete where events that count at the point wait to be folded or left out; of anybody, where they tell
 *   who belongs to whom
 */
export async function leftOut(
  read: Pick<ReadModels, 'rows'>,
  projections: readonly Projection[],
  subjects: readonly string[],
  point: Point,
): Promise<ReadonlyMap<string, ReadonlySet<bigint>>> {
  const found = await read.rows<{ projection: string; position: string; subject: string; waits: boolean }>(SET_ASIDE, [
    projections.map(({ name }) => name),
    projections.map(({ version }) => version),
    subjects,
    projections.filter(keepsHistory).map(({ name }) => name),
  ]);
  const discarded = new Map<string, Set<bigint>>();
  for (const { projection, position: text, subject, waits } of found) {
    const position = BigInt(text);
    if (position > throughOf(point, projection, partitionOf(subject, point.partitions))) continue;
    if (waits)
      throw new PointIncomplete(`${projection} has set aside the event at ${text}, which concerns this answer`);
    const own = discarded.get(projection);
    if (own) own.add(position);
    else discarded.set(projection, new Set([position]));
  }
  return discarded;
}
