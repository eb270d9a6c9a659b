import { getMetadataArgsStorage } from 'typeorm';
import type { RecordedEvent } from '#platform/kernel/envelope.js';
import type { EventContract } from '#platform/kernel/event-contract.js';

/** A class that TypeORM knows as an entity: the shape of a read model's rows. */
export type TableClass<Row extends object = any> = new () => Row;

/** The columns that identify a row. The first is `subject`, the event's: rows belong to one subject. */
export type Key = Readonly<Record<string, string | number | bigint | Date>>;

/** A change of one row: which row, and what becomes of it. Null deletes the row. */
export interface RowChange<Row extends object = any> {
  readonly table: TableClass<Row>;
  readonly key: Key;
  readonly fold: (row: Row | undefined) => Row | null;
  /** Set by `append`: no row has this key yet, so none is looked for. */
  readonly fresh?: boolean;
}

/**
 * A change of the row with this key. The fold gets the row as it stands (undefined: there is none), must not
 * change it, and gives the new one (without the key columns it may be a full row; the key is filled in).
 */
export const change = <Row extends object>(
  table: TableClass<Row>,
  key: Key,
  fold: (row: Row | undefined) => Row | null,
): RowChange<Row> => ({ table, key, fold });

/**
 * A new row of an append-only table, whose key no other event can give (it holds the event's position or id): a
 * timeline's entry. Spares the look-up that `change` needs; the row is not kept in memory.
 */
export const append = <Row extends object>(table: TableClass<Row>, key: Key, row: Row): RowChange<Row> => ({
  table,
  key,
  fold: () => row,
  fresh: true,
});

export type Handler<Data> = (event: RecordedEvent<Data>) => RowChange | readonly RowChange[];

/**
 * A read model: tables and a pure fold from events to row changes. No clock, no I/O, no randomness.
 * Every row belongs to one subject, so that partitions run side by side and deliveries of different
 * customers may come in any order.
 */
export interface Projection {
  readonly name: string;
  /** Raised when the fold or a table changes; the new version is built beside the old and swapped in. */
  readonly version: number;
  readonly tables: readonly TableClass[];
  /** Those of the tables to whose rows nothing happens any more: filled by `append`, never by `change`. */
  readonly appendOnly: ReadonlySet<TableClass>;
  readonly handlers: ReadonlyMap<string, Handler<any>>;
  /** The version in which the handlers know each type of event. At a newer one the projection waits for newer code. */
  readonly versions: ReadonlyMap<string, number>;
  /**
   * Called for every event, whatever its type, beside the handlers. Of an event that this code does not know it gets the
   * envelope, without data; what it made of it is folded again by code that knows the event.
   */
  readonly any?: Handler<any>;
  /** How much may be set aside before the projection stops. */
  readonly parkAtMost: ParkingBound;
}

/** Of the events that are set aside in a build: the projection stops rather than set aside more. */
export interface ParkingBound {
  readonly events: number;
  /** Of their lines in the table of dead letters. */
  readonly bytes: number;
}

/** A few customers' worth: what goes on failing beyond is a fault of the code, and every further event makes the way back longer. */
export const usualParkingBound: ParkingBound = { events: 10_000, bytes: 16 * 1024 * 1024 };

/** What becomes of one type of event, and the version in which the handler knows it. */
export type EventHandler = readonly [type: string, handler: Handler<any>, version: number];

/** Pairs an event's contract with its handler, with the data's type inferred. */
export const on = <Data>({ type, version }: EventContract<Data>, handler: Handler<Data>): EventHandler => [
  type,
  handler,
  version,
];

/**
 * Defines a projection.
 * @throws Error for a table whose key does not begin with the subject
 */
export function projection(definition: {
  name: string;
  version: number;
  tables: readonly TableClass[];
  appendOnly?: readonly TableClass[];
  on: readonly EventHandler[];
  any?: Handler<any>;
  parkAtMost?: Partial<ParkingBound>;
}): Projection {
  for (const table of definition.tables) checkKey(definition.name, table);
  return {
    name: definition.name,
    version: definition.version,
    tables: definition.tables,
    appendOnly: new Set(definition.appendOnly),
    handlers: new Map(definition.on.map(([type, handler]) => [type, handler])),
    versions: new Map(definition.on.map(([type, , version]) => [type, version])),
    any: definition.any,
    parkAtMost: { ...usualParkingBound, ...definition.parkAtMost },
  };
}

// Customers' events come in any order among each other: a row that two of them change would depend on which was first.
function checkKey(projection: string, table: TableClass): void {
  const [first] = getMetadataArgsStorage().columns.filter(({ target, options }) => target === table && options.primary);
  if (first?.propertyName === 'subject' && first.options.type === 'uuid') return;
  throw new Error(
    `${projection}: the key of ${table.name} does not begin with the subject, as a column 'subject' of type uuid`,
  );
}

/** The row changes of one event. */
export function changesOf(projection: Projection, event: RecordedEvent): readonly RowChange[] {
  const handler = projection.handlers.get(event.type);
  const own = handler ? asList(handler(event)) : [];
  return projection.any ? [...own, ...asList(projection.any(event))] : own;
}

/** @throws Error for an `append` to a table that is not append-only, or a `change` of one that is */
export function checkKind({ table, fresh = false }: RowChange, isAppendOnly: boolean): void {
  if (fresh === isAppendOnly) return;
  throw new Error(`${table.name} is ${isAppendOnly ? '' : 'not '}append-only: ${fresh ? 'change' : 'append to'} it`);
}

const asList = (changes: RowChange | readonly RowChange[]): readonly RowChange[] =>
  Array.isArray(changes) ? changes : [changes as RowChange];
