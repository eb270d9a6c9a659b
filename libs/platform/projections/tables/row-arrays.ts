import { encodeArray } from '#platform/postgres/arrays.js';
import { castOf } from './prepared-statements.js';
import type { Column, Row, TableShape } from './table-shape.js';

/** The values of one column, as a parameter. */
export function columnArray({ get, type }: Column, rows: readonly Row[]): Buffer {
  const values: unknown[] = [];
  for (const row of rows) {
    const value = get(row);
    values.push(value === null || value === undefined ? null : type.encode(value));
  }
  return encodeArray(type.array, values);
}

/** The values of all columns, as parameters in the order of the columns. */
export const arraysOf = (shape: TableShape, rows: readonly Row[]): Buffer[] =>
  shape.columns.map((column) => columnArray(column, rows));

/**
 * SQL of the rows that come as `arraysOf`: columns of the names, types and collations of the table.
 * @param first number of the first parameter
 */
export function selectOfArrays(shape: TableShape, first: number): string {
  const arrays = shape.columns.map(({ type }, at) => `$${first + at}::${type.array}[]`);
  const columns = shape.columns.map(({ name, type, key }, at) => {
    const value = castOf(`u.c${at}`, type.cast === null ? null : type.sql);
    // As in the table: bytes order keys.
    return `${value}${key && type.sql === 'text' ? ' collate "C"' : ''} as ${name}`;
  });
  const aliases = shape.columns.map((_, at) => `c${at}`).join(', ');
  return `select ${columns.join(', ')} from unnest(${arrays.join(', ')}) as u (${aliases})`;
}
