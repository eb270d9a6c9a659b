import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { parse } from 'csv-parse/sync';
import fc from 'fast-check';
import { Operations } from '../../../test/support/operations.js';
import { importFile } from './import-file.js';
import { Mapping } from './mapping.js';

// What must become of each row is known here from how it was made, and counted without any of the reader's code.

type Bytes = readonly number[];

/** Encodings as the test writes them: bytes of each character that it uses, and of what is not valid. */
interface Writing {
  label: string;
  /** The mapping's key; none where a mark tells. */
  named: boolean;
  mark?: Bytes;
  write: (text: string) => Bytes;
  letters: string[];
  invalid?: Bytes;
}

const utf16 = (swap: boolean) => (text: string) => {
  const bytes = Buffer.from(text, 'utf16le');
  return [...(swap ? bytes.swap16() : bytes)];
};
/** ASCII as it is, the other letters by a table. */
const byTable = (table: Record<string, Bytes>) => (text: string) =>
  [...text].flatMap((letter) => table[letter] ?? [letter.charCodeAt(0)]);
const western: Record<string, Bytes> = { é: [0xe9], '€': [0x80], '“': [0x93], Š: [0x8a] };
const chinese: Record<string, Bytes> = { 国: [0xb9, 0xfa], 王: [0xcd, 0xf5], '€': [0xa2, 0xe3] };
const utf8 = (text: string) => [...Buffer.from(text)];

const wide = ['é', '国', '😀', 'ی', 'a'];
const writings: Writing[] = [
  { label: 'utf-8', named: false, write: utf8, letters: wide, invalid: [0xe7] },
  { label: 'utf-8', named: false, mark: [0xef, 0xbb, 0xbf], write: utf8, letters: wide, invalid: [0xc0, 0xaf] },
  { label: 'utf-16le', named: false, mark: [0xff, 0xfe], write: utf16(false), letters: wide, invalid: [0x00, 0xdc] },
  { label: 'utf-16be', named: true, write: utf16(true), letters: wide, invalid: [0xd8, 0x00] },
  { label: 'windows-1252', named: true, write: byTable(western), letters: ['a', ...Object.keys(western)] },
  { label: 'gbk', named: true, write: byTable(chinese), letters: ['a', ...Object.keys(chinese)], invalid: [0xff] },
];

/** A row of the file: what it says, or in what way it is broken. */
interface Row {
  id: number;
  kind: 'sound' | 'few' | 'many' | 'open quote' | 'early quote' | 'inner quote' | 'invalid' | 'large' | 'refused';
  text: string;
  /** Quotes also where none is needed. */
  quoted: boolean;
  blanks: boolean;
  end: '\n' | '\r\n' | '\r';
  emptyLine: boolean;
}

/** The bound of a record here: small, so that many a quote that is never closed meets it. */
const MAX = 250;

const quote = (cell: string): string => `"${cell.replaceAll('"', '""')}"`;

/** The row as bytes, without its line end. */
function bytesOf({ id, kind, text, quoted, blanks }: Row, { write, invalid }: Writing): Bytes {
  const key = blanks ? `  k${id} ` : `k${id}`;
  const cell = quoted || /[",\r\n]/.test(text) ? quote(text) : text;
  const rows: Record<Row['kind'], () => Bytes> = {
    sound: () => write(`${key},${cell},z`),
    // The server refuses this one, by its first letters.
    refused: () => write(`${key},no ${text.replaceAll(/[",\r\n]/g, '')},z`),
    few: () => write(`${key},${cell}`),
    many: () => write(`${key},${cell},z,z`),
    'open quote': () => write(`${key},"open,z`),
    'early quote': () => write(`${key},"early"x,z`),
    'inner quote': () => write(`${key},in"ner,z`),
    large: () => write(`${key},${quoted ? '"' : ''}${'x'.repeat(MAX + 1 + id * id * id)},z`),
    invalid: () => [...write(`${key},${cell},`), ...invalid!, ...write('z')],
  };
  return rows[kind]();
}

const broken = (row: Row): boolean => row.kind !== 'sound' && row.kind !== 'refused';

const aRow = (letters: string[]): fc.Arbitrary<Row> =>
  fc.record({
    id: fc.integer({ min: 1, max: 30 }),
    kind: fc.oneof(
      { weight: 12, arbitrary: fc.constant('sound' as const) },
      {
        weight: 3,
        arbitrary: fc.constantFrom(
          ...(['few', 'many', 'open quote', 'early quote', 'inner quote', 'invalid', 'large', 'refused'] as const),
        ),
      },
    ),
    // Begins with a letter, so that what stands behind an open quote can never close it in the right place.
    text: fc
      .tuple(
        fc.constantFrom(...letters),
        fc.array(fc.constantFrom(...letters, ' ', ',', '"', '\n', '\r\n', '\r'), { maxLength: 6 }),
      )
      .map(([first, more]) => `${[first, ...more].join('').trim()}`),
    quoted: fc.boolean(),
    blanks: fc.boolean(),
    end: fc.constantFrom<Row['end'][]>('\n', '\r\n', '\r'),
    emptyLine: fc.boolean(),
  });

const aFile = fc.constantFrom(...writings).chain((writing) =>
  fc.record({
    writing: fc.constant(writing),
    rows: fc
      .array(aRow(writing.letters), { maxLength: 60 })
      .map((rows) => (writing.invalid ? rows : rows.filter(({ kind }) => kind !== 'invalid'))),
    lastEnd: fc.boolean(),
    gzip: fc.boolean(),
    chunkBytes: fc.integer({ min: 1, max: 200 }),
  }),
);
type File = typeof aFile extends fc.Arbitrary<infer F> ? F : never;

/** The bytes of a file, and the number of the line at which each row begins. */
function written({ writing, rows, lastEnd }: File): { bytes: Buffer; lines: number[] } {
  const all: number[] = [...(writing.mark ?? []), ...writing.write('id,name,more\n')];
  const lines: number[] = [];
  let line = 2;
  rows.forEach((row, index) => {
    lines.push(line);
    all.push(...bytesOf(row, writing));
    const own = ['sound', 'few', 'many', 'invalid'].includes(row.kind) ? row.text : '';
    line += (own.match(/\r\n|\r|\n/g) ?? []).length;
    if (index === rows.length - 1 && !lastEnd) return;
    all.push(...writing.write(row.end));
    line++;
    // Behind a CR, a line feed of its own would be a part of the same line end.
    if (!row.emptyLine || row.end === '\r') return;
    all.push(...writing.write(row.end));
    line++;
  });
  return { bytes: Buffer.from(all), lines };
}

interface Expected {
  stored: number;
  known: number;
  refused: number;
  refusedLines: number[];
}

/** Each row stands alone: the first of its key is stored, one that says the same is known, another is refused. */
function expectedAlone({ rows }: File, lines: number[]): Expected {
  const expected: Expected = { stored: 0, known: 0, refused: 0, refusedLines: [] };
  const first = new Map<number, { text: string; refused: boolean }>();
  const contentOf = ({ kind, text }: Row) =>
    (kind === 'refused' ? `no ${text.replaceAll(/[",\r\n]/g, '')}` : text).trim();
  rows.forEach((row, index) => {
    const before = first.get(row.id);
    const text = contentOf(row);
    let outcome: 'stored' | 'known' | 'refused' = 'refused';
    if (!broken(row)) {
      if (!before) {
        outcome = row.kind === 'refused' ? 'refused' : 'stored';
        first.set(row.id, { text, refused: outcome === 'refused' });
      } else if (before.text === text && !before.refused) outcome = 'known';
    }
    expected[outcome]++;
    if (outcome === 'refused') expected.refusedLines.push(lines[index]!);
  });
  return expected;
}

/** Rows of one key are one order: stored whole, or refused whole when one of them is broken or refused. */
function expectedGrouped({ rows }: File, lines: number[]): Expected {
  const bad = new Set(rows.filter(({ kind }) => kind !== 'sound').map(({ id }) => id));
  const stored = rows.filter((row) => !bad.has(row.id)).length;
  const refusedLines = rows.flatMap(({ id }, index) => (bad.has(id) ? [lines[index]!] : []));
  return { stored, known: 0, refused: rows.length - stored, refusedLines };
}

const contactByColumns = {
  command: 'RegisterContact',
  key: { $column: 'id' },
  input: { id: { $id: [{ $column: 'id' }] }, name: { full: { $column: 'name' } } },
};

describe('an import of any file', () => {
  let folder: string;
  let operations: Operations;
  let url: string;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'yad-import-'));
    operations = new Operations();
    operations.refuse = ({ input }) => (JSON.stringify(input).includes('"no ') ? 'no' : undefined);
    url = await operations.start();
  });
  afterAll(() => {
    operations.stop();
    rmSync(folder, { recursive: true });
  });

  async function expectImport(
    file: File,
    mapping: object,
    expectation: typeof expectedAlone,
    remembered?: number,
  ): Promise<void> {
    const { bytes, lines } = written(file);
    const path = join(folder, 'file.csv');
    const refusedFile = join(folder, 'refused.csv');
    writeFileSync(path, file.gzip ? gzipSync(bytes) : bytes);
    operations.seen.clear();
    const { label, named } = file.writing;
    const { rows } = await importFile({
      file: path,
      mapping: Mapping.parse({ ...mapping, encoding: named ? label : undefined }),
      url,
      refusedFile,
      chunkBytes: file.chunkBytes,
      maxRecord: MAX,
      remembered,
    });
    const { refusedLines, ...counts } = expectation(file, lines);
    expect(rows).toEqual({ read: file.rows.length, ...counts });
    expect(rows.read).toBe(rows.stored + rows.known + rows.refused);
    const told: string[][] = existsSync(refusedFile)
      ? parse(readFileSync(refusedFile), { relax_column_count: true, from: 2 })
      : [];
    expect(told.map(([number]) => Number(number)).toSorted((a, b) => a - b)).toEqual(refusedLines);
  }

  it(
    'brings each row to one end: stored, known or refused, by its own line',
    () =>
      fc.assert(
        fc.asyncProperty(aFile, (file) =>
          expectImport(
            file,
            {
              name: 't',
              commands: [contactByColumns],
            },
            expectedAlone,
          ),
        ),
        { numRuns: 100 },
      ),
    120_000,
  );

  it(
    'brings each row to the same end where it remembers next to nothing: the server knows what was stored',
    () =>
      fc.assert(
        fc.asyncProperty(aFile, fc.integer({ min: 1, max: 3 }), (given, remembered) => {
          // Of a row that the server refused it keeps nothing, so the next of its key may be taken.
          const file = { ...given, rows: given.rows.filter(({ kind }) => kind !== 'refused') };
          return expectImport(file, { name: 't', commands: [contactByColumns] }, expectedAlone, remembered);
        }),
        { numRuns: 100 },
      ),
    120_000,
  );

  it(
    'stores an order with all of its rows, or nothing of it',
    () =>
      fc.assert(
        fc.asyncProperty(aFile, (file) =>
          expectImport(
            file,
            {
              name: 't',
              groupBy: ['id'],
              commands: [
                {
                  command: 'RecordSale',
                  key: { $column: 'id' },
                  input: { number: { $column: 'id' }, lines: { $each: { sku: { $column: 'name' } } } },
                },
              ],
            },
            expectedGrouped,
          ).then(() => {
            // Every line of an order that was stored is there, in its order, as it was written.
            const lines = new Map<string, string[]>();
            for (const { id, text } of file.rows) lines.set(`k${id}`, [...(lines.get(`k${id}`) ?? []), text.trim()]);
            for (const { number, lines: stored } of operations.inputs('RecordSale')) {
              expect(stored.map(({ sku }: any) => sku)).toEqual(lines.get(number));
            }
          }),
        ),
        { numRuns: 100 },
      ),
    120_000,
  );
});
