import type { CopyRows } from '#platform/postgres/copy-rows.js';
import type { ColumnType } from './column-types.js';

import type { Key, Table } from '../definition/table.js';

/** A row as folds see it: by property name, every column present, in canonical form. */
export type Row = Record<string, unknown>;

export interface Column {
  readonly property: string;
  /** Quoted name in the database. */
  readonly name: string;
  readonly type: ColumnType;
  readonly key: boolean;
  readonly nullable: boolean;
  readonly comment?: string;
  /** The column's value of a row. */
  readonly get: (row: Row) => unknown;
  /** Taken when a fold leaves the column out. */
  readonly fallback: unknown;
}

export interface TableIndex {
  readonly name: string;
  readonly columns: string;
  readonly where?: string;
}

/** What the runtime knows of a read model's table, from its declaration. */
export class TableShape {
  readonly keys: readonly Column[];
  private readonly values: readonly Column[];

  constructor(
    readonly target: Table,
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
    // oxlint-disable-next-line no-implied-eval -- names come from the declarations, quoted
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
