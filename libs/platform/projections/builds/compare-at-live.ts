import { max, min, select, type Log } from '#platform/event-bus/consuming/log-reading.js';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Build } from './builds.js';
import { compareBuilds, compareParked, type Comparison } from './compare.js';
import { fill } from './fill.js';
import { heldOpen } from './lock-waits.js';
import type { ProjectionRuntime } from './projection-runtime.js';
import { vectorOf } from './swap.js';
import type { BuildWriter } from '../running/build-writer.js';

/** How long a live build may lag behind one that is gone on with. */
const LAG_MS = 5_000;

/** Where the live build stands, so that both can be compared there; the log's head where they cannot. */
export async function targetOf(
  { pool, log }: ProjectionRuntime,
  writer: BuildWriter,
  live: Build | undefined,
): Promise<Map<number, bigint>> {
  const comparable = live?.version === writer.model.projection.version;
  const vector = comparable ? await vectorOf(pool, live) : undefined;
  const head = (await log.store.head()).position;
  if (!vector) return new Map([...writer.checkpoints.keys()].map((partition) => [partition, head]));
  return (await inTheLog(log, vector)).held;
}

/**
 * How far a build's checkpoints are in the log. One may be beyond the log's end (a log restored from an older backup),
 * or its event lost in a failover: no build can be brought there.
 */
export async function inTheLog(
  { store }: Log,
  vector: ReadonlyMap<number, bigint>,
): Promise<{ held: Map<number, bigint>; lost?: { checkpoint: bigint; head: bigint } }> {
  // Read after the vector: what is above it now is not in the log.
  const { position: head } = await store.head();
  const held = new Map<number, bigint>();
  let lost: { checkpoint: bigint; head: bigint } | undefined;
  for (const [partition, position] of vector) {
    const through = store.identity.heldThrough(position);
    held.set(partition, through < head ? through : head);
    const furthest = lost?.checkpoint ?? 0n;
    if (held.get(partition) !== position && position > furthest) lost = { checkpoint: position, head };
  }
  return { held, lost };
}

/**
 * Whether the live build comes to where a build stands that is gone on with: from there on the two can be compared.
 * One that was caught up for a swap may be ahead of a live build that lags; ahead of one that stands still it is of no
 * use.
 */
export async function liveReaches(
  { pool, log }: ProjectionRuntime,
  live: Build | undefined,
  writer: BuildWriter,
): Promise<boolean> {
  if (live?.version !== writer.model.projection.version) return true;
  for (const until = Date.now() + LAG_MS; ; await sleep(250)) {
    if (!(await isMissing(log, await vectorOf(pool, live), writer.checkpoints))) return true;
    if (Date.now() > until) return false;
  }
}

/** Whether there is an event above the one vector and not above the other; a checkpoint alone may just be quiet. */
async function isMissing(
  { store, partitions }: Log,
  from: ReadonlyMap<number, bigint>,
  to: ReadonlyMap<number, bigint>,
): Promise<boolean> {
  const open = new Map([...to].filter(([partition, position]) => position > from.get(partition)!));
  const last = max(open.values());
  for (let after = min([...open.keys()].map((partition) => from.get(partition)!)); after < last;) {
    const page = await store.readAll({ after, through: last, limit: 1_000 });
    if (page.length === 0) return false;
    if (select(page, from, open, partitions).length > 0) return true;
    after = page.at(-1)!.position;
  }
  return false;
}

/**
 * Brings a build to exactly where the live one is in one snapshot, partition by partition, and compares it with
 * the live rows of that snapshot. Live writers are not held up. Left: live.
 * @throws Error when the comparison could not be made to its end: that is no equality
 */
export async function compareAtLive(
  { pool, log }: ProjectionRuntime,
  writer: BuildWriter,
  live: Build,
  signal?: AbortSignal,
): Promise<Comparison> {
  const client = await pool.connect();
  let broken: Error | undefined;
  try {
    await client.query('begin isolation level repeatable read read only');
    return await heldOpen(client, async () => {
      const vector = await vectorOf(client, live);
      const { held, lost } = await inTheLog(log, vector);
      await fill(log, [{ writer, targets: held }], { signal });
      const { shapes, projection } = writer.model;
      const left = { database: client, schema: live.schema };
      const compared = await compareBuilds(shapes, left, { database: pool, schema: writer.schema }, signal);
      const parked = await compareParked(
        { database: client, projection: projection.name, generation: live.generation },
        { database: pool, projection: projection.name, generation: writer.generation },
      );
      return {
        ...compared,
        equal: compared.equal && parked.length === 0 && !lost,
        differences: [...compared.differences, ...parked],
        beyond: lost,
      };
    });
  } finally {
    await client.query('rollback').catch((error: Error) => (broken = error));
    client.release(broken);
  }
}
