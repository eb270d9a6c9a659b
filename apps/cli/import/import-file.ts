import { createWriteStream, type WriteStream } from 'node:fs';
import { finished } from 'node:stream/promises';
import { stringifyCells } from './cells.js';
import { BatchSender, type Sendable } from './batch-sender.js';
import { openCsv, type BrokenLine } from './csv-source.js';
import { Grouping, type Group } from './grouping.js';
import { CellError, commandsOf, type Mapping, type SourceLine } from './mapping.js';
import type { ResumePoint } from './resume-point.js';

export interface ImportOptions {
  file: string;
  mapping: Mapping;
  as?: string;
  url: string;
  /** Where refused rows are written; made with the first of them. */
  refusedFile: string;
  resume?: ResumePoint;
  onProgress?: (progress: ImportReport & { share: number }) => void;
  signal?: AbortSignal;
}

export interface ImportReport {
  /** Lines of data read, broken ones included. */
  lines: number;
  groups: number;
  commands: number;
  /** Commands that changed something. */
  stored: number;
  /** Commands that the server had answered before. */
  repeated: number;
  refusedLines: number;
  /** Line that a stopped import was taken up at. */
  resumedAt?: number;
  /** Highest position of an event that the import stored. */
  position: string;
}

/**
 * Turns the lines of a file into commands and sends them. The same file again changes nothing: each command's
 * idempotency key comes from its natural key. Refused lines go to a file with their reason; the rest goes on.
 */
export async function importFile(options: ImportOptions): Promise<ImportReport> {
  const { file, mapping, as, url, signal } = options;
  const report: ImportReport = {
    lines: 0,
    groups: 0,
    commands: 0,
    stored: 0,
    repeated: 0,
    refusedLines: 0,
    position: '0',
  };
  const refused = new RefusedRows(options.refusedFile, report);
  const source = await openCsv(file, {
    delimiter: mapping.delimiter,
    onBroken: (broken) => {
      report.lines++;
      refused.broken(broken);
    },
  });
  refused.begin(source.columns);

  const unanswered = new Map<string, number>();
  let witness: Sendable | undefined;
  const sender = new BatchSender({
    url,
    signal,
    reason: `import of ${mapping.name}`,
    onOutcome: ({ sent, problem, repeated, events, position }) => {
      unanswered.delete(sent.command.key);
      if (problem) {
        refused.lines(sent.lines, `${sent.command.command}: ${problem}`);
        return;
      }
      witness = sent;
      if (repeated) report.repeated++;
      else if (events > 0) report.stored++;
      if (position && BigInt(position) > BigInt(report.position)) report.position = position;
    },
  });

  const skipTo = await resumeLine(options, report);
  const sent = new Set<string>();
  const grouping = new Grouping(mapping, (line) =>
    refused.lines([line], `came more than ${mapping.groupWithin} lines after the rest of its group`),
  );
  const send = async ({ lines }: Group): Promise<void> => {
    report.groups++;
    let commands;
    try {
      commands = commandsOf(mapping, as, lines);
    } catch (error) {
      if (!(error instanceof CellError)) throw error;
      refused.lines(lines, error.message);
      return;
    }
    const order = (mapping.inOrderBy ?? mapping.groupBy ?? []).map((name) => lines[0]!.cells[name]).join('\u0000');
    for (const command of commands) {
      if (sent.has(command.key)) continue;
      sent.add(command.key);
      report.commands++;
      unanswered.set(command.key, lines[0]!.number);
      await sender.send(order, { command, lines });
    }
  };

  const savePoint = async (line: number): Promise<void> => {
    if (!options.resume || !witness) return;
    let first = Math.min(line, grouping.firstOpenLine() ?? line);
    for (const each of unanswered.values()) first = Math.min(first, each);
    await options.resume.save({ line: first, witness: { ...witness.command } });
  };

  let saved = Date.now();
  try {
    for await (const batch of source.lines()) {
      signal?.throwIfAborted();
      for (const line of batch) {
        report.lines++;
        if (line.number < skipTo) continue;
        for (const group of grouping.add(line)) await send(group);
      }
      options.onProgress?.({ ...report, share: source.progress() });
      if (Date.now() - saved > 1000) {
        saved = Date.now();
        await savePoint(batch.at(-1)!.number + 1);
      }
    }
    for (const group of grouping.end()) await send(group);
    await sender.drain();
    await options.resume?.clear();
  } finally {
    await refused.close();
  }
  options.onProgress?.({ ...report, share: 1 });
  return report;
}

/** The line to go on at; 0, from the start, unless the server shows that it has what was sent before. */
async function resumeLine({ resume, url, signal }: ImportOptions, report: ImportReport): Promise<number> {
  const saved = await resume?.load();
  if (!saved) return 0;
  let known = false;
  const probe = new BatchSender({ url, signal, onOutcome: ({ repeated }) => (known = repeated) });
  await probe.send('', { command: saved.witness as any, lines: [] });
  await probe.drain();
  if (!known) return 0;
  report.resumedAt = saved.line;
  return saved.line;
}

/** The file of refused rows: line, reason, and the row as it was. */
class RefusedRows {
  private columns: string[] | undefined;
  /** Lines that were found broken while the first ones were read, before the columns were known. */
  private readonly early: BrokenLine[] = [];
  private stream: WriteStream | undefined;
  private readonly told = new Set<number>();

  constructor(
    private readonly path: string,
    private readonly report: ImportReport,
  ) {}

  /** Says what the columns are; nothing is written before. */
  begin(columns: string[]): void {
    this.columns = columns;
    for (const broken of this.early) this.broken(broken);
  }

  lines(lines: readonly SourceLine[], reason: string): void {
    for (const { number, cells } of lines) {
      const row = this.columns!.map((name) => cells[name] ?? '');
      this.write(number, reason, row);
    }
  }

  broken(broken: BrokenLine): void {
    if (!this.columns) this.early.push(broken);
    else this.write(broken.number, broken.reason, [broken.raw.trimEnd()]);
  }

  private write(number: number, reason: string, cells: readonly string[]): void {
    // A line whose two commands are both refused stands here once.
    if (this.told.has(number)) return;
    this.told.add(number);
    this.report.refusedLines++;
    if (!this.stream) {
      this.stream = createWriteStream(this.path);
      this.stream.write(stringifyCells(['line', 'reason', ...this.columns!]));
    }
    this.stream.write(stringifyCells([String(number), reason, ...cells]));
  }

  async close(): Promise<void> {
    if (!this.stream) return;
    this.stream.end();
    await finished(this.stream);
  }
}
