import type { RecordedEvent } from '#platform/kernel/envelope.js';
import { changesOf, checkKind, type Projection } from '../definition/projection.js';
import type { Key } from '../definition/table.js';
import { describeTables } from '../tables/describe-tables.js';
import type { Row, TableShape } from '../tables/table-shape.js';
import { derivedRows } from './derived-rows.js';

/**
 * The rows that a projection makes of these events, by table name, each table's sorted by key: what the
 * runtime writes, without a database. Rows are frozen, so that a fold that changes one in place throws.
 */
export function foldInMemory(
  projection: Projection,
  events: Iterable<RecordedEvent>,
): Map<string, Record<string, unknown>[]> {
  const tables = new Map(projection.tables.map((table) => [table, new Map<string, Record<string, unknown>>()]));
  for (const event of events) {
    for (const change of changesOf(projection, event)) {
      const { table, key, fold } = change;
      const rows = tables.get(table);
      if (!rows) throw new Error(`${projection.name} changes ${table.name}, which is not among its tables`);
      checkKind(change, projection.appendOnly.has(table));
      const place = textOf(key);
      const folded = fold(rows.get(place));
      if (folded === null) rows.delete(place);
      else rows.set(place, Object.freeze({ ...folded, ...key }));
    }
  }
  for (const shape of describeTables(projection)) {
    const { source } = shape.target;
    if (!source) continue;
    const derived = tables.get(shape.target)!;
    for (const row of tables.get(source.table)!.values()) {
      for (const each of derivedRows(shape, source, row).values()) derived.set(textOf(keyOf(shape, each)), each);
    }
  }
  return new Map(
    [...tables].map(([table, rows]) => [
      table.name,
      [...rows].toSorted(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)).map(([, row]) => row),
    ]),
  );
}

const keyOf = ({ keys }: TableShape, row: Row): Key =>
  Object.fromEntries(keys.map(({ property }) => [property, row[property]])) as Key;

// Numbers are padded, so that keys sort as the database sorts them.
const textOf = (key: Key): string =>
  JSON.stringify(
    Object.values(key).map((part) =>
      typeof part === 'string' || part instanceof Date ? part : String(part).padStart(20, '0'),
    ),
  );
