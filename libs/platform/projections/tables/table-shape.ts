import { DataSource, type EntityMetadata } from 'typeorm';
import type { ColumnMetadata } from 'typeorm/metadata/ColumnMetadata.js';
import type { CopyRows } from '#platform/postgres/copy-rows.js';
import { columnType, type ColumnType } from './column-types.js';
import type { Key, Projection, TableClass } from '../definition/projection.js';

/** A row as folds see it: by property name, every column present, in canonical form. */
export type Row = Record<string, unknown>;

export interface Column {
  readonly property: string;
  /** Quoted name in the database. */
  readonly name: string;
  readonly type: ColumnType;
  readonly key: boolean;
  readonly nullable: boolean;
  /** The column's value of a row. */
  readonly get: (row: Row) => unknown;
  /** Taken when a fold leaves the column out. */
  readonly fallback: unknown;
}

export interface TableIndex {
  readonly name: string;
  readonly columns: string;
  readonly unique: boolean;
  readonly where?: string;
}

/** What the runtime knows of a read model's table, from its TypeORM entity. */
export class TableShape {
  readonly keys: readonly Column[];
  private readonly values: readonly Column[];

  constructor(
    readonly target: TableClass,
    readonly name: string,
    readonly columns: readonly Column[],
    readonly indices: readonly TableIndex[],
    /** Rows are only appended: nobody looks for one by its key while a build is filled. */
    readonly appendOnly = false,
  ) {
    this.keys = columns.filter((column) => column.key);
    this.values = columns.filter((column) => !column.key);
    if (this.keys.length === 0) throw new Error(`table ${name} has no primary key`);
    this.row = this.rowMaker();
  }

  /**
   * The key as one text, the same for the same row.
   * @throws Error naming the column that is missing
   */
  keyText(key: Key): string {
    let text = '';
    for (const { property, type } of this.keys) {
      const given = key[property];
      if (given === undefined || given === null) throw new Error(`the key of ${this.name} lacks '${property}'`);
      const value = type.canonical(given);
      const part = value instanceof Date ? value.toISOString() : String(value);
      text = text === '' ? part : `${text}\u0000${part}`;
    }
    return text;
  }

  /**
   * The canonical row of what a fold gave. Columns that are as in `before` are taken over unlooked at.
   * @param fresh the row is appended, not to be folded again
   * @throws Error naming the column whose value is missing or does not fit
   */
  readonly row: (folded: object, key: Key, before: Row | null, fresh?: boolean) => Row;

  private canonical(column: Column, value: unknown, fresh: boolean): unknown {
    if (value === undefined) value = column.fallback;
    if (value === null || value === undefined) {
      if (column.nullable) return null;
      throw new Error(`${this.name}.${column.property} has no value`);
    }
    // Appended rows are not folded again, so that their documents need no canonical form.
    if (fresh && column.type.document) return value;
    try {
      return column.type.canonical(value);
    } catch (error) {
      throw new Error(`${this.name}.${column.property}: ${(error as Error).message}`, { cause: error });
    }
  }

  /**
   * A function with the columns' names written out, so that all rows of a table have one hidden class: rows built
   * in a loop over names cost a rebuild half its time.
   */
  private rowMaker(): TableShape['row'] {
    const fields = this.columns.map(({ property, key }, at) => {
      const name = JSON.stringify(property);
      const canonical = key
        ? `before !== null ? before[${name}] : columns[${at}].type.canonical(key[${name}])`
        : `before !== null && folded[${name}] === before[${name}] ? folded[${name}] : canonical(columns[${at}], folded[${name}], fresh)`;
      return `${name}: ${canonical}`;
    });
    const source = `return (folded, key, before, fresh) => ({ ${fields.join(', ')} });`;
    // oxlint-disable-next-line no-implied-eval -- names come from the entities, quoted
    const make = new Function('columns', 'canonical', source);
    return make(this.columns, (column: Column, value: unknown, fresh = false) => this.canonical(column, value, fresh));
  }

  /** About how many characters a row's texts and documents have. */
  sizeOf(row: Row): number {
    let size = 0;
    for (const { get, type } of this.columns) {
      const value = get(row);
      if (typeof value === 'string' || Buffer.isBuffer(value)) size += value.length;
      else if (Array.isArray(value) && !type.document) for (const each of value) size += String(each).length;
      else if (type.document && value !== null) size += JSON.stringify(value).length;
    }
    return size;
  }

  equal(a: Row, b: Row): boolean {
    if (a === b) return true;
    for (const { property, type } of this.values) {
      const left = a[property];
      const right = b[property];
      if (left !== right && (left === null || right === null || !type.equal(left, right))) return false;
    }
    return true;
  }

  /** Adds a row to those for a COPY. */
  copy(rows: CopyRows, row: Row): void {
    const { columns } = this;
    rows.row(columns.length);
    for (const { get, type } of columns) {
      const value = get(row);
      rows.field(type.copy, value === null || value === undefined ? null : type.copyValue(value));
    }
  }

  /** A row of the texts that the database gave for `selectList`. */
  parse(texts: readonly (string | null)[]): Row {
    const row: Row = {};
    this.columns.forEach(({ property, type }, at) => {
      const text = texts[at]!;
      row[property] = text === null ? null : type.parse(text);
    });
    return row;
  }

  /** The columns as a read wants them, from the table's alias. */
  selectList(alias: string): string {
    return this.columns.map(({ name, type }) => type.read?.(`${alias}.${name}`) ?? `${alias}.${name}`).join(', ');
  }
}

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
    return {
      property: propertyName,
      // One function a column, so that each sees one property only.
      get: new Function('row', `return row[${JSON.stringify(propertyName)}]`) as (row: Row) => unknown,
      name: quote(databaseName),
      type: columnType(type, { isArray, length, precision, scale, design }),
      key: column.isPrimary,
      nullable: column.isNullable,
      fallback: column.default,
    };
  } catch (error) {
    throw new Error(`column ${propertyName}: ${(error as Error).message}`, { cause: error });
  }
}

/** A name as an SQL identifier. */
export const quote = (name: string): string => `"${name.replaceAll('"', '""')}"`;

/** The statement that makes a table in a schema: columns, NOT NULL, primary key unless told otherwise; no other index. */
export function createTableSql(shape: TableShape, schema: string, withKey = true): string {
  const columns = shape.columns.map(({ name, type, key, nullable }) => {
    // Bytes order keys, so that keyset cursors do not depend on the server's locale.
    const collate = key && /^(text|varchar)/.test(type.sql) ? ' collate "C"' : '';
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
    ({ name, columns, unique, where }) =>
      `create ${unique ? 'unique ' : ''}index if not exists ${name} on ${quote(schema)}.${quote(shape.name)} (${columns})${where ? ` where ${where}` : ''}`,
  );
