import { CopyRows } from '#platform/postgres/copy-rows.js';
import type { Row, TableShape } from './table-shape.js';
import type { Key } from './projection.js';

/** Rows that are ready for COPY are bytes: so many weigh as much as one that is held as an object. */
const LIGHT = 4;

/** A row in memory: as it stands now and as the database has it. Null: there is none. */
export interface Entry {
  readonly key: Key;
  row: Row | null;
  saved: Row | null;
}

/**
 * Bounds the rows that a writer holds, over all its tables, as some are used for every event and others hardly ever.
 * Two ages: what was not used while a whole age filled up is let go; no list to keep in order.
 */
export class Ages {
  private readonly tables: TableRows[] = [];
  private young = 0;

  constructor(private readonly capacity: number) {}

  join(table: TableRows): void {
    this.tables.push(table);
  }

  /** A row is about to become young. */
  grow(): void {
    if (this.young >= this.capacity / 2) {
      this.young = 0;
      for (const table of this.tables) table.age();
    }
    this.young++;
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
    if (!this.young.has(key)) this.ages.grow();
    this.young.set(key, entry);
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
  }

  /** About how many rows wait to be written. */
  get pending(): number {
    return this.dirty.size + this.appended.length + Math.ceil((this.copies?.count ?? 0) / LIGHT);
  }

  take(): { appended: Row[]; changed: Map<string, Entry> } {
    const { appended, dirty: changed } = this;
    this.inFlight = changed;
    this.dirty = new Map();
    this.appended = [];
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
