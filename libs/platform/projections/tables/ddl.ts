import type { TableShape } from './table-shape.js';

/** A name as an SQL identifier. */
export const quote = (name: string): string => `"${name.replaceAll('"', '""')}"`;

/** The statement that makes a table in a schema: columns, NOT NULL, primary key unless told otherwise; no other index. */
export function createTableSql(shape: TableShape, schema: string, withKey = true): string {
  const columns = shape.columns.map(({ name, type, key, nullable }) => {
    // Bytes order keys, so that keyset cursors do not depend on the server's locale.
    const collate = key && type.sql === 'text' ? ' collate "C"' : '';
    return `${name} ${type.sql}${collate}${nullable ? '' : ' not null'}`;
  });
  if (withKey) columns.push(keyOf(shape));
  return `create table ${quote(schema)}.${quote(shape.name)} (${columns.join(', ')})`;
}

const keyOf = (shape: TableShape): string => `primary key (${shape.keys.map(({ name }) => name).join(', ')})`;

/** The statement that makes a table's primary key where it was left out. */
export const createKeySql = (shape: TableShape, schema: string): string =>
  `alter table ${quote(schema)}.${quote(shape.name)} add ${keyOf(shape)}`;

/** Statements that make a table's secondary indexes, where they are not there yet. */
export const createIndexesSql = (shape: TableShape, schema: string): string[] =>
  shape.indices.map(
    ({ name, columns, where }) =>
      `create index if not exists ${name} on ${quote(schema)}.${quote(shape.name)} (${columns})${where ? ` where ${where}` : ''}`,
  );

const literal = (text: string): string => `'${text.replaceAll("'", "''")}'`;

/** The statements that say in the database what a table and its columns are, as one text. */
export function commentsSql(shape: TableShape, schema: string): string {
  const table = `${quote(schema)}.${quote(shape.name)}`;
  const columns = shape.columns.flatMap(({ name, comment }) =>
    comment === undefined ? [] : [`comment on column ${table}.${name} is ${literal(comment)}`],
  );
  return [`comment on table ${table} is ${literal(shape.target.about)}`, ...columns].join(';\n');
}

/** The view that shows a table of the live build. */
export const viewName = (table: string): string => `analytics.${quote(table)}`;

/**
 * Lets the role of readers see what is not personal of a view: of the columns that the declaration knows those that the
 * view has, since it may show a table of another version. A view that was made anew has lost what was granted before.
 */
export function grantToReadersSql({ name, target }: TableShape): string {
  const view = viewName(name);
  const open = Object.keys(target.columns).filter((column) => !target.personal.has(column));
  return `do $do$ declare reader text; shown text; begin
  if to_regclass('public.yad_roles') is null then return; end if;
  select r.name into reader from public.yad_roles r where r.kind = 'reader';
  if reader is null then return; end if;
  select string_agg(quote_ident(a.attname), ', ' order by a.attnum) into shown from pg_attribute a
   where a.attrelid = '${view}'::regclass and a.attnum > 0 and a.attname = any (array[${open.map(literal).join(', ')}]);
  execute format('revoke all on ${view} from %I', reader);
  if shown is not null then execute format('grant select (%s) on ${view} to %I', shown, reader); end if;
end $do$`;
}
