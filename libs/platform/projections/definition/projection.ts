import type { RecordedEvent } from '#platform/kernel/envelope.js';
import type { EventContract } from '#platform/kernel/event-contract.js';
import type { RowChange, Table } from './table.js';

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
  readonly tables: readonly Table[];
  /** Those of the tables to whose rows nothing happens any more: filled by `append`, never by `change`. */
  readonly appendOnly: ReadonlySet<Table>;
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
 * @throws Error for a derived table without its source
 */
export function projection(definition: {
  name: string;
  version: number;
  tables: readonly Table[];
  appendOnly?: readonly Table[];
  on: readonly EventHandler[];
  any?: Handler<any>;
  parkAtMost?: Partial<ParkingBound>;
}): Projection {
  for (const { name, source } of definition.tables) {
    if (source && !definition.tables.includes(source.table)) {
      throw new Error(
        `${definition.name}: ${name} is derived from ${source.table.name}, which is not among its tables`,
      );
    }
  }
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

/** Whether it tells who belongs to whom, and so what of others an answer about somebody is made of. */
export const keepsHistory = ({ tables }: Projection): boolean => tables.some(({ history }) => history !== undefined);

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
