import { partitionOf } from '#platform/event-bus/event-bus.js';
import { encodeArray } from '#platform/postgres/arrays.js';
import type { Projection } from '../definition/projection.js';
import type { ReadModels } from '../definition/query.js';
import type { History, Table } from '../definition/table.js';
import { quote, viewName } from '../tables/ddl.js';
import type { PastTable } from './past-rows.js';
import { throughOf, type Point } from './point.js';
import { TooMuchToFold } from './too-much-to-fold.js';

/** A table that keeps its history, and the projection that both are of. */
export interface Kept {
  readonly table: Table;
  readonly history: History;
  readonly projection: Projection;
}

/** The tables that keep their history, of these projections. */
export const keptIn = (projections: readonly Projection[]): Kept[] =>
  projections.flatMap((projection) =>
    projection.tables.flatMap((table) => (table.history ? [{ table, history: table.history, projection }] : [])),
  );

/**
 * A table as of the point, out of its history. Below the least position of the partitions every event counts, above the
 * greatest none does; of those between, `counted` says which do.
 */
export async function historyAt(
  read: Pick<ReadModels, 'rows'>,
  { table, history, projection }: Kept,
  point: Point,
  most: number,
): Promise<PastTable> {
  const positions = Array.from({ length: point.partitions }, (_, at) => throughOf(point, projection.name, at));
  const low = positions.reduce((a, b) => (a < b ? a : b));
  const high = positions.reduce((a, b) => (a > b ? a : b));
  const [since, until] = [quote(history.since), quote(history.until)];
  const from = viewName(history.table.name);
  const counted: bigint[] = [];
  if (low < high) {
    const found = await read.rows<{ subject: string; position: string }>(
      `select subject, ${since}::text as position from ${from} where ${since} > $1::int8 and ${since} <= $2::int8
       union
       select subject, ${until}::text from ${from} where ${until} > $1::int8 and ${until} <= $2::int8
       limit $3::int4`,
      [String(low), String(high), most + 1],
    );
    if (found.length > most) throw new TooMuchToFold(`more than ${most} changes of ${table.name} between partitions`);
    for (const { subject, position } of found) {
      const at = BigInt(position);
      if (at <= throughOf(point, projection.name, partitionOf(subject, point.partitions))) counted.push(at);
    }
  }
  const columns = Object.keys(table.columns).map(quote).join(', ');
  return {
    name: table.name,
    parameters: 3,
    // Not made beforehand: what is looked for in it is found by the indexes of the history.
    definition: (first) => {
      const [lowest, highest, between] = [`$${first}::int8`, `$${first + 1}::int8`, `$${first + 2}::int8[]`];
      return `${quote(table.name)} as not materialized (select ${columns} from ${from}
  where ${since} <= ${highest} and (${since} <= ${lowest} or ${since} = any(${between}))
    and (${until} is null or ${until} > ${highest} or ${until} > ${lowest} and ${until} <> all(${between})))`;
    },
    values: async () => [String(low), String(high), encodeArray('int8', counted)],
  };
}

/** The history itself, as it stands now: it may hold more than was known then, never less. */
export const wholeHistory = ({ history: { table } }: Kept): PastTable => ({
  name: table.name,
  parameters: 0,
  definition: () => `${quote(table.name)} as not materialized (select * from ${viewName(table.name)})`,
  values: async () => [],
});
