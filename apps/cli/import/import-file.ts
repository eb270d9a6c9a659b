import { resolve } from 'node:path';
import type { CommandDefinition } from '#platform/kernel/command.js';
import { BatchSender } from './batch-sender.js';
import { mappingProblems, unusedColumns } from './check-mapping.js';
import { openCsv, type CsvSource } from './csv-source.js';
import { Grouping, type Group } from './grouping.js';
import { IdsAhead } from './ids-ahead.js';
import {
  CellError,
  addIdWords,
  cellOf,
  commandsOf,
  type Ids,
  type MappedCommand,
  type Mapping,
  type PrintedCommand,
} from './mapping.js';
import { Outcomes, type RowCounts } from './outcomes.js';
import { RefusedRows } from './refused-rows.js';
import type { ResumePoint } from './resume-point.js';
import { Server } from './server.js';

export interface ImportOptions {
  file: string;
  mapping: Mapping;
  as?: string;
  url: string;
  /** What to sign in with: an API key. */
  key?: string;
  /** Where refused rows are written; made with the first of them. */
  refusedFile: string;
  /** The commands that there are, to hold the mapping against before the first row is sent. */
  commands?: readonly CommandDefinition[];
  resume?: ResumePoint;
  /** How much of the file is read at once. */
  chunkBytes?: number;
  /** How many natural keys and ended groups are remembered. */
  remembered?: number;
  /** The most characters of one record. */
  maxRecord?: number;
  /** Told once, before the first row is sent: columns of the file that the mapping makes no use of. */
  onUnused?: (columns: string[]) => void;
  onProgress?: (progress: ImportReport & { share: number }) => void;
  signal?: AbortSignal;
}

export interface ImportReport {
  /** What became of the rows. */
  rows: RowCounts;
  /** Rows of data read, broken ones included. */
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

/** The file was not read to its end, or not all that was read was answered. */
export class ImportStopped extends Error {
  constructor(
    /** The first line that was not read. */
    readonly line: number,
    /** Rows before that line that have no answer. */
    readonly unread: number,
    readonly report: ImportReport,
    override readonly cause: unknown,
  ) {
    super(
      `${cause instanceof Error ? cause.message : String(cause)}: reading stopped at line ${line}, what follows is ` +
        `unread; ${unread} rows before it have no answer`,
    );
  }
}

/**
 * Turns the rows of a file into commands and sends them. The same file again changes nothing: each command's
 * idempotency key comes from its natural key. Refused rows go to a file with their reason; the rest goes on.
 * @throws Error before anything is sent, where file or mapping cannot be right
 * @throws ImportStopped when the rest of the file is unread
 */
export async function importFile(options: ImportOptions): Promise<ImportReport> {
  const { file, mapping, as, commands, refusedFile } = options;
  if (resolve(file) === resolve(refusedFile)) throw new Error(`${file} is the file and the place of refused rows`);
  const { delimiter, encoding } = mapping;
  const { chunkBytes, maxRecord } = options;
  const source = await openCsv(file, { delimiter, encoding, chunkBytes, maxRecord });
  try {
    const problems = mappingProblems(mapping, { as, columns: source.columns, commands });
    if (problems.length > 0)
      throw new Error(`nothing was sent, for the mapping does not fit:\n  ${problems.join('\n  ')}`);
    const unused = unusedColumns(mapping, source.columns);
    if (unused.length > 0) options.onUnused?.(unused);
    return await new Import(options, source).run();
  } finally {
    source.close();
  }
}

class Import {
  private groups = 0;
  private position = 0n;
  private resumedAt: number | undefined;
  /** A command that was answered, by which the server shows later that it is the one that has it. */
  private witness: MappedCommand | undefined;
  private saved = Date.now();
  private readonly refused: RefusedRows;
  private readonly outcomes: Outcomes;
  private readonly server: Server;
  private readonly ids: IdsAhead;
  private readonly sender: BatchSender;
  private readonly grouping: Grouping;

  constructor(
    private readonly options: ImportOptions,
    private readonly source: CsvSource,
  ) {
    const { mapping, url, key, signal, refusedFile, remembered } = options;
    this.refused = new RefusedRows(refusedFile, source.columns);
    this.outcomes = new Outcomes({
      onRefused: (rows, reason) => this.refused.rows(rows, reason),
      onStored: (command, { position }) => {
        this.witness = command;
        if (position && BigInt(position) > this.position) this.position = BigInt(position);
      },
      remembered,
    });
    this.server = new Server({ url, key, signal });
    this.ids = new IdsAhead({
      server: this.server,
      addWords: ({ lines }, words) => addIdWords(mapping, lines, words),
      onReady: (group, ids) => this.send(group, ids),
    });
    this.sender = new BatchSender({ server: this.server, reason: `import of ${mapping.name}` });
    const late = `came more than ${mapping.groupWithin} lines after the rest of its group`;
    this.grouping = new Grouping(mapping, (line) => this.outcomes.refuse([line], late), remembered);
  }

  async run(): Promise<ImportReport> {
    const { source, outcomes, options } = this;
    try {
      await this.takeUp();
      for await (const rows of source.rows()) {
        options.signal?.throwIfAborted();
        for (const row of rows) {
          outcomes.rows.read++;
          if ('broken' in row) {
            outcomes.rows.refused++;
            this.refused.broken(row);
            this.grouping.spoil(row);
          } else for (const group of this.grouping.add(row)) await this.ids.add(group);
        }
        options.onProgress?.({ ...this.report(), share: source.progress() });
        await this.savePoint();
      }
      for (const group of this.grouping.end()) await this.ids.add(group);
      await this.ids.drain();
      await this.sender.drain();
      // Every row that was read has come to one end; a row that was lost would be a fault of this program.
      if (outcomes.open !== 0) throw new Error(`${outcomes.open} rows were read and have no outcome`);
    } catch (error) {
      // What is under way may still be answered, and is counted.
      await Promise.all([this.sender.idle(), this.ids.idle()]);
      const cause = options.signal?.aborted ? options.signal.reason : error;
      throw new ImportStopped(source.nextLine(), outcomes.open, this.report(), cause);
    } finally {
      this.refused.close();
    }
    await options.resume?.clear();
    options.onProgress?.({ ...this.report(), share: 1 });
    return this.report();
  }

  private async send(group: Group, ids: Ids): Promise<void> {
    const { outcomes } = this;
    const { mapping, as } = this.options;
    const { lines, broken } = group;
    this.groups++;
    if (broken !== undefined) {
      return outcomes.refuse(lines, `line ${broken} is, or may be, of the same group, and cannot be read`);
    }
    let commands: PrintedCommand[];
    try {
      commands = commandsOf(mapping, as, lines, ids);
    } catch (error) {
      if (!(error instanceof CellError)) throw error;
      return outcomes.refuse(lines, error.message);
    }
    if (commands.length === 0) return outcomes.refuse(lines, 'no command of the mapping is for it');
    // All of it was answered before the import was stopped, or the point would lie before it.
    if (lines.at(-1)!.number < (this.resumedAt ?? 0)) return outcomes.takeKnown(group, commands);
    const order = (mapping.inOrderBy ?? mapping.groupBy ?? []).map((name) => cellOf(lines[0]!, name)).join('\u0000');
    for (const { command, onOutcome } of outcomes.take(group, commands)) {
      await this.sender.send(order, command, onOutcome);
    }
  }

  private report(): ImportReport {
    const { rows, commands } = this.outcomes;
    return {
      rows: { ...rows },
      lines: rows.read,
      groups: this.groups,
      ...commands,
      refusedLines: this.refused.count,
      resumedAt: this.resumedAt,
      position: String(this.position),
    };
  }

  /** Each second: where to go on if the import is stopped now. Before a row that was refused, so that it is told again. */
  private async savePoint(): Promise<void> {
    const { resume } = this.options;
    if (!resume || !this.witness || Date.now() - this.saved <= 1000) return;
    this.saved = Date.now();
    const { source, grouping, ids, outcomes, refused } = this;
    const line = Math.min(
      source.nextLine(),
      grouping.firstOpenLine() ?? Infinity,
      ids.firstLine(),
      outcomes.firstWaiting(),
      refused.first,
    );
    const { command, key, id, occurredAt, input } = this.witness;
    await resume.save({ line, witness: { command, key, id, occurredAt, input } });
  }

  /** Goes on where a stopped import was; from the start, unless the server shows that it has what was sent before. */
  private async takeUp(): Promise<void> {
    const { resume } = this.options;
    const saved = await resume?.load();
    if (!saved) return;
    let known = false;
    const probe = new BatchSender({ server: this.server });
    await probe.send('', saved.witness as unknown as MappedCommand, ({ repeated }) => (known = repeated));
    await probe.drain();
    if (known) this.resumedAt = saved.line;
  }
}
