import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { existsSync } from 'node:fs';
import { SingleBar, Presets } from 'cli-progress';
import type { Command } from 'commander';
import { importFile, type ImportReport } from './import-file.js';
import { Mapping } from './mapping.js';
import { ResumePoint } from './resume-point.js';

/** Mappings that ship with the project; `--map online-retail` names one. */
const shipped = new URL('../../../../apps/cli/mappings/', import.meta.url);

/** Adds `yad import FILE --as COMMAND --map MAPPING`. */
export function addImportCommand(program: Command): void {
  program
    .command('import <file>')
    .description('turns the lines of a CSV file (also .gz) into commands and sends them')
    .option('--as <command>', 'the command, where the mapping names none')
    .requiredOption('--map <mapping>', 'a mapping file, or the name of one that ships with Yad: online-retail')
    .option(
      '--url <url>',
      'where operations answers',
      process.env['YAD_URL'] ?? `http://localhost:${process.env['PORT'] ?? 3000}`,
    )
    .option('--refused <file>', 'where refused rows go (default: FILE.refused.csv in this folder)')
    .option('--restart', 'from the first line, also where an earlier import was stopped')
    .action(
      async (file: string, given: { as?: string; map: string; url: string; refused?: string; restart?: true }) => {
        if (!existsSync(file)) throw new Error(`there is no file ${file}`);
        const { mapping, text } = await readMapping(given.map);
        const resume = new ResumePoint('.yad/imports', file, text, given.url);
        if (given.restart) await resume.clear();
        const refusedFile = given.refused ?? `${basename(file)}.refused.csv`;
        const stop = new AbortController();
        process.once('SIGINT', () => stop.abort(new Error('stopped; the same command goes on where this left off')));
        const began = Date.now();
        const show = progressLine();
        try {
          const report = await importFile({
            file,
            mapping,
            as: given.as,
            url: given.url,
            refusedFile,
            resume,
            onProgress: show.update,
            signal: stop.signal,
          });
          show.stop();
          print(report, (Date.now() - began) / 1000, refusedFile);
        } catch (error) {
          show.stop();
          throw stop.signal.aborted ? stop.signal.reason : error;
        }
      },
    );
}

async function readMapping(name: string): Promise<{ mapping: Mapping; text: string }> {
  const path = existsSync(name) ? name : new URL(`${name}.map.json`, shipped);
  if (path instanceof URL && !existsSync(path)) throw new Error(`there is no mapping file ${name}`);
  const text = await readFile(path, 'utf8');
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw new Error(`${name} is not JSON: ${(error as Error).message}`, { cause: error });
  }
  const parsed = Mapping.safeParse(json);
  if (!parsed.success) {
    const places = parsed.error.issues.map((issue) => `${issue.path.join('.') || 'the mapping'}: ${issue.message}`);
    throw new Error(`${name} is not a mapping: ${places.join('; ')}`);
  }
  return { mapping: parsed.data, text };
}

function progressLine(): { update: (report: ImportReport & { share: number }) => void; stop: () => void } {
  const format = '{bar} {percentage}% | {lines} lines | {commands} commands | {refused} refused | {duration_formatted}';
  const bar = new SingleBar(
    { format, hideCursor: true, noTTYOutput: true, notTTYSchedule: 5000 },
    Presets.shades_classic,
  );
  bar.start(1000, 0, { lines: 0, commands: 0, refused: 0 });
  return {
    update: ({ share, lines, commands, refusedLines }) =>
      bar.update(Math.floor(share * 1000), { lines, commands, refused: refusedLines }),
    stop: () => bar.stop(),
  };
}

function print(report: ImportReport, seconds: number, refusedFile: string): void {
  if (report.resumedAt) console.log(`taken up at line ${report.resumedAt}, where an earlier import was stopped`);
  console.log(
    `${report.lines} lines, ${report.groups} groups, ${report.commands} commands in ${seconds.toFixed(1)} s: ` +
      `${report.stored} stored, ${report.repeated} known before`,
  );
  if (report.refusedLines > 0) console.log(`${report.refusedLines} lines refused: see ${refusedFile}`);
  console.log(`position ${report.position}`);
}
