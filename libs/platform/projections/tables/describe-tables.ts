import { DataSource, type EntityMetadata } from 'typeorm';
import type { ColumnMetadata } from 'typeorm/metadata/ColumnMetadata.js';
import type { Projection, TableClass } from '../definition/projection.js';
import { personalColumnsOf } from '../definition/personal.js';
import { columnType, personalType } from './column-types.js';
import { quote } from './ddl.js';
import { TableShape, type Column, type Row } from './table-shape.js';

/** The tables of a projection, as its entities declare them. */
export async function describeTables(projection: Projection): Promise<TableShape[]> {
  const source = new DataSource({ type: 'postgres', entities: [...projection.tables] });
  // Metadata without a connection: what initialize() does after it has connected.
  await (source as unknown as { buildMetadatas(): Promise<void> }).buildMetadatas();
  return projection.tables.map((target) => {
    if (!source.hasMetadata(target)) throw new Error(`${projection.name}: ${target.name} is not a TypeORM entity`);
    try {
      return shapeOf(source, source.getMetadata(target), target, projection.appendOnly.has(target));
    } catch (error) {
      throw new Error(`${projection.name}, ${target.name}: ${(error as Error).message}`, { cause: error });
    }
  });
}

function shapeOf(source: DataSource, metadata: EntityMetadata, target: TableClass, appendOnly: boolean): TableShape {
  const columns = metadata.columns.map((column) => columnOf(source, column, target));
  const indices = metadata.indices.map((index) => ({
    name: quote(index.name),
    columns: index.columns
      .map(({ databaseName, databasePath }) => {
        const order = index.columnNamesWithOrderingMap[databasePath];
        return quote(databaseName) + (order === -1 ? ' desc' : '');
      })
      .join(', '),
    unique: index.isUnique,
    where: index.where,
  }));
  return new TableShape(target, metadata.tableName, columns, indices, appendOnly);
}

function columnOf(source: DataSource, column: ColumnMetadata, target: TableClass): Column {
  const { propertyName, databaseName, isArray, length, precision, scale } = column;
  const type = source.driver.normalizeType(column);
  const design: unknown = Reflect.getMetadata('design:type', target.prototype, propertyName);
  try {
    if (column.isGenerated) throw new Error('generated values would differ from one rebuild to the next');
    if (typeof column.default === 'function') throw new Error('defaults of the database would differ between rebuilds');
    const columnOfType = columnType(type, { isArray, length, precision, scale, design });
    return {
      property: propertyName,
      // One function a column, so that each sees one property only.
      get: new Function('row', `return row[${JSON.stringify(propertyName)}]`) as (row: Row) => unknown,
      name: quote(databaseName),
      type: personalColumnsOf(target).has(propertyName) ? personalType(columnOfType) : columnOfType,
      key: column.isPrimary,
      nullable: column.isNullable,
      fallback: column.default,
    };
  } catch (error) {
    throw new Error(`column ${propertyName}: ${(error as Error).message}`, { cause: error });
  }
}
