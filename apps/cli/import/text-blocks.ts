/** Why a line of a text is not what the file says, and whether only its beginning is there. */
export interface BadLine {
  reason: string;
  cut: boolean;
}

/** Whole lines of a file, decoded. Only the last block may end without a line end. */
export interface TextBlock {
  text: string;
  /** Lines of this block that are not to be trusted, by their place in it from 0. */
  bad?: Map<number, BadLine>;
}

/** The most characters of one record. */
export const MAX_RECORD = 1_000_000;
/** The most bytes that any encoding has for one. */
const MOST_BYTES = 4;
/** How much is shown of what is too large. */
export const SHOWN = 1000;

const LINE_END = /\r\n|\n|\r/g;
/** How many lines end in a text: LF, CRLF and CR each end one, also mixed. */
export const lineEnds = (text: string): number => text.match(LINE_END)?.length ?? 0;

/** Where the standard and this runtime differ in what a byte means: what this one says, and what is right. */
interface Repair {
  wrong: RegExp;
  right: Map<string, string | null>;
}

const WINDOWS_1252 = '€\u0081‚ƒ„…†‡ˆ‰Š‹Œ\u008dŽ\u008f\u0090‘’“”•–—˜™š›œ\u009džŸ';
const unassigned = (...bytes: number[]): [number, null][] => bytes.map((byte) => [byte, null]);

/**
 * Bytes that a runtime in use (Node 20 and 22) decodes otherwise than the Encoding Standard: without this, the euro
 * sign and the curly quotes of a spreadsheet become control characters in silence. Null: the byte is not valid.
 */
const STANDARD: Record<string, [byte: number, text: string | null][]> = {
  'windows-1252': Array.from(WINDOWS_1252, (text, i) => [0x80 + i, text]),
  'windows-1253': unassigned(0xaa),
  'windows-874': unassigned(0xdb, 0xdc, 0xdd, 0xde, 0xfc, 0xfd, 0xfe, 0xff),
  'koi8-u': [
    [0xae, 'ў'],
    [0xbe, 'Ў'],
  ],
  ibm866: [
    [0x1a, '\u001a'],
    [0x1c, '\u001c'],
    [0x7f, '\u007f'],
  ],
};

/** Turns bytes into text by the Encoding Standard, on every runtime alike. */
export class Encoding {
  /** The standard's name for it. */
  readonly name: string;
  /** Bytes of one unit: two in UTF-16, where a line end has two as well. */
  readonly width: 1 | 2;
  private readonly strict: InstanceType<typeof TextDecoder>;
  private readonly lenient: InstanceType<typeof TextDecoder>;
  private readonly repair: Repair | undefined;

  /** @throws RangeError for a label that is not known */
  constructor(label: string) {
    const { encoding } = new TextDecoder(label);
    // The standard decodes GBK as GB18030; Node 20 has another table for it, without the euro sign.
    const decodedAs = encoding === 'gbk' ? 'gb18030' : encoding;
    this.name = encoding;
    this.width = encoding.startsWith('utf-16') ? 2 : 1;
    this.strict = new TextDecoder(decodedAs, { fatal: true, ignoreBOM: true });
    this.lenient = new TextDecoder(decodedAs, { ignoreBOM: true });
    this.repair = this.repairOf(STANDARD[encoding] ?? []);
  }

  /** The text of bytes that are valid; undefined when they are not. */
  decode(bytes: Uint8Array): string | undefined {
    let text: string;
    try {
      text = this.strict.decode(bytes);
    } catch {
      return undefined;
    }
    const { repair } = this;
    if (!repair || !repair.wrong.test(text)) return text;
    let valid = true;
    const repaired = text.replaceAll(new RegExp(repair.wrong, 'gu'), (each) => {
      const right = repair.right.get(each)!;
      if (right === null) valid = false;
      return right ?? '';
    });
    return valid ? repaired : undefined;
  }

  /** The text with U+FFFD where bytes are not valid: to be shown, never to be stored. */
  show(bytes: Uint8Array): string {
    const text = this.lenient.decode(bytes);
    if (!this.repair) return text;
    return text.replaceAll(new RegExp(this.repair.wrong, 'gu'), (each) => this.repair!.right.get(each) ?? '\ufffd');
  }

  /** Where the last line of these bytes that is whole ends; 0 when none is. */
  lastLineEnd(bytes: Buffer): number {
    const last = this.find(bytes, 0x0a, 'last');
    if (last >= 0) return last + this.width;
    // A file of CR alone. One that comes last may be half of a CRLF.
    const cr = this.find(bytes.subarray(0, bytes.length - this.width), 0x0d, 'last');
    return cr >= 0 ? cr + this.width : 0;
  }

  /** Where the first line of these bytes ends; 0 when it does not. */
  firstLineEnd(bytes: Buffer): number {
    const lf = this.find(bytes, 0x0a, 'first');
    const cr = this.find(bytes, 0x0d, 'first');
    if (cr < 0 || (lf >= 0 && lf < cr)) return lf >= 0 ? lf + this.width : 0;
    // What follows it must be there as a whole: half a unit may become the line feed of a CRLF.
    if (cr + 2 * this.width > bytes.length) return 0;
    return (lf === cr + this.width ? lf : cr) + this.width;
  }

  private find(bytes: Buffer, unit: number, which: 'first' | 'last'): number {
    if (this.width === 1) return which === 'first' ? bytes.indexOf(unit) : bytes.lastIndexOf(unit);
    const pattern = Buffer.from(this.name === 'utf-16be' ? [0, unit] : [unit, 0]);
    const step = which === 'first' ? 1 : -1;
    let at = which === 'first' ? bytes.indexOf(pattern) : bytes.lastIndexOf(pattern);
    // At an odd place it is the end of one character and the beginning of another.
    while (at >= 0 && at % 2 === 1) {
      const from = at + step;
      at = which === 'first' ? bytes.indexOf(pattern, from) : bytes.lastIndexOf(pattern, from);
    }
    return at;
  }

  private repairOf(standard: readonly [number, string | null][]): Repair | undefined {
    const right = new Map<string, string | null>();
    for (const [byte, text] of standard) {
      const here = this.lenient.decode(Uint8Array.of(byte));
      if (here !== (text ?? '\ufffd')) right.set(here, text);
    }
    return right.size === 0 ? undefined : { wrong: new RegExp(`[${[...right.keys()].join('')}]`, 'u'), right };
  }
}

/** The encoding that a byte order mark at the beginning tells, with the mark's length; it is right whatever else is said. */
export function byteOrderMark(bytes: Uint8Array): { label: string; length: number } | undefined {
  if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) return { label: 'utf-8', length: 3 };
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return { label: 'utf-16be', length: 2 };
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return { label: 'utf-16le', length: 2 };
  return undefined;
}

/**
 * Decodes a file in blocks of whole lines, so that no character is cut at the border of two chunks, and bytes that
 * are not valid spoil the line that they stand in and no other. Memory is bounded, whatever the lines' length.
 */
export async function* textBlocks(
  chunks: AsyncIterable<Buffer>,
  label: string,
  maxRecord = MAX_RECORD,
): AsyncGenerator<TextBlock> {
  let encoding: Encoding | undefined;
  let waiting: Buffer = Buffer.alloc(0);
  /** Beginning of a line that is too long, whose end was not found yet. */
  let tooLong: string | undefined;
  for await (const chunk of chunks) {
    waiting = waiting.length === 0 ? chunk : Buffer.concat([waiting, chunk]);
    if (!encoding) {
      if (waiting.length < 3) continue;
      ({ encoding, waiting } = begin(waiting, label));
    }
    if (tooLong !== undefined) {
      const end = encoding.firstLineEnd(waiting);
      // The last unit may be half of a line end, or of a character.
      if (end === 0) waiting = waiting.subarray(-(waiting.length % encoding.width) - encoding.width);
      else {
        yield cut(tooLong, maxRecord);
        tooLong = undefined;
        waiting = waiting.subarray(end);
      }
      if (end === 0) continue;
    }
    const end = encoding.lastLineEnd(waiting);
    if (end > 0) {
      yield decoded(waiting.subarray(0, end), encoding);
      waiting = waiting.subarray(end);
    } else if (waiting.length > MOST_BYTES * maxRecord) {
      tooLong = shownOf(encoding, waiting);
      waiting = waiting.subarray(waiting.length - (waiting.length % encoding.width) - encoding.width);
    }
  }
  if (!encoding) ({ encoding, waiting } = begin(waiting, label));
  if (tooLong !== undefined) yield cut(tooLong, maxRecord);
  else if (waiting.length > 0) yield decoded(waiting, encoding);
}

function begin(bytes: Buffer, label: string): { encoding: Encoding; waiting: Buffer } {
  const mark = byteOrderMark(bytes);
  return { encoding: new Encoding(mark?.label ?? label), waiting: bytes.subarray(mark?.length ?? 0) };
}

const shownOf = (encoding: Encoding, bytes: Buffer): string =>
  encoding.show(bytes.subarray(0, SHOWN * encoding.width)).replaceAll(LINE_END, ' ');

const cut = (beginning: string, maxRecord: number): TextBlock => ({
  text: `${beginning}\n`,
  bad: new Map([[0, { reason: tooLarge(maxRecord), cut: true }]]),
});

export const tooLarge = (maxRecord: number): string => `is larger than ${maxRecord} characters`;

function decoded(bytes: Buffer, encoding: Encoding): TextBlock {
  const text = encoding.decode(bytes);
  if (text !== undefined) return { text };
  const parts: string[] = [];
  const bad = new Map<number, BadLine>();
  for (let rest = bytes; rest.length > 0;) {
    const end = encoding.firstLineEnd(rest);
    const line = end > 0 ? rest.subarray(0, end) : rest;
    let text = encoding.decode(line);
    if (text === undefined) {
      bad.set(parts.length, { reason: `holds bytes that are not ${encoding.name}`, cut: false });
      text = encoding.show(line);
      // A decoder may take the line end for a part of what is not valid.
      if (end > 0 && !/[\r\n]$/.test(text)) text += '\n';
    }
    parts.push(text);
    rest = rest.subarray(line.length);
  }
  return { text: parts.join(''), bad };
}
