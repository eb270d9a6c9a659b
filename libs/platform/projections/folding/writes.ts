import type { Row, TableShape } from '../tables/table-shape.js';
import type { DeadLetter } from './parking.js';

/** Row changes of one table, ready to be written. */
export interface TableWrites {
  readonly shape: TableShape;
  /** New rows, whose keys no other row has. */
  readonly appends: Row[];
  /** The same, for COPY. */
  readonly copied: Buffer[];
  readonly upserts: Row[];
  readonly deletes: Row[];
}

/** A type of event, in a version of it, that this code does not know and of which only the envelope was folded. */
export interface UnknownEvent {
  readonly type: string;
  readonly version: number;
  /** Of the first that was met. */
  readonly position: bigint;
}

export interface Writes {
  readonly tables: TableWrites[];
  readonly deadLetters: DeadLetter[];
  readonly unknown: UnknownEvent[];
  /** To be called when they are durable. */
  written(): void;
}
