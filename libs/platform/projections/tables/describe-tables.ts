import { createHash } from 'node:crypto';
import type { Column as Declared } from '../definition/columns.js';
import type { Projection } from '../definition/projection.js';
import type { Index, Table } from '../definition/table.js';
import { quote } from './ddl.js';
import { TableShape, type Column, type Row, type TableIndex } from './table-shape.js';

/** The tables of a projection as the runtime knows them. */
export const describeTables = ({ tables, appendOnly }: Projection): TableShape[] =>
  tables.map((table) => {
    const columns = Object.entries(table.columns).map(columnOf);
    const indices = table.indexes.map((index) => indexOf(table, index));
    return new TableShape(table, table.name, columns, indices, appendOnly.has(table));
  });

function columnOf([property, { parts }]: [string, Declared]): Column {
  const { type, isKey = false, isNullable = false, isPersonal, fallback, about } = parts;
  const words = [isPersonal ? 'Personal.' : '', about ?? ''].filter((word) => word !== '');
  return {
    property,
    // One function a column, so that each sees one property only.
    get: new Function('row', `return row[${JSON.stringify(property)}]`) as (row: Row) => unknown,
    name: quote(property),
    type,
    key: isKey,
    nullable: isNullable,
    fallback,
    comment: words.length > 0 ? words.join(' ') : undefined,
  };
}

/** PostgreSQL cuts names that are longer. */
const LONGEST_NAME = 63;

function indexOf(table: Table, index: Index): TableIndex {
  const { columns, where, name } = 'columns' in index ? index : { columns: index, where: undefined, name: undefined };
  // Of a partial index, the condition is a part of its name: with another condition it is another index.
  const condition = where === undefined ? '' : `_${createHash('sha1').update(where).digest('hex').slice(0, 6)}`;
  const made = `${[table.name, ...columns].join('_').slice(0, LONGEST_NAME - condition.length)}${condition}`;
  return { name: quote(name ?? made), columns: columns.map(quote).join(', '), where };
}
