import type { Command } from 'commander';
import { InvalidInput, NotFound } from '#platform/kernel/errors.js';
import { isId } from '#platform/kernel/ids.js';
import type { AsOf } from '#platform/projections/as-of/as-of.js';
import { failureOf } from '#platform/projections/snapshots/refusals.js';
import { isUnderWay, progressOf, type Snapshot } from '#platform/projections/snapshots/snapshot.js';
import type { Snapshots } from '#platform/projections/snapshots/snapshots.js';
import { thisOperator } from '#platform/projections/builds/swap-records.js';
import { withSnapshots } from './database.js';
import { instantAhead, wholeNumber } from './options.js';
import { ProgressShown } from './progress.js';

interface MakeFlags {
  asOf?: string;
  name?: string;
  keepUntil?: string;
}

/** How often it is looked how far a snapshot is. */
const LOOK_MS = 500;
/** How long it is waited for the tables of one that is dropped. */
const DROP_MS = 10_000;

/** Adds `yad snapshots`. */
export function addSnapshotCommands(program: Command): void {
  const snapshots = program
    .command('snapshots')
    .description('the read models as of points in the past, in tables of their own');
  snapshots
    .command('list')
    .description('lists them, the latest first')
    .option('--limit <number>', 'at most so many', '100')
    .action((given: { limit: string }) => {
      const limit = wholeNumber('--limit', given.limit, 1, 10_000);
      return withSnapshots(async (all) => {
        for (const each of await all.list(limit)) console.log(lineOf(each));
      });
    });
  snapshots
    .command('make [projections...]')
    .description('makes one, of all read models unless some are named, and waits for it')
    .option('--as-of <point>', 'a position, or an instant with its offset; all there is now without it')
    .option('--name <name>', 'under which it is found; it is kept then until it is dropped')
    .option('--keep-until <time>', 'a day such as 2027-01-01, an instant, or a time such as 90d')
    .addHelpText('after', '\nStopped by Ctrl-C, it is gone on with by a Yad that runs, or by the same command.')
    .action((projections: string[], given: MakeFlags) =>
      withSnapshots((all, points, signal) => make(all, points, projections, given, signal)),
    );
  snapshots
    .command('show <id-or-name>')
    .description('shows one')
    .action((which: string) =>
      withSnapshots(async (all) => {
        tell(await find(all, which));
      }),
    );
  snapshots
    .command('drop <id-or-name>')
    .description('cancels one that is being made, or drops one; whoever reads it reads to the end')
    .action((which: string) => withSnapshots((all, _points, signal) => drop(all, which, signal)));
}

async function make(
  all: Snapshots,
  points: AsOf,
  projections: readonly string[],
  { asOf, name, keepUntil }: MakeFlags,
  signal: AbortSignal,
): Promise<void> {
  const until = keepUntil === undefined ? undefined : instantAhead('--keep-until', keepUntil);
  const point = await named(() => (asOf === undefined ? points.head() : points.point(asOf)));
  const wanted = { by: thisOperator(), name, keepUntil: until };
  let found = await named(() => all.request(point, projections, wanted));
  const { onProgress, onStep, end } = new ProgressShown();
  let step = '';
  const began = Date.now();
  while (isUnderWay(found)) {
    if (found.step !== step) onStep((step = found.step));
    const { position, target } = found;
    const eventsPerSecond = (Math.max(0, Number(position - found.began)) * 1000) / Math.max(1, Date.now() - began);
    if (position > 0n) {
      onProgress({ position, target, eventsPerSecond, secondsLeft: Number(target - position) / eventsPerSecond });
    }
    found = await all.wait(found.id, LOOK_MS, signal);
    signal.throwIfAborted();
  }
  end();
  if (found.status !== 'ready') throw failureOf(found);
  tell(found);
}

async function drop(all: Snapshots, which: string, signal: AbortSignal): Promise<void> {
  const { id } = await find(all, which);
  const removed = await all.remove(id, thisOperator());
  if (removed.status === 'cancelled') {
    console.log(`${id} is cancelled`);
    return;
  }
  const isGone = await all.untilGone(id, DROP_MS, signal);
  console.log(isGone ? `${id} is dropped` : `${id} is dropped as soon as nobody reads it any more`);
}

/** @throws NotFound */
async function find(all: Snapshots, which: string): Promise<Snapshot> {
  if (isId(which)) return all.show(which);
  const found = await all.named(which);
  if (!found) throw new NotFound(`there is no snapshot '${which}', neither by id nor by name`);
  return found;
}

/** What does not fit is told by the name of the option. */
async function named<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof InvalidInput)) throw error;
    const options: Record<string, string> = { '/asOf': '--as-of', '/name': '--name', '/projections': 'projections' };
    throw new Error(
      error.issues.map(({ pointer, message }) => `${options[pointer] ?? pointer}: ${message}`).join('; '),
      {
        cause: error,
      },
    );
  }
}

const megabytes = ({ bytes }: Snapshot): string => `${(bytes / 1024 / 1024).toFixed(1)} MB`;
const statusOf = (snapshot: Snapshot): string =>
  snapshot.status === 'building' ? `building ${Math.floor(progressOf(snapshot) * 100)} %` : snapshot.status;

const lineOf = (snapshot: Snapshot): string =>
  [
    snapshot.id,
    statusOf(snapshot),
    `through ${snapshot.through}`,
    megabytes(snapshot),
    `read ${snapshot.lastUsedAt.toISOString()}`,
    snapshot.names.join(' '),
  ].join('\t');

function tell(snapshot: Snapshot): void {
  const { id, schema, names, through, now, parts, step, madeBy, madeAt, keptUntil, reason } = snapshot;
  console.log(`${id}: ${statusOf(snapshot)}`);
  if (names.length > 0) console.log(`  named      ${names.join(', ')}`);
  console.log(`  through    ${through}, where now is ${now.toISOString()}`);
  console.log(
    `  of         ${parts.map(({ projection, version }) => `${projection} (version ${version})`).join(', ')}`,
  );
  console.log(`  schema     ${schema}, ${megabytes(snapshot)}`);
  console.log(`  asked for  by ${madeBy}, ${madeAt.toISOString()}`);
  if (keptUntil) console.log(`  kept until ${keptUntil.toISOString()}`);
  if (step !== '') console.log(`  now        ${step}`);
  if (reason !== null) console.log(`  because    ${reason}`);
}
