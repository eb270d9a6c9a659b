import { createRequire } from 'node:module';

/** What kafkajs hands to its decoder of records: the bytes of one, after its length. */
export interface RecordBytes {
  readonly buffer: Buffer;
  offset: number;
}

/** What the batch says of all its records. */
export interface BatchContext {
  readonly firstOffset: string;
  readonly firstTimestamp: string;
  readonly maxTimestamp?: string;
  readonly timestampType?: number;
  readonly magicByte?: number;
  readonly isControlBatch?: boolean;
}

export type DecodedHeaders = Record<string, Buffer | null | (Buffer | null)[]>;

export interface DecodedRecord {
  readonly magicByte: number | undefined;
  readonly attributes: number;
  readonly timestamp: string;
  readonly offset: string;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: DecodedHeaders;
  readonly isControlRecord: boolean;
  readonly batchContext: BatchContext;
}

const LOG_APPEND_TIME = 1;

/** Where the reading stands: one record is read to its end before the next begins. */
let bytes: Buffer;
let at = 0;

/**
 * A record of Kafka's message format 2, to what kafkajs makes of it. Its own decoder copies the headers so far for each
 * header, and reckons in big integers: with twenty headers that is most of what a reader spends on a message.
 */
export function decodeRecord(record: RecordBytes, batchContext: BatchContext): DecodedRecord {
  const { firstOffset, firstTimestamp, maxTimestamp, timestampType, magicByte, isControlBatch } = batchContext;
  bytes = record.buffer;
  at = record.offset;
  const attributes = bytes.readInt8(at++);
  const timestampDelta = readLong();
  const timestamp =
    timestampType === LOG_APPEND_TIME && maxTimestamp ? maxTimestamp : sum(firstTimestamp, timestampDelta);
  const offset = sum(firstOffset, readInt());
  const key = readBytes();
  const value = readBytes();
  const headers: DecodedHeaders = {};
  const count = readInt();
  for (let nth = 0; nth < count; nth++) add(headers, readName(nth), readBytes());
  record.offset = at;
  const isControlRecord = isControlBatch ?? false;
  return { magicByte, attributes, timestamp, offset, key, value, headers, isControlRecord, batchContext };
}

/** A name that is given again has all its contents. */
function add(headers: DecodedHeaders, name: string, content: Buffer | null): void {
  const before = headers[name];
  if (before === undefined) headers[name] = content;
  else if (Object.hasOwn(headers, name)) headers[name] = [...(Array.isArray(before) ? before : [before]), content];
  // What every object inherits, `__proto__` too, is a name like others.
  else Object.defineProperty(headers, name, { value: content, enumerable: true, configurable: true, writable: true });
}

/** Zigzag of 32 bits in base 128. */
function readInt(): number {
  let byte = bytes[at++]!;
  let result = byte & 0x7f;
  for (let shift = 7; byte >= 0x80; shift += 7) {
    byte = bytes[at++]!;
    result |= (byte & 0x7f) << shift;
  }
  return (result >>> 1) ^ -(result & 1);
}

/** Zigzag of 64 bits in base 128: a number where that holds it, which is always but for what nobody sends. */
function readLong(): number | bigint {
  const start = at;
  let byte = bytes[at++]!;
  let result = byte & 0x7f;
  for (let factor = 128; byte >= 0x80; factor *= 128) {
    if (at - start === 7) return readBig(start);
    byte = bytes[at++]!;
    result += (byte & 0x7f) * factor;
  }
  return result % 2 === 0 ? result / 2 : -(result + 1) / 2;
}

function readBig(start: number): bigint {
  at = start;
  let result = 0n;
  for (let shift = 0n; ; shift += 7n) {
    if (shift > 63n) throw new Error('a number of a record takes more than ten bytes');
    const byte = bytes[at++]!;
    result |= BigInt(byte & 0x7f) << shift;
    if (byte < 0x80) break;
  }
  result = BigInt.asUintN(64, result);
  return BigInt.asIntN(64, (result >> 1n) ^ -(result & 1n));
}

function sum(first: string, delta: number | bigint): string {
  const result = Number(first) + Number(delta);
  return Number.isSafeInteger(result) ? String(result) : String(BigInt(first) + BigInt(delta));
}

function readBytes(): Buffer | null {
  const length = readInt();
  if (length === -1) return null;
  const start = at;
  at += length;
  return bytes.subarray(start, at);
}

/** The names that records had last, by their place: those of one writer have the same in the same order. */
const names: { readonly text: string; readonly bytes: Buffer }[] = [];
const MOST_NAMES = 64;

function readName(nth: number): string {
  const length = readInt();
  const start = at;
  at += length;
  const known = names[nth];
  if (known && known.bytes.length === length && isSame(known.bytes, start)) return known.text;
  const text = bytes.toString('utf8', start, at);
  if (nth < MOST_NAMES && length <= MOST_NAMES) names[nth] = { text, bytes: Buffer.from(bytes.subarray(start, at)) };
  return text;
}

function isSame(name: Buffer, start: number): boolean {
  for (let i = 0; i < name.length; i++) if (name[i] !== bytes[start + i]) return false;
  return true;
}

/**
 * Puts ours in the place of kafkajs' decoder, for which it has no option; see `record-encoder.ts`. To be imported before
 * kafkajs, and a spec holds both side by side.
 */
const require = createRequire(import.meta.url);
const RECORD_MODULE = 'kafkajs/src/protocol/recordBatch/record/v0/decoder.js';
/** kafkajs' own. */
export const originalDecoder = require(RECORD_MODULE) as typeof decodeRecord;
const loaded = require.cache[require.resolve(RECORD_MODULE)];
if (loaded) loaded.exports = decodeRecord;
