import type { Command } from 'commander';
import type { Comparison } from '#platform/projections/builds/compare.js';
import { isWhole, type LogReport } from '#platform/projections/builds/log-check.js';
import type { ProjectionAdmin } from '#platform/projections/projection-admin.js';
import type { RebuildOptions, RebuildResult } from '#platform/projections/builds/rebuild.js';
import type { SwapRecord } from '#platform/projections/builds/swap-records.js';
import { withAdmin } from './database.js';
import { EXIT } from './exit-codes.js';
import { wholeNumber } from './options.js';
import { ProgressShown } from './progress.js';

interface RebuildFlags {
  swap: boolean;
  acceptDifferences?: true;
  reason?: string;
  wait: string;
}

/** Adds `yad rebuild`, `swap-back`, `swaps`, `builds`, `drop` and `replay`. */
export function addReadModelCommands(program: Command): void {
  program
    .command('rebuild [projections...]')
    .description('builds read models anew from the log, beside the live ones, compares and swaps them in')
    .option('--no-swap', 'leave the new ones aside')
    .option('--accept-differences', 'swap in also what differs from the live one; needs --reason')
    .option('--reason <text>', 'why differences are right; kept in the record that `yad swaps` lists')
    .option('--wait <seconds>', 'how long a swap waits for open transactions that read its views', '600')
    .addHelpText(
      'after',
      `\nExits with ${EXIT.found} when one differs from the live one and was therefore not swapped in.`,
    )
    .action((names: string[], given: RebuildFlags) => {
      const options = rebuildOptions(given);
      return withAdmin((admin, signal) => rebuild(admin, names, { ...options, signal }));
    });
  program
    .command('swap-back <projection>')
    .description('brings the generation before the live one up to date and swaps it in')
    .option('--reason <text>', 'why; kept in the record that `yad swaps` lists')
    .option('--wait <seconds>', 'how long the swap waits for open transactions that read its views', '600')
    .action((name: string, given: { reason?: string; wait: string }) => {
      const timeoutMs = milliseconds(given.wait);
      const reason = given.reason === undefined ? undefined : reasonOf(given.reason);
      return withAdmin(async (admin, signal) => {
        const { onWait } = new ProgressShown();
        const { generation } = await admin.swapBack(name, { reason, timeoutMs, signal, onWait });
        console.log(`${name}: generation ${generation} is live`);
      });
    });
  program
    .command('swaps [projection]')
    .description('lists when generations were made live, by whom and why, the latest first')
    .option('--limit <number>', 'at most so many', '100')
    .action((name: string | undefined, given: { limit: string }) => {
      const limit = wholeNumber('--limit', given.limit, 1, 10_000);
      return withAdmin(async (admin) => {
        for (const each of await admin.swaps(name, limit)) tellSwap(each);
      });
    });
  program
    .command('builds [projection]')
    .description('lists the generations of read models')
    .action((name?: string) =>
      withAdmin(async (admin) => {
        for (const each of name ? [name] : admin.names) {
          for (const { generation, version, status, schema, note } of await admin.builds(each)) {
            const what = status === 'scratch' && note !== null ? [note] : [];
            console.log([each, `generation ${generation}`, `version ${version}`, status, schema, ...what].join('\t'));
          }
        }
      }),
    );
  program
    .command('drop <projection> <generation>')
    .description('drops a generation that is not live')
    .action((name: string, given: string) => {
      const generation = wholeNumber('generation', given, 1, 2_147_483_647);
      return withAdmin(async (admin) => {
        await admin.drop(name, generation);
        console.log(`${name}: generation ${generation} is dropped`);
      });
    });
  program
    .command('replay [projections...]')
    .description('replays the log: --verify compares with the live read models, --position builds one as of then')
    .option('--verify', 'rebuild aside and compare with the live rows byte for byte; find what the log itself lacks')
    .option('--position <position>', 'build as of this position into the schema named by --into')
    .option('--into <schema>', 'schema for --position', 'as_of')
    .addHelpText('after', `\nExits with ${EXIT.found} when --verify finds differences, or a log that is not whole.`)
    .action((names: string[], given: { verify?: true; position?: string; into: string }) => {
      const { position, verify: wanted } = given;
      if (position !== undefined && wanted) throw new Error('say --verify or --position, not both');
      if (position === undefined && !wanted) throw new Error('say --verify, or --position with a position');
      if (position !== undefined && !/^\d{1,18}$/.test(position)) {
        throw new Error(`--position: '${position}' is not a position`);
      }
      return withAdmin((admin, signal) =>
        wanted ? verify(admin, names, signal) : asOf(admin, names, BigInt(position!), given.into, signal),
      );
    });
}

function rebuildOptions({ swap, acceptDifferences, reason, wait }: RebuildFlags): RebuildOptions {
  if (acceptDifferences && reason === undefined) {
    throw new Error('--accept-differences needs --reason: why may what is live be replaced by something else?');
  }
  if (reason !== undefined && !acceptDifferences) throw new Error('--reason goes with --accept-differences');
  return {
    swap: swap ? 'if-safe' : 'never',
    acceptDifferences: reason === undefined ? undefined : { reason: reasonOf(reason) },
    timeoutMs: milliseconds(wait),
  };
}

function reasonOf(text: string): string {
  const reason = text.trim();
  // Letters or digits of any script: a dash or a blank is none.
  if (!/[\p{L}\p{N}]/u.test(reason)) throw new Error('--reason: say why, in words');
  if (reason.length > 1000) throw new Error('--reason: at most 1,000 characters');
  return reason;
}

const milliseconds = (wait: string): number => wholeNumber('--wait', wait, 0, 1_000_000) * 1000;

async function rebuild(admin: ProjectionAdmin, names: string[], options: RebuildOptions): Promise<void> {
  const { onProgress, onStep, onWait, end } = new ProgressShown();
  const onResult = (result: RebuildResult): void => {
    end();
    const { projection, generation, comparison, swapped, grounds } = result;
    console.log(
      `${projection}: generation ${generation}, ${comparedAs(result)}, ${swapped ? 'swapped in' : 'left aside'}`,
    );
    if (comparison) tell(comparison);
    if (grounds !== undefined) return;
    process.exitCode = EXIT.found;
    console.log(
      `  what is live stays as it is; if the rebuilt rows are right: yad rebuild ${projection} --accept-differences --reason '…'`,
    );
  };
  const onDamage = (log: LogReport): void => {
    end();
    tellLog(log);
    process.exitCode = EXIT.found;
  };
  await admin.rebuild(names, { ...options, onProgress, onStep, onWait, onDamage, onResult }).finally(end);
}

function comparedAs({ comparison, grounds }: RebuildResult): string {
  if (comparison) return comparison.equal ? 'equal to the live one' : 'DIFFERENT from the live one';
  if (grounds === 'first') return 'the first';
  return grounds === 'new-version' ? 'of a new version, so not compared' : 'not compared';
}

async function verify(admin: ProjectionAdmin, names: string[], signal: AbortSignal): Promise<void> {
  const { onProgress, onStep, end } = new ProgressShown();
  const { projections, log } = await admin.verifyAll(names, { signal, onProgress, onStep }).finally(end);
  let [different, failed] = [0, 0];
  for (const { projection, comparison, failure } of projections) {
    console.log(`${projection}: ${comparison ? (comparison.equal ? 'equal' : 'DIFFERENT') : 'NOT VERIFIED'}`);
    if (comparison) tell(comparison);
    if (failure) console.log(`  ${failure.message}`);
    if (failure) failed++;
    else if (!comparison!.equal) different++;
  }
  tellLog(log);
  if (failed > 0) process.exitCode = 1;
  else if (different > 0 || !isWhole(log)) process.exitCode = EXIT.found;
}

async function asOf(
  admin: ProjectionAdmin,
  names: string[],
  position: bigint,
  into: string,
  signal: AbortSignal,
): Promise<void> {
  if (names.length !== 1) throw new Error(`name one projection: ${admin.names.join(', ')}`);
  const { onProgress, end } = new ProgressShown();
  const build = await admin.asOf(names[0]!, position, into, { signal, onProgress }).finally(end);
  console.log(`${names[0]} as of position ${position} is in the schema ${build.schema}`);
}

function tell({ rows, differences, beyond }: Comparison): void {
  if (beyond) {
    console.log(
      `  the live one stands at ${beyond.checkpoint}, beyond the log's head ${beyond.head}: it holds what the log does not have`,
    );
  }
  for (const [table, { left, right }] of Object.entries(rows)) {
    console.log(`  ${table}: ${left === right ? `${left} rows` : `${left} rows live, ${right} rebuilt`}`);
  }
  for (const { table, key, left, right } of differences) {
    console.log(`  ${table} ${key ?? ''}\n    live    ${left ?? '(none)'}\n    rebuilt ${right ?? '(none)'}`);
  }
}

function tellLog({ head, events, holes, streams, holesInAll, streamsInAll }: LogReport): void {
  const whole = holesInAll + streamsInAll === 0;
  console.log(`the log: ${events} events up to ${head}, ${whole ? 'nothing is missing' : 'NOT WHOLE'}`);
  for (const { from, to } of holes) {
    console.log(from === to ? `  position ${from} is missing` : `  positions ${from} to ${to} are missing`);
  }
  if (holesInAll > holes.length) console.log(`  and ${holesInAll - holes.length} more holes`);
  for (const { stream, after, next, position } of streams) {
    const what = next > after ? revisionsBetween(after, next) : `revision ${next} comes after ${after}`;
    console.log(`  ${stream}: ${what}, at position ${position}`);
  }
  if (streamsInAll > streams.length) console.log(`  and ${streamsInAll - streams.length} more breaks in streams`);
}

function revisionsBetween(after: number, next: number): string {
  if (next === after + 2) return `revision ${after + 1} is missing before ${next}`;
  return `revisions ${after + 1} to ${next - 1} are missing before ${next}`;
}

function tellSwap(record: SwapRecord): void {
  const { projection, generation, version, replaced, replacedVersion, kind, by, databaseUser, reason } = record;
  const before = replaced === null ? 'none' : `${replaced} (version ${replacedVersion})`;
  const when = record.swappedAt.toISOString();
  console.log(
    [
      when,
      projection,
      `generation ${before} -> ${generation} (version ${version})`,
      kind,
      `${by} as ${databaseUser}`,
    ].join('\t'),
  );
  if (reason !== null) console.log(`  reason: ${reason}`);
  if (!record.differences) return;
  const { rows, found, beyond } = record.differences;
  if (kind !== 'accepted') return;
  if (beyond) console.log(`  the live one stood at ${beyond.checkpoint}, beyond the log's head ${beyond.head}`);
  for (const [table, { left, right }] of Object.entries(rows)) {
    console.log(`  ${table}: ${left} rows live, ${right} rebuilt`);
  }
  for (const { table, key, kind: how, columns } of found) {
    console.log(`  ${table} ${key ?? ''} ${how}${columns.length > 0 ? `: ${columns.join(', ')}` : ''}`);
  }
}
