import { setImmediate as otherWork } from 'node:timers/promises';
import { isNewer } from '#platform/event-bus/consuming/pauses.js';
import { partitionOf } from '#platform/event-bus/event-bus.js';
import type { StoredEvent } from '#platform/kernel/envelope.js';
import type { Projection } from '../definition/projection.js';
import type { DecodedEvents } from '../folding/decoded-events.js';
import { EventBatchFolder } from '../folding/event-batch-folder.js';
import { ParkingFull } from '../folding/parking.js';
import { Ages } from '../folding/row-cache.js';
import { quote } from '../tables/ddl.js';
import { describeTables } from '../tables/describe-tables.js';
import { arraysOf, selectOfArrays } from '../tables/row-arrays.js';
import type { Row, TableShape } from '../tables/table-shape.js';
import type { PastTable } from './past-rows.js';
import { PointIncomplete } from './past-reads.js';
import { throughOf, type Point } from './point.js';

const known = new WeakMap<Projection, readonly TableShape[]>();
const shapesOf = (projection: Projection): readonly TableShape[] => {
  let shapes = known.get(projection);
  if (!shapes) known.set(projection, (shapes = describeTables(projection)));
  return shapes;
};

/** Events folded without letting others have their turn. */
const SLICE = 250;

/** What the rows of a question about the past are made of. */
export interface Folding {
  readonly point: Point;
  /** Of all whom it is about, by position. */
  readonly events: readonly StoredEvent[];
  readonly decoded: DecodedEvents;
  /** By projection, the positions that a person left out. */
  readonly discarded: ReadonlyMap<string, ReadonlySet<bigint>>;
}

/**
 * The tables of a projection as they were, out of the events of some. They are folded when the first of them is named: a
 * statement that reads none of them costs nothing.
 */
export function foldedTables(projection: Projection, folding: Folding): PastTable[] {
  let folded: Promise<ReadonlyMap<TableShape, readonly Row[]>> | undefined;
  return shapesOf(projection).map((shape) => {
    let values: Promise<readonly unknown[]> | undefined;
    return {
      name: shape.name,
      parameters: shape.columns.length,
      definition: (first) => `${quote(shape.name)} as (${selectOfArrays(shape, first)})`,
      values: () =>
        (values ??= (folded ??= fold(projection, folding)).then((rows) => arraysOf(shape, rows.get(shape) ?? []))),
    };
  });
}

/** As the runtime folds, in memory alone. @throws PointIncomplete where it would set an event aside */
async function fold(
  projection: Projection,
  { point, events, decoded, discarded }: Folding,
): Promise<ReadonlyMap<TableShape, readonly Row[]>> {
  const { name } = projection;
  // All were read through the furthest position of any projection.
  const counted = point.vectors.has(name)
    ? events.filter(
        ({ position, subject }) => position <= throughOf(point, name, partitionOf(subject, point.partitions)),
      )
    : events.filter(({ position }) => position <= point.through);
  const newer = counted.find((event) => isNewer(projection, event));
  if (newer) throw new PointIncomplete(`${name} does not know ${newer.type} as it is at ${newer.position}`);
  const folder = new EventBatchFolder({
    projection,
    shapes: shapesOf(projection),
    decoded,
    load: () => Promise.reject(new Error(`${name}: all rows are in memory`)),
    parked: { subjects: [], events: 0, bytes: 0 },
    discarded: discarded.get(name) ?? new Set(),
    // What is folded is bounded by its events: no row is let go of.
    ages: new Ages(Number.MAX_SAFE_INTEGER),
    empty: true,
  });
  const incomplete = (position: bigint) =>
    new PointIncomplete(`${name} cannot fold the event at ${position}, which concerns this answer`);
  try {
    for (let at = 0; at < counted.length; at += SLICE) {
      if (at > 0) await otherWork();
      await folder.fold(counted.slice(at, at + SLICE));
    }
  } catch (error) {
    if (error instanceof ParkingFull) throw incomplete(counted[0]!.position);
    throw error;
  }
  const { tables, deadLetters } = folder.take();
  folder.close();
  const [letter] = deadLetters;
  if (letter) throw incomplete(letter.event.position);
  const rows = new Map<TableShape, Row[]>();
  for (const { shape, appends, upserts } of tables)
    rows.set(shape, [...(rows.get(shape) ?? []), ...appends, ...upserts]);
  return rows;
}
