import { CopyRows } from '#platform/postgres/copy-rows.js';
import type { Row, TableShape } from '../tables/table-shape.js';
import type { Key } from '../definition/table.js';

/** Rows that are ready for COPY are bytes: so many weigh as much as one that is held as an object. */
const LIGHT = 4;
/** Bytes ready for COPY that weigh as much as a row, where they are more than their rows are. */
const LIGHT_BYTES = 2048;
/** Characters of a row from which on it counts as more than one: so many for each. */
const CHARACTERS = 1024;

/** A row in memory: as it stands now and as the database has it. Null: there is none. */
export interface Entry {
  readonly key: Key;
  row: Row | null;
  saved: Row | null;
  /** As how many rows of the usual size it counts; 1 until it is weighed. */
  weight: number;
}

/** As how many rows of the usual size a row counts. */
export const weightOf = (shape: TableShape, row: Row | null): number =>
  row ? 1 + Math.floor(shape.sizeOf(row) / CHARACTERS) : 1;

/** Rows that the projections of a process hold in memory: so many for each, and so many at most. */
const ROWS_EACH = 100_000;
const ROWS_IN_ALL = 300_000;

/**
 * Bounds the rows that are held, over all tables of all projections of a process, as some are used for every event and
 * others hardly ever. Two ages: what was not used while a whole age filled up is let go; no list to keep in order.
 */
export class Ages {
  private readonly tables = new Set<TableRows>();
  private young = 0;

  /** @param capacity rows of the usual size, a kilobyte or so; larger ones count as more than one */
  constructor(private readonly capacity: number) {}

  /** For so many projections: grows with their number, up to a bound. */
  static forProjections(count: number): Ages {
    return new Ages(Math.min(ROWS_IN_ALL, ROWS_EACH * Math.max(1, count)));
  }

  join(table: TableRows): void {
    this.tables.add(table);
  }

  /** Its rows are not used any more. */
  leave(table: TableRows): void {
    this.tables.delete(table);
  }

  /** A row is about to become young. */
  grow(weight: number): void {
    if (this.young >= this.capacity / 2) {
      this.young = 0;
      for (const table of this.tables) table.age();
    }
    this.young += weight;
  }

  /** A young row has become heavier. */
  add(weight: number): void {
    this.young += weight;
  }
}

/** The rows of one table that a writer holds: a bounded cache, and all that is changed and not yet written. */
export class TableRows {
  private young = new Map<string, Entry>();
  private old = new Map<string, Entry>();
  /** Changed since the last `take`. */
  dirty = new Map<string, Entry>();
  /** Rows that nobody is expected to ask for again, not yet taken. */
  appended: Row[] = [];
  /** Taken, on their way to the database. */
  private inFlight = new Map<string, Entry>();
  private copies: CopyRows | undefined;
  /** By how much what is changed and not yet taken is heavier than its number says. */
  private extra = 0;

  /**
   * @param complete true when the table is empty now: while nothing has been let go, what is not here does not exist
   */
  constructor(
    readonly shape: TableShape,
    private readonly ages: Ages,
    private complete: boolean,
  ) {
    ages.join(this);
  }

  /** Counts no longer among what is held. */
  leave(): void {
    this.ages.leave(this);
  }

  get(key: string): Entry | undefined {
    let entry = this.young.get(key);
    if (entry) return entry;
    entry = this.old.get(key);
    if (entry) {
      this.keep(key, entry);
      return entry;
    }
    if (this.complete) return undefined;
    // What was let go of while it waited to be written is still newer here than in the database.
    return this.dirty.get(key) ?? this.inFlight.get(key);
  }

  /** Every row of the table is here: one that is not found does not exist. */
  get isComplete(): boolean {
    return this.complete;
  }

  keep(key: string, entry: Entry): void {
    if (!this.young.has(key)) this.ages.grow(entry.weight);
    this.young.set(key, entry);
  }

  /** Takes note of how large a changed row is. */
  weigh(key: string, entry: Entry): void {
    const weight = weightOf(this.shape, entry.row);
    this.extra += weight - 1;
    if (this.young.get(key) === entry) this.ages.add(weight - entry.weight);
    entry.weight = weight;
  }

  /** Takes note of how large an appended row is. */
  weighAppended(row: Row): void {
    this.extra += weightOf(this.shape, row) - 1;
  }

  /** Lets go of what was not used for an age. */
  age(): void {
    if (this.old.size > 0) this.complete = false;
    this.old = this.young;
    this.young = new Map();
  }

  /** Makes a new row ready for COPY. */
  copy(row: Row): void {
    this.shape.copy((this.copies ??= new CopyRows()), row);
  }

  /** Makes the appended rows ready for COPY, so that they are garbage while they are young. */
  copyAppended(): void {
    if (this.appended.length === 0) return;
    for (const row of this.appended) this.copy(row);
    this.appended.length = 0;
    if (this.dirty.size === 0) this.extra = 0;
  }

  /** About how many rows wait to be written. */
  get pending(): number {
    const { copies } = this;
    const copied = copies ? Math.max(Math.ceil(copies.count / LIGHT), Math.floor(copies.size / LIGHT_BYTES)) : 0;
    return this.dirty.size + this.appended.length + this.extra + copied;
  }

  take(): { appended: Row[]; changed: Map<string, Entry> } {
    const { appended, dirty: changed } = this;
    this.inFlight = changed;
    this.dirty = new Map();
    this.appended = [];
    this.extra = 0;
    return { appended, changed };
  }

  /** What is ready for COPY; empty where nothing is. */
  takeCopied(): Buffer[] {
    return this.copies && this.copies.count > 0 ? this.copies.take() : [];
  }

  written(): void {
    this.inFlight = new Map();
  }
}
