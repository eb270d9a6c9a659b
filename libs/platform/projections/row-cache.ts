import type { Row, TableShape } from './table-shape.js';
import type { Key } from './projection.js';

/** A row in memory: as it stands now and as the database has it. Null: there is none. */
export interface Entry {
  readonly key: Key;
  row: Row | null;
  saved: Row | null;
}

/**
 * The rows of one table that a writer holds: a bounded cache, and all that is changed and not yet written.
 * Bounded by two ages: what was not used while a whole age filled up is let go; no list to keep in order.
 */
export class TableRows {
  private young = new Map<string, Entry>();
  private old = new Map<string, Entry>();
  /** Changed since the last `take`. */
  dirty = new Map<string, Entry>();
  /** Rows that nobody is expected to ask for again, not yet taken. */
  appended: Row[] = [];
  /** Taken, on their way to the database. */
  private inFlight = new Map<string, Entry>();

  /**
   * @param complete true when the table is empty now: while nothing has been let go, what is not here does not exist
   */
  constructor(
    readonly shape: TableShape,
    private readonly capacity: number,
    private complete: boolean,
  ) {}

  get(key: string): Entry | undefined {
    let entry = this.young.get(key);
    if (entry) return entry;
    entry = this.old.get(key);
    if (entry) {
      this.keep(key, entry);
      return entry;
    }
    // What was let go of while it waited to be written is still newer here than in the database.
    return this.dirty.get(key) ?? this.inFlight.get(key);
  }

  /** True when the database would have to be asked whether there is such a row. */
  mustLoad(key: string): boolean {
    return !this.complete && this.get(key) === undefined;
  }

  keep(key: string, entry: Entry): void {
    if (this.young.size >= this.capacity / 2) {
      if (this.old.size > 0) this.complete = false;
      this.old = this.young;
      this.young = new Map();
    }
    this.young.set(key, entry);
  }

  append(row: Row): void {
    this.complete = false;
    this.appended.push(row);
  }

  /** Rows that wait to be written. */
  get pending(): number {
    return this.dirty.size + this.appended.length;
  }

  take(): { appended: Row[]; changed: Map<string, Entry> } {
    const { appended, dirty: changed } = this;
    this.inFlight = changed;
    this.dirty = new Map();
    this.appended = [];
    return { appended, changed };
  }

  written(): void {
    this.inFlight = new Map();
  }
}
