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
