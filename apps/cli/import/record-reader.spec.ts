import { describe, expect, it } from '@jest/globals';
import { parse } from 'csv-parse/sync';
import fc from 'fast-check';
import { RecordReader, type BrokenRecord, type SoundRecord } from './record-reader.js';
import { Encoding, MAX_RECORD, textBlocks } from './text-blocks.js';

type Found = SoundRecord | BrokenRecord;

/** What is read of bytes that come in pieces. */
async function readAll(
  chunks: Uint8Array[],
  label = 'utf-8',
  delimiter = ',',
  maxRecord = MAX_RECORD,
): Promise<Found[]> {
  async function* source(): AsyncGenerator<Buffer> {
    for (const chunk of chunks) yield Buffer.from(chunk);
  }
  const reader = new RecordReader(delimiter, maxRecord);
  const found: Found[] = [];
  for await (const block of textBlocks(source(), label, maxRecord)) found.push(...reader.read(block));
  return [...found, ...reader.end()];
}

const read = (text: string, label?: string): Promise<Found[]> => readAll([Buffer.from(text)], label);
const brief = (found: Found[]) =>
  found.map((each) => ('broken' in each ? [each.number, each.reason] : [each.number, ...each.cells]));

/** The bytes in pieces of the given sizes, over and over. */
function cut(bytes: Buffer, sizes: readonly number[]): Buffer[] {
  const chunks: Buffer[] = [];
  for (let at = 0, i = 0; at < bytes.length; i++) {
    const size = sizes[i % sizes.length]!;
    chunks.push(bytes.subarray(at, at + size));
    at += size;
  }
  return chunks;
}

const sizes = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 8 });

describe('the reader of records', () => {
  it.each(['utf-8', 'utf-16le'] as const)(
    'counts the line of a too large record once, in %s, wherever its CRLF is cut into pieces',
    async (label) => {
      const text = `a,b\r\n${'x'.repeat(700)}\r\nc,d\r\n`;
      const bytes = Buffer.from(text, label === 'utf-8' ? 'utf8' : 'utf16le');
      for (let size = 1; size <= 7; size++) {
        const found = await readAll(cut(bytes, [size]), label, ',', 20);
        expect([size, ...brief(found).map(([number]) => number)]).toEqual([size, 1, 2, 3]);
      }
    },
  );

  it('agrees with csv-parse on every sound file, however it is cut into pieces', () => {
    const cell = fc.string({ unit: fc.constantFrom('a', 'é', '国', '😀', ' ', ',', '"', '\n', '\r\n', '\ufeff', 'z') });
    const quoted = (text: string): string => `"${text.replaceAll('"', '""')}"`;
    const row = fc
      .array(fc.tuple(cell, fc.boolean()), { minLength: 2, maxLength: 4 })
      .map((cells) => cells.map(([text, always]) => (always || /[",\r\n]/.test(text) ? quoted(text) : text)).join(','));
    const file = fc.tuple(fc.array(row, { minLength: 1 }), fc.constantFrom('\n', '\r\n', '\r'), fc.boolean());
    return fc.assert(
      fc.asyncProperty(file, sizes, fc.constantFrom('utf-8', 'utf-16le'), async ([rows, end, last], pieces, label) => {
        const text = `x,y${end}${rows.join(end)}${last ? end : ''}`;
        const expected = parse(text, { record_delimiter: end, relax_column_count: true }) as string[][];
        const found = await readAll(cut(Buffer.from(text, label === 'utf-8' ? 'utf8' : 'utf16le'), pieces), label);
        expect(found.map((each) => ('broken' in each ? each : each.cells))).toEqual(expected);
      }),
      { numRuns: 300 },
    );
  });

  it('ends lines at LF, CRLF and CR, also mixed, and counts each once', async () => {
    const found = await read('a,b\n1,2\r\n3,4\r5,"6\r\n7"\n\n\r\n8,9');
    expect(brief(found)).toEqual([
      [1, 'a', 'b'],
      [2, '1', '2'],
      [3, '3', '4'],
      [4, '5', '6\r\n7'],
      [8, '8', '9'],
    ]);
  });

  it.each([
    ['never closed', '5,"b', 'a quoted cell is opened in column 2 and never closed'],
    ['closed too early', '5,"b" c', 'a closing quote in column 2 is followed by more than the delimiter'],
    ['within a cell', '5,b"c"', 'a quote stands within column 2, which does not begin with one'],
    ['closed in a later line too early', '5,"b\n6,"c"', 'a closing quote in column 2 is followed by more than'],
  ])('loses one line to a quote that is %s', async (_what, broken, reason) => {
    const found = await read(`a,b\n${broken}\n7,d\n8,e\n`);
    expect(found[1]).toMatchObject({ number: 2, reason: expect.stringContaining(reason), broken: true });
    expect(found.slice(-2).map((each) => 'cells' in each && each.cells)).toEqual([
      ['7', 'd'],
      ['8', 'e'],
    ]);
  });

  it('loses one line to a quote that is not closed within the bound, and reads on with the next', async () => {
    const lines = Array.from({ length: 150_000 }, (_, i) => `${i},name ${i}`);
    const found = await readAll(cut(Buffer.from(`a,b\n1,"x\n${lines.join('\n')}\n`), [65_536]));
    expect(found[1]).toMatchObject({ number: 2, broken: true });
    expect(found).toHaveLength(2 + lines.length);
    expect(found.slice(2).some((each) => 'broken' in each)).toBe(false);
  });

  it('passes over a record that is too large, in bounded memory, and reads on with the next', async () => {
    const wide = 'x'.repeat(MAX_RECORD + 1);
    const huge = Array.from({ length: 40 }, () => Buffer.alloc(200_000, 'y'));
    const chunks = [Buffer.from(`a,b\n1,${wide}\n2,c\n3,"`), ...huge, Buffer.from('"\r\n4,d\n'), ...huge];
    const found = await readAll(chunks);
    expect(brief(found)).toEqual([
      [1, 'a', 'b'],
      [2, 'is larger than 1000000 characters'],
      [3, '2', 'c'],
      [4, 'is larger than 1000000 characters'],
      [5, '4', 'd'],
      [6, 'is larger than 1000000 characters'],
    ]);
    for (const each of found) if ('broken' in each) expect(each.raw.length).toBeLessThan(1100);
  });

  it('refuses the record that holds bytes which are not valid, and no other', async () => {
    const bytes = Buffer.concat([
      Buffer.from('a,b\n1,"two\nlines Fran'),
      Buffer.from([0xe7]),
      Buffer.from('ois"\n2,国\n3,'),
      Buffer.from([0xe5, 0x9b]),
    ]);
    await fc.assert(
      fc.asyncProperty(sizes, async (pieces) => {
        expect(brief(await readAll(cut(bytes, pieces)))).toEqual([
          [1, 'a', 'b'],
          [2, 'line 3 holds bytes that are not utf-8'],
          [4, '2', '国'],
          [5, 'holds bytes that are not utf-8'],
        ]);
      }),
      { numRuns: 30 },
    );
  });
});

describe('an encoding', () => {
  const decode = (label: string, ...bytes: number[]) => new Encoding(label).decode(Uint8Array.from(bytes));

  it.each<[string, number[], string | undefined]>([
    ['windows-1252', [0x80, 0x93, 0xe7, 0x94, 0x81], '€“ç”\u0081'],
    ['iso-8859-1', [0x80], '€'],
    ['windows-1256', [0xc7, 0xe1], 'ال'],
    ['windows-1253', [0xe1, 0xaa], undefined],
    ['windows-874', [0xa1, 0xdb], undefined],
    ['koi8-u', [0xae, 0xbe, 0xc1], 'ўЎа'],
    ['ibm866', [0x1a, 0x1c, 0x7f, 0x80], '\u001a\u001c\u007fА'],
    ['gbk', [0xb9, 0xfa, 0xa2, 0xe3], '国€'],
    ['gbk', [0xff, 0x41], undefined],
    ['shift_jis', [0x82, 0xa0], 'あ'],
    ['utf-16be', [0x56, 0xfd], '国'],
    ['utf-16le', [0x00, 0xd8, 0x41, 0x00], undefined],
    ['utf-8', [0xc0, 0x80], undefined],
    ['utf-8', [0xef, 0xbb, 0xbf, 0x61], '\ufeffa'],
  ])('reads %s by the standard, whatever the runtime makes of it: %p', (label, bytes, text) => {
    expect(decode(label, ...bytes)).toBe(text);
  });

  it('follows a byte order mark, and finds line ends of two bytes', async () => {
    // U+0A00 and U+000D hold the bytes of a line feed at an odd place.
    const text = 'a,b\r\n1,\u0a00\u0d0a\n2,c\r3,d';
    const big = Buffer.from(`\ufeff${text}`, 'utf16le').swap16();
    const expected = [
      ['a', 'b'],
      ['1', '\u0a00\u0d0a'],
      ['2', 'c'],
      ['3', 'd'],
    ];
    await fc.assert(
      fc.asyncProperty(sizes, async (pieces) => {
        for (const bytes of [big, Buffer.from(`\ufeff${text}`, 'utf16le'), Buffer.from(`\ufeff${text}`)]) {
          const found = await readAll(cut(bytes, pieces), 'windows-1252');
          expect(found.map((each) => ('broken' in each ? each : each.cells))).toEqual(expected);
        }
      }),
      { numRuns: 30 },
    );
  });
});
