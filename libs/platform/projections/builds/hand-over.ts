import type { PoolClient } from '#platform/postgres/pool.js';
import type { Projection } from '../definition/projection.js';
import { grantToReadersSql, quote, viewName } from '../tables/ddl.js';
import { describeTables } from '../tables/describe-tables.js';

/** Tables, views and schemas of builds that belong to somebody else than the role of the apps. */
const FOREIGN = `
with built as (
  select n.oid, n.nspname, n.nspowner from pg_namespace n join projections.builds b on b.schema = n.nspname
   where b.status <> 'dropped'),
tables as (
  select c.oid, c.relowner, c.relname, c.relkind, b.nspname from pg_class c join built b on b.oid = c.relnamespace
   where c.relkind in ('r', 'p'))
select format('alter schema %I owner to ', nspname) as change from built where nspowner <> $1::regrole
union all
select format('alter table %I.%I owner to ', nspname, relname) from tables where relowner <> $1::regrole
union all
select distinct format('alter view %I.%I owner to ', n.nspname, v.relname)
  from pg_class v join pg_namespace n on n.oid = v.relnamespace
 where n.nspname = 'analytics' and v.relkind = 'v' and v.relowner <> $1::regrole
   and v.relname in (select relname from tables)`;

/**
 * Hands builds that the owner's processes made to the role of the apps, and grants to the readers what the views show.
 * What the role has already is not touched, so that nobody who reads is waited for a second time.
 * @returns how many things were handed over
 */
export async function handOverBuilds(
  client: PoolClient,
  projections: readonly Projection[],
  app: string,
): Promise<number> {
  const { rows } = await client.query<{ change: string }>(FOREIGN, [app]);
  for (const { change } of rows) await client.query(`${change}${quote(app)}`);
  for (const shape of projections.flatMap(describeTables)) {
    const { rowCount } = await client.query(`select from pg_class where oid = to_regclass($1)`, [viewName(shape.name)]);
    if (rowCount) await client.query(grantToReadersSql(shape));
  }
  return rows.length;
}
