import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { Transform, pipeline } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { parse, type CsvError } from 'csv-parse';
import type { SourceLine } from './mapping.js';

export interface BrokenLine {
  number: number;
  reason: string;
  raw: string;
}

export interface CsvSource {
  columns: string[];
  /** Lines in order, many at once; a broken line is told to `onBroken` and left out. */
  lines(): AsyncGenerator<SourceLine[]>;
  /** Share of the file that was read, 0 to 1. */
  progress(): number;
}

/** Opens a CSV file, gunzipped when its name ends in `.gz`. Memory stays flat whatever its size. */
export async function openCsv(
  file: string,
  options: { delimiter: string; onBroken: (broken: BrokenLine) => void },
): Promise<CsvSource> {
  const { size } = await stat(file);
  let read = 0;
  let lastBroken = -1;
  const counted = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      read += chunk.length;
      done(null, chunk);
    },
  });
  const parser = parse({
    delimiter: options.delimiter,
    bom: true,
    info: true,
    // A broken line is shown as it stands in the file, as far as it was read; this costs some 7 % of the parsing.
    raw: true,
    relax_column_count: true,
    skip_empty_lines: true,
    skip_records_with_error: true,
    // An opening quote that is never closed must not swallow the rest of the file.
    max_record_size: 1_000_000,
    on_skip: (error: CsvError | undefined, raw: string | undefined) => {
      const number = Number((error as { lines?: number } | undefined)?.lines ?? 0);
      // The parser tells of each stray quote; the line is broken once.
      if (number === lastBroken) return;
      lastBroken = number;
      options.onBroken({ number, reason: error?.message ?? 'unreadable', raw: raw ?? '' });
    },
  });
  const streams = file.endsWith('.gz')
    ? [createReadStream(file), counted, createGunzip(), parser]
    : [createReadStream(file), counted, parser];
  let failure: Error | undefined;
  pipeline(streams as any, (error?: Error | null) => {
    failure = error ?? undefined;
  });

  const batches = records(parser, () => failure);
  const first = await batches.next();
  const head = first.done ? undefined : first.value;
  const columns = head?.[0]?.record.map((name) => name.trim()) ?? [];
  if (columns.length === 0) throw new Error(`${file} is empty: a first line with the columns' names is needed`);

  async function* lines(): AsyncGenerator<SourceLine[]> {
    for (let batch = head!.slice(1); ;) {
      const out: SourceLine[] = [];
      for (const { record, info, raw } of batch) {
        if (record.length !== columns.length) {
          const reason = `${record.length} cells where the first line names ${columns.length} columns`;
          options.onBroken({ number: info.lines, reason, raw });
          continue;
        }
        const cells: Record<string, string> = {};
        for (let i = 0; i < columns.length; i++) cells[columns[i]!] = record[i]!;
        out.push({ number: info.lines, cells });
      }
      if (out.length > 0) yield out;
      const next = await batches.next();
      if (next.done) return;
      batch = next.value;
    }
  }
  return { columns, lines, progress: () => (size === 0 ? 1 : read / size) };
}

interface ParsedRecord {
  record: string[];
  raw: string;
  info: { lines: number };
}

/** What the parser has ready, as arrays: one await for many records. */
async function* records(
  parser: ReturnType<typeof parse>,
  failure: () => Error | undefined,
): AsyncGenerator<ParsedRecord[]> {
  let ended = false;
  let wake: () => void = () => {};
  parser.on('readable', () => wake());
  parser.on('end', () => {
    ended = true;
    wake();
  });
  parser.on('error', () => wake());
  parser.on('close', () => wake());
  for (;;) {
    const batch: ParsedRecord[] = [];
    for (let item = parser.read(); item !== null && batch.length < 2000; item = parser.read()) batch.push(item);
    if (batch.length > 0) {
      yield batch;
      continue;
    }
    if (ended) return;
    if (parser.errored ?? failure()) throw parser.errored ?? failure();
    if (parser.destroyed) throw failure() ?? new Error('the file could not be read to its end');
    await new Promise<void>((resolve) => {
      wake = resolve;
      if (parser.readableLength > 0 || ended || parser.destroyed) resolve();
    });
  }
}
