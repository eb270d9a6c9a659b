import { min, type Log } from '#platform/event-bus/consuming/log-reading.js';
import { inTransaction, type Pool, type PoolClient } from '#platform/postgres/pool.js';
import {
  buildsOf,
  dropBuild,
  liveBuild,
  lockBuilds,
  pointViews,
  raiseEpoch,
  setStatus,
  withStatus,
  type Build,
} from './builds.js';
import { catchUp } from './catch-up.js';
import {
  idleTimeout,
  inShortTries,
  InTheWay,
  lockTimeout,
  longHolders,
  TRY_MS,
  type WaitOptions,
} from './lock-waits.js';
import { recordSwap, type SwapGrounds } from './swap-records.js';
import type { BuildWriter } from '../running/build-writer.js';
import { viewName } from '../tables/ddl.js';

/** Live writers stand still for about so long at most while the last events are taken. */
const STILL_MS = 500;
/** A swap that does nothing for so long is undone by the server. */
const STOPPED_MS = 5_000;
/** So few events left are nothing. */
const FEW = 100n;
/** Rounds that leave no less than the one before, after which it is believed. */
const MOST_VAIN_ROUNDS = 5;

/**
 * Makes a build live, in one transaction: status, views, epochs. Live writers wait meanwhile; before the views
 * move, the build is brought to where the live one is, so that no reader sees time go backwards.
 * The build that was live is kept as `previous`; one that was kept before is dropped.
 *
 * The views cannot be had while somebody's transaction has read them, and whoever waits for a view has all its later
 * readers queue behind him. So it is not tried while such a transaction is seen; and a try that meets one all the same
 * ends after a moment, undone as a whole, and is made again later. What was caught up stays.
 * @throws Error when it was tried for too long, or the build cannot keep up with the log; NewerEvent where it has to
 *   wait for newer code
 */
export async function swap(
  pool: Pool,
  log: Log,
  writer: BuildWriter,
  build: Build,
  grounds: SwapGrounds,
  wait: WaitOptions = {},
): Promise<void> {
  const { projection } = build;
  const views = writer.model.shapes.map(({ name }) => viewName(name));
  await inShortTries(
    `the swap of ${projection}`,
    async () => {
      // A try whose connection was lost at its commit may have been done.
      if ((await liveBuild(pool, projection))?.generation === build.generation) return;
      const rate = await toHead(log, writer, wait.signal);
      const holders = await longHolders(pool, views);
      if (holders.length > 0) throw new InTheWay(`a transaction that reads its views is open: ${holders.join(', ')}`);
      await swapNow(pool, log, writer, build, grounds, rate);
    },
    wait,
  );
  await dropOutdated(pool, projection);
}

async function swapNow(
  pool: Pool,
  log: Log,
  writer: BuildWriter,
  build: Build,
  grounds: SwapGrounds,
  rate: number,
): Promise<void> {
  await inTransaction(pool, async (client) => {
    await lockTimeout(client, TRY_MS);
    // A process that is stopped in the middle must not hold up readers and writers for long.
    await idleTimeout(client, STOPPED_MS);
    await lockBuilds(client, build.projection);
    const builds = await buildsOf(client, build.projection);
    const live = withStatus(builds, 'live');
    if (live?.generation === build.generation) return;
    // Locks the live checkpoints: its writers stand still until the end, then find their fence lost.
    if (live) await raiseEpoch(client, live);
    // Read after the live writers stand still: nothing that they hold is beyond it, but for what the log has lost.
    const target = (await log.store.head()).position;
    const left = Number(target - min(writer.checkpoints.values()));
    if (left > Number(FEW) && left / rate > STILL_MS) throw new InTheWay(`${left} events came in meanwhile`);
    await level(log, writer, target);
    await raiseEpoch(client, build);
    const previous = withStatus(builds, 'previous');
    // Dropped afterwards: somebody may still be reading its tables.
    if (previous && previous.generation !== build.generation) await setStatus(client, previous, 'outdated');
    if (live) await setStatus(client, live, 'previous');
    await setStatus(client, build, 'live');
    await recordSwap(client, build, live, grounds);
    await pointViews(client, writer.model.shapes, build.schema, TRY_MS);
  });
}

/** Drops builds that came before the previous one; those that somebody still reads are left to the next time. */
export async function dropOutdated(pool: Pool, projection: string): Promise<void> {
  for (const build of await buildsOf(pool, projection)) {
    if (build.status !== 'outdated') continue;
    await dropBuild(pool, build, 500).catch(() => {});
  }
}

/**
 * Reads the log to its head, until what is left can be done while writers stand still. Each round leaves what was
 * written while it ran, so the rounds shrink if the build takes events faster than the log grows.
 * @returns how many events it takes in a millisecond
 * @throws Error when the rounds do not shrink: more is written than it can take
 */
export async function toHead(log: Log, writer: BuildWriter, signal?: AbortSignal): Promise<number> {
  let { position } = await log.store.head();
  let left = position - min(writer.checkpoints.values());
  for (let vain = 0; ;) {
    signal?.throwIfAborted();
    const began = performance.now();
    await level(log, writer, position);
    const rate = Math.max(1, Number(left)) / Math.max(0.01, performance.now() - began);
    const head = (await log.store.head()).position;
    const next = head - position;
    if (next <= FEW || Number(next) / rate <= STILL_MS) return rate;
    vain = next < left ? 0 : vain + 1;
    if (vain >= MOST_VAIN_ROUNDS) {
      throw new Error(
        `the new build of ${writer.model.projection.name} cannot keep up: it takes ${Math.round(rate * 1000)} events a second, ` +
          `and the log grows as fast; ${next} are left. Try again when less is written; it goes on where it is`,
      );
    }
    [position, left] = [head, next];
  }
}

/** Brings all partitions to a position. @throws NewerEvent where one waits before it: it would be behind the live build */
async function level(log: Log, writer: BuildWriter, position: bigint): Promise<void> {
  await catchUp(writer, log, new Map([...writer.checkpoints.keys()].map((partition) => [partition, position])));
  if (writer.pauses.first) throw writer.pauses.first;
}

/** A build's checkpoints by partition, as the connection sees them. */
export async function vectorOf(database: Pool | PoolClient, build: Build): Promise<Map<number, bigint>> {
  const { rows } = await database.query<{ partition: number; position: string }>(
    `select partition, position::text from projections.checkpoints where projection = $1 and generation = $2`,
    [build.projection, build.generation],
  );
  return new Map(rows.map(({ partition, position }) => [partition, BigInt(position)]));
}
