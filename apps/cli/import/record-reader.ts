import { MAX_RECORD, SHOWN, lineEnds, tooLarge, type BadLine, type TextBlock } from './text-blocks.js';

/** A record of the file: the number of its first line, and its cells. */
export interface SoundRecord {
  number: number;
  cells: string[];
  /** The record as it stands in the file; costs nothing until it is asked for. */
  raw: () => string;
}

/** What could not be read as a record. */
export interface BrokenRecord {
  number: number;
  reason: string;
  /** As it stands in the file, its beginning only where it is long. */
  raw: string;
  /** Cells that were whole before what is wrong. */
  before: string[];
  broken: true;
}

/** What stands at one place, and where the next begins; `Infinity` where the text must go on first. */
interface Found {
  cells: string[];
  next: number;
  problem?: string;
}

/**
 * Reads CSV by RFC 4180, with LF, CRLF and CR as line ends, also mixed. What is broken is refused by its first line,
 * and reading goes on with the next one: a quote that is never closed costs one line and not the rest of the file.
 * Pure: text in, records out.
 */
export class RecordReader {
  private text = '';
  /** Number of the line that `text` begins with. */
  private line = 1;
  /** By number, from `line` on. */
  private readonly bad = new Map<number, BadLine>();

  constructor(
    private readonly delimiter: string,
    private readonly maxRecord = MAX_RECORD,
  ) {}

  /** Number of the first line that was not given out yet. */
  get nextLine(): number {
    return this.line;
  }

  /** The records that this block ends. A record whose quoted cell goes on is kept for the next block. */
  read(block: TextBlock): (SoundRecord | BrokenRecord)[] {
    if (block.bad) {
      const first = this.line + lineEnds(this.text);
      for (const [place, bad] of block.bad) this.bad.set(first + place, bad);
    }
    this.text = this.text === '' ? block.text : this.text + block.text;
    return this.take(false);
  }

  /** The records that are left when the file is at its end. */
  end(): (SoundRecord | BrokenRecord)[] {
    return this.take(true);
  }

  private take(atEnd: boolean): (SoundRecord | BrokenRecord)[] {
    const { text, bad } = this;
    const out: (SoundRecord | BrokenRecord)[] = [];
    let at = 0;
    let quote = -1;
    while (at < text.length) {
      if (quote < at) quote = indexOr(text.indexOf('"', at), Infinity);
      const lineEnd = endOfLine(text, at);
      const afterLine = pastLineEnd(text, lineEnd);
      const { line } = this;
      const cutHere = bad.size > 0 ? bad.get(line) : undefined;
      let found: Found;
      if (cutHere?.cut) found = this.large(at, lineEnd, cutHere.reason);
      else if (lineEnd - at > this.maxRecord) found = this.large(at, lineEnd, tooLarge(this.maxRecord));
      else if (lineEnd === at) {
        // An empty line is no record.
        at = afterLine;
        this.line++;
        continue;
      } else if (quote >= lineEnd) found = { cells: text.slice(at, lineEnd).split(this.delimiter), next: afterLine };
      else found = this.quoted(at, atEnd);
      if (found.next === Infinity) break;

      let { next, problem } = found;
      const several = next > afterLine;
      // The last line of a file may have no end.
      let lines = several ? lineEnds(text.slice(at, next)) + (/[\r\n]/.test(text[next - 1]!) ? 0 : 1) : 1;
      if (bad.size > 0 && !problem) {
        const within = this.badWithin(line, lines);
        problem = within?.reason;
        // Half of a cell is not there: nobody knows where this record ends.
        if (within?.cut) [next, lines] = [afterLine, 1];
      }
      const start = at;
      if (problem) {
        const stop = next === afterLine ? lineEnd : next;
        const raw = text.slice(at, Math.min(stop, at + SHOWN)) + (stop > at + SHOWN ? ' …' : '');
        out.push({ number: line, reason: problem, raw, before: found.cells, broken: true });
      } else {
        out.push({ number: line, cells: found.cells, raw: () => text.slice(start, next) });
      }
      at = next;
      this.line += lines;
    }
    this.text = text.slice(at);
    for (const number of bad.keys()) if (number < this.line) bad.delete(number);
    return out;
  }

  /** A record with a quote in its first line. */
  private quoted(start: number, atEnd: boolean): Found {
    const { text, delimiter, maxRecord } = this;
    const cells: string[] = [];
    const afterFirst = (): number => pastLineEnd(text, endOfLine(text, start));
    const broken = (problem: string): Found => ({ cells, next: afterFirst(), problem });
    for (let at = start; ; at += delimiter.length) {
      if (text[at] === '"') {
        let cell = '';
        let from = at + 1;
        for (;;) {
          const quote = text.indexOf('"', from);
          const size = (quote < 0 ? text.length : quote) - start;
          if (size > maxRecord) {
            return broken(
              `a quoted cell is opened in column ${cells.length + 1}, and the record ${tooLarge(maxRecord)}`,
            );
          }
          if (quote < 0) {
            if (!atEnd) return { cells, next: Infinity };
            return broken(`a quoted cell is opened in column ${cells.length + 1} and never closed`);
          }
          cell += text.slice(from, quote);
          from = quote + 1;
          if (text[from] !== '"') break;
          cell += '"';
          from++;
        }
        at = from;
        if (at < text.length && text[at] !== delimiter && text[at] !== '\n' && text[at] !== '\r') {
          return broken(`a closing quote in column ${cells.length + 1} is followed by more than the delimiter`);
        }
        cells.push(cell);
      } else {
        const lineEnd = endOfLine(text, at);
        const end = Math.min(indexOr(text.indexOf(delimiter, at), Infinity), lineEnd);
        const cell = text.slice(at, end);
        if (cell.includes('"')) {
          return broken(`a quote stands within column ${cells.length + 1}, which does not begin with one`);
        }
        cells.push(cell);
        at = end;
      }
      if (at - start > maxRecord) return broken(tooLarge(maxRecord));
      if (at >= text.length || text[at] !== delimiter) return { cells, next: pastLineEnd(text, at) };
    }
  }

  /** A line that is too large, of which the cells in its beginning are known. */
  private large(start: number, lineEnd: number, problem: string): Found {
    const [plain] = this.text.slice(start, Math.min(lineEnd, start + SHOWN)).split('"', 1);
    // The last of them goes on.
    const cells = plain!.split(this.delimiter).slice(0, -1);
    return { cells, next: pastLineEnd(this.text, lineEnd), problem };
  }

  private badWithin(line: number, lines: number): BadLine | undefined {
    let found: BadLine | undefined;
    for (const [number, bad] of this.bad) {
      if (number < line || number >= line + lines) continue;
      const where = number === line ? bad.reason : `line ${number} ${bad.reason}`;
      if (!found || bad.cut) found = { reason: where, cut: bad.cut };
    }
    return found;
  }
}

const indexOr = (index: number, otherwise: number): number => (index < 0 ? otherwise : index);

/** Where the line ends that holds this place; the length of the text where it does not. */
function endOfLine(text: string, at: number): number {
  const lf = indexOr(text.indexOf('\n', at), text.length);
  // Looked for in this line only, for most files have none.
  for (let i = at; i < lf; i++) if (text.charCodeAt(i) === 13) return i;
  return lf;
}

/** The place behind a line end. */
function pastLineEnd(text: string, at: number): number {
  if (at >= text.length) return text.length;
  return text[at] === '\r' && text[at + 1] === '\n' ? at + 2 : at + 1;
}
