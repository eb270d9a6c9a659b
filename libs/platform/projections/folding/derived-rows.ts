import { CopyRows } from '#platform/postgres/copy-rows.js';
import type { Key, Source } from '../definition/table.js';
import type { Row, TableShape } from '../tables/table-shape.js';
import type { TableWrites } from './writes.js';

/** The rows that a derived table has for a row of its source, by their keys. */
export function derivedRows(shape: TableShape, source: Source, row: Row | null): Map<string, Row> {
  const rows = new Map<string, Row>();
  for (const derived of row ? source.rows(row) : []) {
    const whole = { ...derived, subject: row!['subject'] } as Row & Key;
    rows.set(shape.keyText(whole), shape.row(whole, whole, null));
  }
  return rows;
}

/**
 * What changes of a table's rows come to in a table that is derived from it. Of both rows, as the database has it and
 * as it will have it, so nothing is read and nothing is kept.
 */
export class DerivedWrites {
  private upserts: Row[] = [];
  private deletes: Row[] = [];
  private copies = new CopyRows();

  constructor(
    private readonly shape: TableShape,
    private readonly source: Source,
    private readonly bulk: boolean,
  ) {}

  /** @param before the row of the source in the database; null: there is none */
  move(before: Row | null, after: Row | null): void {
    const { shape, source } = this;
    const known = derivedRows(shape, source, before);
    for (const [key, row] of derivedRows(shape, source, after)) {
      const same = known.get(key);
      known.delete(key);
      if (same && shape.equal(row, same)) continue;
      if (this.bulk && !before) shape.copy(this.copies, row);
      else this.upserts.push(row);
    }
    this.deletes.push(...known.values());
  }

  /** Undefined where nothing has changed. */
  take(): TableWrites | undefined {
    const { shape, upserts, deletes, copies } = this;
    const copied = copies.count > 0 ? copies.take() : [];
    if (copied.length + upserts.length + deletes.length === 0) return undefined;
    this.upserts = [];
    this.deletes = [];
    return { shape, appends: [], copied, upserts, deletes };
  }
}
