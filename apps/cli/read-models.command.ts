import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import type { Comparison } from '#platform/projections/compare.js';
import type { FillProgress } from '#platform/projections/fill.js';
import type { ProjectionAdmin } from '#platform/projections/projection-admin.js';
import { withAdmin } from './database.js';

const bar = (progress: FillProgress): void => {
  const { position, target, eventsPerSecond, secondsLeft } = progress;
  const text = `${position} of ${target} events, ${Math.round(eventsPerSecond)}/s, ${Math.ceil(secondsLeft)} s left`;
  process.stderr.write(process.stderr.isTTY ? `\r\u001b[K${text}` : '');
};
const endBar = (): void => {
  if (process.stderr.isTTY) process.stderr.write('\r\u001b[K');
};

/** Adds `yad rebuild`, `swap-back`, `builds`, `drop` and `replay`. */
export function addReadModelCommands(program: Command): void {
  program
    .command('rebuild [projections...]')
    .description('builds read models anew from the log, beside the live ones, compares and swaps them in')
    .option('--if-equal', 'swap only where the new one equals the live one')
    .option('--no-swap', 'leave the new one aside')
    .action((names: string[], given: { ifEqual?: true; swap: boolean }) =>
      withAdmin(async (admin, signal) => {
        const swap = given.ifEqual ? 'if-equal' : given.swap ? 'always' : 'never';
        const results = await admin.rebuild(names, { swap, signal, onProgress: bar }).finally(endBar);
        for (const { projection, generation, comparison, swapped } of results) {
          const compared = comparison
            ? comparison.equal
              ? 'equal to the live one'
              : 'DIFFERENT from the live one'
            : 'not compared';
          console.log(`${projection}: generation ${generation}, ${compared}, ${swapped ? 'swapped in' : 'left aside'}`);
          if (comparison) tell(comparison);
        }
      }),
    );
  program
    .command('swap-back <projection>')
    .description('brings the generation before the live one up to date and swaps it in')
    .action((name: string) =>
      withAdmin(async (admin) => {
        const { generation } = await admin.swapBack(name);
        console.log(`${name}: generation ${generation} is live`);
      }),
    );
  program
    .command('builds [projection]')
    .description('lists the generations of read models')
    .action((name?: string) =>
      withAdmin(async (admin) => {
        for (const each of name ? [name] : admin.names) {
          for (const { generation, version, status, schema } of await admin.builds(each)) {
            console.log([each, `generation ${generation}`, `version ${version}`, status, schema].join('\t'));
          }
        }
      }),
    );
  program
    .command('drop <projection> <generation>')
    .description('drops a generation that is not live')
    .action((name: string, generation: string) => withAdmin((admin) => admin.drop(name, Number(generation))));
  program
    .command('replay [projections...]')
    .description('replays the log: --verify compares with the live read models, --position builds one as of then')
    .option('--verify', 'rebuild aside and compare with the live rows byte for byte')
    .option('--position <position>', 'build as of this position into the schema named by --into')
    .option('--into <schema>', 'schema for --position', 'as_of')
    .action((names: string[], given: { verify?: true; position?: string; into: string }) =>
      withAdmin(async (admin, signal) => {
        if (given.position !== undefined) return asOf(admin, names, given.position, given.into, signal);
        if (!given.verify) throw new Error('say --verify, or --position with a position');
        await verify(admin, names, signal);
      }),
    );
}

async function verify(admin: ProjectionAdmin, names: string[], signal: AbortSignal): Promise<void> {
  let wrong = 0;
  for (const name of names.length > 0 ? names : admin.names) {
    const comparison = await admin.verify(name, { signal, onProgress: bar }).finally(endBar);
    console.log(`${name}: ${comparison.equal ? 'equal' : 'DIFFERENT'}`);
    tell(comparison);
    if (!comparison.equal) wrong++;
  }
  if (wrong > 0) {
    process.exitCode = 1;
    // Lets what was printed reach a pipe before the process ends.
    await sleep(10);
  }
}

async function asOf(
  admin: ProjectionAdmin,
  names: string[],
  position: string,
  into: string,
  signal: AbortSignal,
): Promise<void> {
  if (!/^\d+$/.test(position)) throw new Error(`--position: '${position}' is not a position`);
  if (names.length !== 1) throw new Error(`name one projection: ${admin.names.join(', ')}`);
  const build = await admin.asOf(names[0]!, BigInt(position), into, { signal, onProgress: bar }).finally(endBar);
  console.log(`${names[0]} as of position ${position} is in the schema ${build.schema}`);
}

function tell({ rows, differences }: Comparison): void {
  for (const [table, { left, right }] of Object.entries(rows)) {
    console.log(`  ${table}: ${left === right ? `${left} rows` : `${left} rows live, ${right} rebuilt`}`);
  }
  for (const { table, key, left, right } of differences) {
    console.log(`  ${table} ${key ?? ''}\n    live    ${left ?? '(none)'}\n    rebuilt ${right ?? '(none)'}`);
  }
}
