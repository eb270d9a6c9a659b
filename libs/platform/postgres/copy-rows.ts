import { pipeline } from 'node:stream/promises';
import { Readable } from 'node:stream';
import { from } from 'pg-copy-streams';
import { fixedSize, writeFixed, type ArrayType } from './arrays.js';
import type { PoolClient } from './pool.js';

/**
 * How a value goes into a binary COPY: as an array's element does, or a decimal's plain text as `numeric`, a number as
 * `float8`, a Buffer that holds the column's own binary form as `raw`.
 */
export type CopyType = ArrayType | 'numeric' | 'float8' | 'raw';

const CHUNK = 256 * 1024;
const SIGNATURE = Buffer.from('PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0', 'latin1');
const END = Buffer.from([0xff, 0xff]);
/** Below it a loop over the characters beats the call into the runtime. */
const SHORT = 48;

/** Rows in PostgreSQL's binary COPY format, encoded as they come, so that nothing of them stays behind as objects. */
export class CopyRows {
  private full: Buffer[] = [];
  private chunk = Buffer.allocUnsafeSlow(CHUNK);
  private at = SIGNATURE.copy(this.chunk);
  count = 0;
  private filled = 0;

  /** Bytes that the rows take in memory. */
  get size(): number {
    return this.filled + this.at;
  }

  /** Begins a row; as many `field` calls follow. */
  row(fields: number): void {
    this.reserve(2);
    this.at = this.chunk.writeInt16BE(fields, this.at);
    this.count++;
  }

  /** @throws RangeError for a value that is not of the type */
  field(type: CopyType, value: unknown): void {
    if (value === null || value === undefined) {
      this.reserve(4);
      this.at = this.chunk.writeInt32BE(-1, this.at);
      return;
    }
    switch (type) {
      case 'numeric':
        return this.numeric(value as string);
      case 'float8':
        this.reserve(12);
        this.at = this.chunk.writeInt32BE(8, this.at);
        // As text -0 is 0; so it is here.
        this.at = this.chunk.writeDoubleBE((value as number) + 0, this.at);
        return;
      case 'raw':
      case 'bytea':
        return this.bytes(value as Buffer);
      case 'text':
      case 'json':
        return this.text(value as string, 0);
      case 'jsonb':
        return this.text(value as string, 1);
      default: {
        const size = fixedSize[type]!;
        this.reserve(4 + size);
        this.at = this.chunk.writeInt32BE(size, this.at);
        writeFixed(this.chunk, type, value, this.at);
        this.at += size;
      }
    }
  }

  /** All rows so far, as COPY takes them. */
  take(): Buffer[] {
    const chunks = [...this.full, this.chunk.subarray(0, this.at), END];
    this.full = [];
    this.chunk = Buffer.allocUnsafeSlow(CHUNK);
    this.at = SIGNATURE.copy(this.chunk);
    this.count = 0;
    this.filled = 0;
    return chunks;
  }

  private reserve(bytes: number): void {
    if (this.at + bytes <= this.chunk.length) return;
    this.full.push(this.chunk.subarray(0, this.at));
    this.filled += this.chunk.length;
    this.chunk = Buffer.allocUnsafeSlow(Math.max(CHUNK, bytes));
    this.at = 0;
  }

  private bytes(value: Buffer): void {
    this.reserve(4 + value.length);
    this.at = this.chunk.writeInt32BE(value.length, this.at);
    this.at += value.copy(this.chunk, this.at);
  }

  /** @param version 1 for jsonb, whose text follows the number of its form */
  private text(value: string, version: 0 | 1): void {
    const { length } = value;
    // No character takes more than three bytes.
    this.reserve(5 + length * 3);
    const { chunk } = this;
    const start = this.at + 4 + version;
    if (version) chunk[start - 1] = version;
    let end = start;
    if (length <= SHORT) {
      for (let code; end < start + length && (code = value.charCodeAt(end - start)) < 128; end++) chunk[end] = code;
    }
    if (end < start + length) end = start + chunk.write(value, start);
    chunk.writeInt32BE(end - this.at - 4, this.at);
    this.at = end;
  }

  /** Groups of four digits on both sides of the point, as the server keeps them. */
  private numeric(text: string): void {
    const negative = text.charCodeAt(0) === MINUS;
    const first = negative ? 1 : 0;
    const point = text.indexOf('.');
    const end = point < 0 ? text.length : point;
    const scale = point < 0 ? 0 : text.length - point - 1;
    const whole = Math.ceil((end - first) / 4);
    const part = Math.ceil(scale / 4);
    if (whole === 0) throw new RangeError(`'${text}' is not a decimal`);
    this.reserve(12 + 2 * (whole + part));
    const { chunk } = this;
    let at = chunk.writeInt32BE(8 + 2 * (whole + part), this.at);
    at = chunk.writeInt16BE(whole + part, at);
    at = chunk.writeInt16BE(whole - 1, at);
    at = chunk.writeInt16BE(negative ? 0x4000 : 0, at);
    at = chunk.writeInt16BE(scale, at);
    for (let from = end - 4 * whole; from < end; from += 4) {
      at = chunk.writeInt16BE(digits(text, Math.max(from, first), from + 4), at);
    }
    for (let from = end + 1; from < end + 1 + scale; from += 4) {
      const left = Math.min(4, text.length - from);
      at = chunk.writeInt16BE(digits(text, from, from + left) * 10 ** (4 - left), at);
    }
    this.at = at;
  }
}

const MINUS = 45;
const ZERO = 48;

function digits(text: string, from: number, to: number): number {
  let value = 0;
  for (let i = from; i < to; i++) {
    const digit = text.charCodeAt(i) - ZERO;
    if (!(digit >= 0 && digit <= 9)) throw new RangeError(`'${text}' is not a decimal`);
    value = value * 10 + digit;
  }
  return value;
}

/**
 * Adds rows to a table in the connection's transaction: the server's fastest way in, as it fills whole pages.
 * @param columns quoted names, in the order of the fields
 */
export async function copyIn(client: PoolClient, table: string, columns: string, rows: Buffer[]): Promise<void> {
  await pipeline(
    Readable.from(rows, { objectMode: true }),
    client.query(from(`copy ${table} (${columns}) from stdin (format binary)`)),
  );
}
