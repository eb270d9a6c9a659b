import { setImmediate as turn } from 'node:timers/promises';
import { InvalidInput } from '#platform/kernel/errors.js';
import { HttpProblem } from './problem.js';
import { parseJson } from './safe-json.js';

/** A body from this size on is parsed item by item, where it has items. */
export const LARGE = 256 * 1024;
/** After so long other requests get their turn. */
const SLICE_MS = 10;

const sizes = new WeakMap<readonly unknown[], Uint32Array>();

/** The bytes of each item, for a list that was parsed item by item. */
export const sizesOf = (items: readonly unknown[]): Uint32Array | undefined => sizes.get(items);

/**
 * Parses `{"items": [...]}` item by item, so that a body of many megabytes holds nobody else up: as one text it takes
 * the process for seconds. Undefined for what is of another form, to be parsed as a whole.
 * @throws HttpProblem malformed-request, InvalidInput
 */
export async function parseItems(bytes: Buffer): Promise<{ items: unknown[] } | undefined> {
  const found = new Items(bytes);
  if (!found.opens()) return undefined;
  const items: unknown[] = [];
  const lengths: number[] = [];
  for (let began = performance.now(); ;) {
    const item = found.next();
    if (!item) break;
    const at = items.length;
    try {
      items.push(parseJson(bytes.toString('utf8', item.start, item.end)));
    } catch (error) {
      throw within(at, error);
    }
    lengths.push(item.end - item.start);
    if (performance.now() - began < SLICE_MS) continue;
    await turn();
    began = performance.now();
  }
  if (found.hasMore) return undefined;
  sizes.set(items, Uint32Array.from(lengths));
  return { items };
}

function within(at: number, error: unknown): unknown {
  if (error instanceof InvalidInput) {
    const issues = error.issues.map((issue) => ({ ...issue, pointer: `/items/${at}${issue.pointer}` }));
    return new InvalidInput(issues, error.message);
  }
  return error instanceof HttpProblem ? new HttpProblem(error.kind, `item ${at}: ${error.message}`) : error;
}

const [QUOTE, BACKSLASH, COMMA, COLON] = [0x22, 0x5c, 0x2c, 0x3a];
const [OPEN_LIST, CLOSE_LIST, OPEN_OBJECT, CLOSE_OBJECT] = [0x5b, 0x5d, 0x7b, 0x7d];
const NAME = Buffer.from('"items"');

/**
 * Finds the items of a list without reading what is in them: sound items between sound commas are a sound list, and
 * whether an item is sound shows when it is parsed.
 */
class Items {
  private at = 0;
  private count = 0;
  /** There is another field beside the items. */
  hasMore = false;

  constructor(private readonly bytes: Buffer) {}

  /** Whether this is an object that begins with `items`, a list. */
  opens(): boolean {
    const { bytes } = this;
    if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) this.at = 3;
    if (!this.passes(OPEN_OBJECT)) return false;
    this.blanks();
    if (bytes.compare(NAME, 0, NAME.length, this.at, this.at + NAME.length) !== 0) return false;
    this.at += NAME.length;
    return this.passes(COLON) && this.passes(OPEN_LIST);
  }

  /** The next item; undefined after the last, when the body has come to its end. */
  next(): { start: number; end: number } | undefined {
    if (this.passes(CLOSE_LIST)) return this.end();
    if (this.count > 0) {
      if (!this.passes(COMMA)) throw this.malformed();
      if (this.passes(CLOSE_LIST)) throw this.malformed();
    }
    this.blanks();
    const start = this.at;
    this.value();
    if (this.at === start) throw this.malformed();
    this.count++;
    return { start, end: this.at };
  }

  private end(): undefined {
    this.hasMore = this.passes(COMMA);
    if (this.hasMore) return undefined;
    if (!this.passes(CLOSE_OBJECT)) throw this.malformed();
    this.blanks();
    if (this.at < this.bytes.length) throw this.malformed();
    return undefined;
  }

  private value(): void {
    const { bytes } = this;
    for (let depth = 0; this.at < bytes.length; this.at++) {
      const code = bytes[this.at]!;
      if (code === QUOTE) this.text();
      else if (code === OPEN_OBJECT || code === OPEN_LIST) depth++;
      else if (code === CLOSE_OBJECT || code === CLOSE_LIST) {
        if (depth === 0) return;
        depth--;
      } else if (depth > 0 || !(code === COMMA || isBlank(code))) continue;
      else return;
      if (depth > 0) continue;
      this.at++;
      return;
    }
  }

  /** To the closing quote of the string that begins here. */
  private text(): void {
    const { bytes, at } = this;
    for (let end = bytes.indexOf(QUOTE, at + 1); end >= 0; end = bytes.indexOf(QUOTE, end + 1)) {
      let escapes = 0;
      while (bytes[end - 1 - escapes] === BACKSLASH) escapes++;
      if (escapes % 2 > 0) continue;
      this.at = end;
      return;
    }
    throw this.malformed();
  }

  private passes(code: number): boolean {
    this.blanks();
    if (this.bytes[this.at] !== code) return false;
    this.at++;
    return true;
  }

  private blanks(): void {
    while (isBlank(this.bytes[this.at])) this.at++;
  }

  private malformed(): HttpProblem {
    return new HttpProblem('malformed-request', `the body is not JSON: at byte ${this.at}, after ${this.count} items`);
  }
}

const isBlank = (code: number | undefined): boolean => code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09;
