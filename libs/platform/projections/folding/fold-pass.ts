import type { StoredEvent } from '#platform/kernel/envelope.js';
import type { RowChange } from '../definition/table.js';
import type { Entry, TableRows } from './row-cache.js';

/** An event and its changes: a stretch of the pass. */
export interface Step {
  readonly stored: StoredEvent;
  readonly from: number;
  readonly to: number;
}

/** The row changes of the events of one `fold`, side by side; arrays that are used again, as rebuilds make millions. */
export class Pass {
  readonly changes: RowChange[] = [];
  readonly rows: TableRows[] = [];
  readonly keys: string[] = [];
  /** Held here, as loading others may push them out of the cache before their turn. */
  readonly entries: (Entry | undefined)[] = [];

  get length(): number {
    return this.changes.length;
  }

  add(change: RowChange, rows: TableRows, key: string, entry: Entry | undefined): void {
    this.changes.push(change);
    this.rows.push(rows);
    this.keys.push(key);
    this.entries.push(entry);
  }

  cut(length: number): void {
    this.changes.length = this.rows.length = this.keys.length = this.entries.length = length;
  }
}
