import type { z } from 'zod';
import { uuid, type Column } from './columns.js';

/** The columns of a table beside its subject, by name. */
export type Columns = Readonly<Record<string, Column>>;

type Camel<S extends string> = S extends `${infer Head}_${infer Rest}` ? `${Head}${Capitalize<Camel<Rest>>}` : S;
type NameOf<C extends Column, Own extends string> = C['is']['name'] extends string ? C['is']['name'] : Camel<Own>;

/** A row as folds have it. */
export type Row<C extends Columns> = { readonly subject: string } & { readonly [N in keyof C]: C[N]['value'] };
/** What identifies a row: the subject, and the columns that are declared as of the key. */
export type KeyOf<C extends Columns> = { readonly subject: string } & {
  readonly [N in keyof C as C[N]['is']['key'] extends true ? N : never]: C[N]['value'];
};
/** The fields of an answer that the columns give. */
export type Fields<C extends Columns> = {
  [N in keyof C & string as NameOf<C[N], N>]: C[N]['is']['schema'];
};

/** An index, by the columns in it. */
export type Index<Name extends string = string> =
  readonly Name[] | { readonly columns: readonly Name[]; readonly where?: string; readonly name?: string };

/** A key of any table. */
export type Key = Readonly<Record<string, string | number | bigint | Date>>;

/** A change of one row: which row, and what becomes of it. Null deletes the row. */
export interface RowChange<R extends object = any> {
  readonly table: Table<R>;
  readonly key: Key;
  readonly fold: (row: R | undefined) => R | null;
  /** Set by `append`: no row has this key yet, so none is looked for. */
  readonly fresh?: boolean;
}

/** Of a derived table: the table whose rows its own are worked out of, and how. */
export interface Source {
  readonly table: Table;
  readonly rows: (row: any) => readonly object[];
}

/**
 * Of a table whose past is kept: the table with a row for each time that a row of it stood, and the columns of positions
 * between which it did. The other columns have the same names in both.
 */
export interface History {
  readonly table: Table;
  /** Position of the event that set the row. */
  readonly since: string;
  /** Position of the event that ended it; null while it stands. */
  readonly until: string;
}

interface Declaration<C extends Columns> {
  /** What a row is: the table's comment in the database. */
  about: string;
  /** Whose a row is. */
  subject?: string;
  columns: C;
  indexes?: readonly Index<(keyof C & string) | 'subject'>[];
  /** Absent: the past is not kept. */
  history?: History;
}

/**
 * A read model's table. All that speaks of its columns derives from one declaration: the table and its comments, the row
 * in folds, the entity of TypeORM, the select list and the fields of answers.
 */
export class Table<R extends object = any, K extends object = any, Shape extends z.ZodRawShape = any> {
  /** Types only. */
  declare readonly row: R;
  declare readonly key: K;
  readonly columns: Columns;
  /** The fields of answers by their names, which are the columns' in camel case or what they are shown `as`. */
  readonly fields: Shape;
  private readonly names = new Map<string, string>();

  constructor(
    readonly name: string,
    readonly about: string,
    subject: Column,
    columns: Columns,
    readonly indexes: readonly Index[],
    readonly source?: Source,
    readonly history?: History,
  ) {
    this.columns = { subject, ...columns };
    // They stand in SQL as they are.
    const odd = [name, ...Object.keys(columns)].find((each) => !/^[a-z][a-z0-9_]*$/.test(each));
    if (odd !== undefined) throw new Error(`'${odd}' is not a name of a table or column: small letters, digits and _`);
    const fields: Record<string, z.ZodType> = {};
    for (const [own, column] of Object.entries(columns)) {
      const shown = column.parts.name ?? own.replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
      if (shown in fields) throw new Error(`${name}: two columns are shown as '${shown}'`);
      fields[shown] = column.schema;
      this.names.set(shown, own);
    }
    this.fields = fields as unknown as Shape;
  }

  /**
   * A change of the row with this key. The fold gets the row as it stands (undefined: there is none), must not change it,
   * and gives the new one; the key is filled in.
   */
  change(key: K, fold: (row: R | undefined) => R | null): RowChange<R> {
    return { table: this, key: key as Key, fold };
  }

  /**
   * A new row of an append-only table, whose key no other event can give (it holds the event's position or id): a
   * timeline's entry. Spares the look-up that `change` needs; the row is not kept in memory.
   */
  append(key: K, row: R): RowChange<R> {
    return { table: this, key: key as Key, fold: () => row, fresh: true };
  }

  /** The select list of the fields, or of some of them, from the table's alias. */
  select(alias: string, fields: Iterable<keyof Shape & string> = this.names.keys()): string {
    return [...fields]
      .map((shown) => {
        const own = this.column(shown);
        const sql = `${alias}.${own}`;
        return `${this.columns[own]!.parts.shown(sql)} as "${shown}"`;
      })
      .join(', ');
  }

  /** The column that a field of an answer shows. @throws Error for a field that there is not */
  column(field: string): string {
    const own = this.names.get(field);
    if (own === undefined) throw new Error(`${this.name} has no column that is shown as '${field}'`);
    return own;
  }

  /** The columns that hold personal values. */
  get personal(): ReadonlySet<string> {
    const personal = Object.entries(this.columns).filter(([, { parts }]) => parts.isPersonal);
    return new Set(personal.map(([name]) => name));
  }
}

/** The type of a table's rows. */
export type RowOf<T extends Table> = T['row'];

/**
 * Declares a table. Its key begins with `subject`, the event's, which every table has: customers' events come in any
 * order among each other, and a row that two of them change would depend on which was first.
 */
export function table<const C extends Columns>(
  name: string,
  { about, subject, columns, indexes = [], history }: Declaration<C>,
): Table<Row<C>, KeyOf<C>, Fields<C>> {
  if ('subject' in columns) throw new Error(`${name}: every table has the column 'subject' already`);
  const own = uuid().key();
  return new Table(
    name,
    about,
    subject === undefined ? own : own.describe(subject),
    columns,
    indexes,
    undefined,
    history,
  );
}

/** A derived table's columns beside its subject, which is that of the row that they are worked out of. */
type DerivedRow<C extends Columns> = { readonly [N in keyof C]: C[N]['value'] };

/**
 * Declares a table whose rows are worked out of another's, each of one of them: an index of what stands in a list, with
 * an order beside it. No fold changes it: whenever a row of the source changes, its rows here are what `rows` gives.
 * @param rows pure; no two of one row have one key
 */
export function derivedTable<const C extends Columns, S extends Table>(
  name: string,
  {
    from,
    rows,
    ...declared
  }: Omit<Declaration<C>, 'subject' | 'history'> & { from: S; rows: (row: S['row']) => readonly DerivedRow<C>[] },
): Table<Row<C>, KeyOf<C>, Fields<C>> {
  const { about, columns, indexes } = table(name, declared);
  const { subject, ...own } = columns;
  return new Table(name, about, subject!, own, indexes, { table: from, rows });
}
