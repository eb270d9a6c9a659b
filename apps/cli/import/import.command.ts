import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { existsSync } from 'node:fs';
import { SingleBar, Presets } from 'cli-progress';
import type { Command } from 'commander';
import { readSettings } from '#platform/runtime/environment.js';
import { usualUrl } from '../usual-url.js';
import { alteredIn } from '#platform/http/altered-json.js';
import { ImportStopped, importFile, type ImportReport } from './import-file.js';
import { Mapping } from './mapping.js';
import { ResumePoint } from './resume-point.js';
import { MAX_RECORD } from './text-blocks.js';

/** Mappings that ship with the project; `--map online-retail` names one. */
const shipped = new URL('../../../../apps/cli/mappings/', import.meta.url);

/** How `yad import` ends when rows were refused: all was read, and not all was taken. */
const REFUSED = 2;

const HELP = `
Before the first row is sent, the mapping is checked: its keys, the file's columns, the names of commands and of their
fields. Columns that it makes no use of are named.

A row is stored, known (the server has it, with the same content) or refused. Refused are: a record that is broken, has
another number of cells than the first line or more than ${MAX_RECORD} characters; bytes that are not valid in the
encoding ("encoding" in the mapping by TextDecoder's names, utf-8 by default; a byte order mark overrides it); a cell
that cannot be what the mapping makes of it; a natural key that came before with other content; and what the server
refuses. All rows of a group stand together: where one is broken or refused, all are, and nothing of them is sent.
The rest of the file is imported. Refused rows go into a file with line and reason; mend the file and send all of it
again.

Ids of natural keys ("$id" in the mapping) are made by the server, under its log's secret: the same words have the same
id on one log and another on another, so that an id tells nobody whose it is.

Exit code:
  0  every row is stored or known (with --allow-refused: or refused)
  ${REFUSED}  all was read, and rows were refused
  1  nothing was sent, or reading stopped: the message says why and at which line

Where sign-in is set up, YAD_API_KEY is the key to send with; its name is the actor of what is stored. A file that was
begun under one key goes on under the same one: what was stored before is known to its own sender alone.

Examples:
  yad import online-retail.csv.gz --map online-retail
  yad import people.csv --map people.map.json --as RegisterContact`;

interface Given {
  as?: string;
  map: string;
  url?: string;
  refused?: string;
  allowRefused?: true;
  restart?: true;
}

/** Adds `yad import FILE --as COMMAND --map MAPPING`. */
export function addImportCommand(program: Command): void {
  program
    .command('import <file>')
    .description('turns the rows of a CSV file (also compressed by gzip) into commands and sends them')
    .option('--as <command>', 'the command, where the mapping names none')
    .requiredOption('--map <mapping>', 'a mapping file, or the name of one that ships with Yad: online-retail')
    .option('--url <url>', 'where operations answers (default: YAD_URL, else this machine, on PORT or 3000)')
    .option('--refused <file>', 'where refused rows go (default: FILE.refused.csv in this folder)')
    .option('--allow-refused', 'refused rows are no failure: the exit code is 0')
    .option('--restart', 'from the first line, also where an earlier import was stopped')
    .addHelpText('after', HELP)
    .action(runImport);
}

async function runImport(file: string, options: Given): Promise<void> {
  if (!existsSync(file)) throw new Error(`there is no file ${file}`);
  const given = { ...options, url: options.url ?? usualUrl() };
  const { mapping, text } = await readMapping(given.map);
  const { commands } = await import('#operational/index.js');
  const resume = new ResumePoint('.yad/imports', file, JSON.stringify([text, given.as]), given.url);
  if (given.restart) await resume.clear();
  const refusedFile = given.refused ?? `${basename(file)}.refused.csv`;
  const stop = new AbortController();
  process.once('SIGINT', () => stop.abort(new Error('stopped; the same command goes on where this left off')));
  const began = Date.now();
  const seconds = (): number => (Date.now() - began) / 1000;
  const show = progressLine();
  let unused: string[] = [];
  try {
    const report = await importFile({
      file,
      mapping,
      as: given.as,
      url: given.url,
      key: readSettings(process.env).YAD_API_KEY,
      refusedFile,
      commands,
      resume,
      onUnused: (columns) => (unused = columns),
      onProgress: show.update,
      signal: stop.signal,
    });
    show.stop();
    print(report, seconds(), { refusedFile, unused, unread: '0 unread' });
    if (report.rows.refused > 0 && !given.allowRefused) process.exitCode = REFUSED;
  } catch (error) {
    show.stop();
    if (error instanceof ImportStopped) {
      const { line, unread, report } = error;
      print(report, seconds(), { refusedFile, unused, unread: `${unread} and all from line ${line} on unread` });
    }
    throw error;
  }
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
  // Of two keys of one name JSON.parse keeps the last.
  const altered = alteredIn(text, json);
  if (altered) throw new Error(`${name} is not a mapping: ${altered.pointer}: ${altered.message}`);
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

function print(
  report: ImportReport,
  seconds: number,
  more: { refusedFile: string; unused: readonly string[]; unread: string },
): void {
  const { rows, lines, groups, commands, stored, repeated } = report;
  if (report.resumedAt) console.log(`taken up at line ${report.resumedAt}, where an earlier import was stopped`);
  console.log(
    `${lines} lines, ${groups} groups, ${commands} commands in ${seconds.toFixed(1)} s: ` +
      `${stored} stored, ${repeated} known before`,
  );
  console.log(
    `rows: ${rows.read} read, ${rows.stored} stored, ${rows.known} known, ${rows.refused} refused, ${more.unread}`,
  );
  if (more.unused.length > 0) console.log(`columns that the mapping makes no use of: ${more.unused.join(', ')}`);
  if (report.refusedLines > 0) console.log(`${report.refusedLines} lines refused: see ${more.refusedFile}`);
  console.log(`position ${report.position}`);
}
