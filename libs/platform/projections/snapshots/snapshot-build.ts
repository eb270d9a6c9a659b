import type { Pool } from '#platform/postgres/pool.js';
import { PointIncomplete } from '../as-of/past-reads.js';
import { createIndexes } from '../builds/builds.js';
import { fill, type FillOptions } from '../builds/fill.js';
import type { ProjectionRuntime } from '../builds/projection-runtime.js';
import { ParkingFull } from '../folding/parking.js';
import { BuildWriter, type Model } from '../running/build-writer.js';
import { quote } from '../tables/ddl.js';
import type { Snapshot } from './snapshot.js';
import { makePart, type NumberedPart } from './snapshot-source.js';

/** Parts whose rows are copied, or whose indexes are made, at the same time. */
const AT_ONCE = 3;

export interface BuildSnapshotOptions extends Pick<FillOptions, 'pageSize' | 'flushRows' | 'readAhead'> {
  readonly signal: AbortSignal;
  /** Told what is done now, in words, and how far the log has been read. */
  readonly onStep: (step: string, read?: { began: bigint; position: bigint }) => void;
}

/**
 * Makes the tables of a snapshot, or goes on with them: what can be copied is, and the rest is folded in one pass over
 * the log for all of its projections.
 * @throws the signal's reason; PointIncomplete; NewerEvent; StaleWriter where another process is at it
 */
export async function buildSnapshot(
  runtime: ProjectionRuntime,
  snapshot: Snapshot,
  models: ReadonlyMap<string, Model>,
  { signal, onStep, ...given }: BuildSnapshotOptions,
): Promise<void> {
  const { pool, log, decoded } = runtime;
  const parts = await numberedParts(pool, snapshot);
  await pool.query(`create schema if not exists ${quote(snapshot.schema)}`);
  onStep('copying rows');
  const made = await madeParts(pool, parts);
  const missing = parts.filter(({ projection }) => !made.has(projection));
  await inTurns(missing, AT_ONCE, async (part) => {
    signal.throwIfAborted();
    await makePart(pool, snapshot, part, models.get(part.projection)!);
  });
  const targets = await Promise.all(
    parts.map(async ({ projection, generation, targets }) => {
      const writer = new BuildWriter(pool, models.get(projection)!, decoded, { bulk: true });
      await writer.load(generation);
      return { writer, targets: new Map(targets.entries()) };
    }),
  );
  onStep('reading the log');
  let began: bigint | undefined;
  const onPage: FillOptions['onPage'] = (_page, from) => (began ??= from);
  const onProgress: FillOptions['onProgress'] = ({ position }) =>
    onStep('reading the log', { began: began ?? 0n, position });
  try {
    if (targets.length > 0) {
      const stopped = await fill(log, targets, { ...given, signal, onPage, onProgress });
      for (const newer of stopped.values()) throw newer;
    }
  } catch (error) {
    if (!(error instanceof ParkingFull)) throw error;
    await refuseIncomplete(pool, parts);
    throw new PointIncomplete(`the read models as of this point cannot be told: ${error.plain ?? error.message}`);
  }
  await refuseIncomplete(pool, parts);
  onStep('making indexes');
  await inTurns(parts, AT_ONCE, ({ projection }) =>
    createIndexes(pool, models.get(projection)!.shapes, snapshot.schema, signal),
  );
}

/** @throws PointIncomplete where events of these parts were set aside, which nobody has decided to leave out */
export async function refuseIncomplete(pool: Pool, parts: readonly NumberedPart[]): Promise<void> {
  const { rows } = await pool.query<{ projection: string; position: string; type: string }>(
    `select d.projection, d.position::text, d.event_type as type from projections.dead_letters d
       join unnest($1::text[], $2::int[]) p(projection, generation) using (projection, generation)
      where d.cause order by d.position limit 1`,
    [parts.map(({ projection }) => projection), parts.map(({ generation }) => generation)],
  );
  const [first] = rows;
  if (!first) return;
  throw new PointIncomplete(
    `the event at position ${first.position} (${first.type}) cannot be folded into ${first.projection}: the read models ` +
      `as of this point cannot be told until it is mended, or discarded (yad dead-letters discard)`,
  );
}

/** The parts of a snapshot with their numbers. */
export async function numberedParts(pool: Pool, { id, parts }: Snapshot): Promise<NumberedPart[]> {
  const { rows } = await pool.query<{ projection: string; number: number }>(
    `select projection, number from projections.snapshot_parts where snapshot = $1`,
    [id],
  );
  const numbers = new Map(rows.map(({ projection, number }) => [projection, number]));
  return parts.map((part) => ({ ...part, generation: -numbers.get(part.projection)! }));
}

/** Those whose tables are there, from an earlier attempt. */
async function madeParts(pool: Pool, parts: readonly NumberedPart[]): Promise<Set<string>> {
  const { rows } = await pool.query<{ projection: string }>(
    `select b.projection from projections.builds b
       join unnest($1::text[], $2::int[]) p(projection, generation) using (projection, generation)`,
    [parts.map(({ projection }) => projection), parts.map(({ generation }) => generation)],
  );
  return new Set(rows.map(({ projection }) => projection));
}

/** Does work on each, some at a time. */
async function inTurns<T>(all: readonly T[], atOnce: number, work: (each: T) => Promise<void>): Promise<void> {
  const left = [...all];
  const workers = Array.from({ length: Math.min(atOnce, left.length) }, async () => {
    for (let next = left.shift(); next !== undefined; next = left.shift()) await work(next);
  });
  const ended = await Promise.allSettled(workers);
  for (const each of ended) if (each.status === 'rejected') throw each.reason;
}
