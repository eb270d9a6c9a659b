import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { Readable, pipeline } from 'node:stream';
import { createGunzip } from 'node:zlib';
import type { SourceLine } from './mapping.js';
import { RecordReader, type BrokenRecord, type SoundRecord } from './record-reader.js';
import { textBlocks } from './text-blocks.js';

/** A row that cannot be read as one. */
export interface BrokenRow {
  number: number;
  reason: string;
  /** As it stands in the file, its beginning only where it is long. */
  raw: string;
  /**
   * What its cells may be, by column, so that its group can be told: none where that is not known, two where a cell
   * is missing or too many and it may be the first or the last.
   */
  readings: Record<string, string>[];
  broken: true;
}

export type Row = SourceLine | BrokenRow;

export interface CsvSource {
  columns: string[];
  /** Rows in order, many at once, broken ones in their places. */
  rows(): AsyncGenerator<Row[]>;
  /** Number of the first line that was not given out yet. */
  nextLine(): number;
  /** Lets go of the file. */
  close(): void;
  /** Share of the file that was read, 0 to 1. */
  progress(): number;
}

export interface CsvOptions {
  delimiter: string;
  encoding: string;
  /** How much is read at once. */
  chunkBytes?: number;
  /** The most characters of one record. */
  maxRecord?: number;
}

/**
 * Opens a CSV file, gunzipped where it is compressed. Memory stays flat whatever its size.
 * @throws Error where the first line does not name the columns, each once
 */
export async function openCsv(file: string, options: CsvOptions): Promise<CsvSource> {
  const { chunkBytes = 64 * 1024 } = options;
  const { size } = await stat(file);
  let read = 0;
  async function* chunks(): AsyncGenerator<Buffer> {
    for await (const chunk of createReadStream(file, { highWaterMark: chunkBytes }) as AsyncIterable<Buffer>) {
      read += chunk.length;
      yield chunk;
    }
  }
  const source = chunks();
  const bytes = await decompressed(source, chunkBytes);
  const reader = new RecordReader(options.delimiter, options.maxRecord);

  async function* records(): AsyncGenerator<(SoundRecord | BrokenRecord)[]> {
    for await (const block of textBlocks(bytes, options.encoding, options.maxRecord)) {
      const found = reader.read(block);
      if (found.length > 0) yield found;
    }
    const left = reader.end();
    if (left.length > 0) yield left;
  }

  const batches = records();
  try {
    const head = await batches.next();
    const first: (SoundRecord | BrokenRecord)[] = head.done ? [] : head.value;
    const columns = columnsOf(file, first[0]);
    return {
      columns,
      rows: async function* () {
        if (first.length > 1) yield rowsOf(first.slice(1), columns);
        for await (const batch of batches) yield rowsOf(batch, columns);
      },
      close: () => void source.return(undefined),
      nextLine: () => reader.nextLine,
      progress: () => (size === 0 ? 1 : read / size),
    };
  } catch (error) {
    await source.return(undefined);
    throw error;
  }
}

/** What the bytes say when they are not compressed, which the first two tell and not the file's name. */
async function decompressed(source: AsyncGenerator<Buffer>, chunkBytes: number): Promise<AsyncIterable<Buffer>> {
  let head = Buffer.alloc(0);
  while (head.length < 2) {
    const next = await source.next();
    if (next.done) break;
    head = Buffer.concat([head, next.value]);
  }
  async function* whole(): AsyncGenerator<Buffer> {
    yield head;
    yield* source;
  }
  if (head[0] !== 0x1f || head[1] !== 0x8b) return whole();
  // Whoever reads it is told when any of the two fails.
  return pipeline(Readable.from(whole()), createGunzip({ chunkSize: Math.max(64, chunkBytes) }), () => {});
}

function columnsOf(file: string, head: SoundRecord | BrokenRecord | undefined): string[] {
  if (!head) throw new Error(`${file} is empty: a first line with the columns' names is needed`);
  if ('broken' in head)
    throw new Error(`${file}: the first line, which names the columns, cannot be read: ${head.reason}`);
  const columns = head.cells.map((name) => name.trim());
  const seen = new Set<string>();
  for (const name of columns) {
    // A column without a name cannot be asked for, so that none hides another.
    if (name !== '' && seen.has(name)) throw new Error(`${file}: two columns have the name ${name}`);
    seen.add(name);
  }
  return columns;
}

const rowsOf = (records: readonly (SoundRecord | BrokenRecord)[], columns: readonly string[]): Row[] =>
  records.map((record) => rowOf(record, columns));

function rowOf(record: SoundRecord | BrokenRecord, columns: readonly string[]): Row {
  if ('broken' in record) {
    const { number, reason, raw, before } = record;
    return { number, reason, raw, readings: before.length > 0 ? [cellsOf(before, columns)] : [], broken: true };
  }
  const { number, cells } = record;
  if (cells.length === columns.length) return { number, cells: cellsOf(cells, columns) };
  const reason = `${cells.length} cells where the first line names ${columns.length} columns`;
  const shift = cells.length - columns.length;
  const fromEnd = shift < 0 ? columns.slice(-shift) : columns;
  const readings = [cellsOf(cells, columns), cellsOf(shift > 0 ? cells.slice(shift) : cells, fromEnd)];
  return { number, reason, raw: record.raw().slice(0, 1000).trimEnd(), readings, broken: true };
}

/** An object that inherits nothing, for a column may have any name; made in this way it is as fast as any other. */
class Cells {
  [column: string]: string;
}
Object.setPrototypeOf(Cells.prototype, null);
delete (Cells.prototype as { constructor?: unknown }).constructor;

function cellsOf(cells: readonly string[], columns: readonly string[]): Record<string, string> {
  const found = new Cells();
  const count = Math.min(cells.length, columns.length);
  for (let i = 0; i < count; i++) found[columns[i]!] = cells[i]!;
  return found;
}
