import { createRequire } from 'node:module';

/** A message as kafkajs hands it to its encoder of records. */
export interface RecordToEncode {
  readonly offsetDelta?: number;
  readonly timestampDelta?: number;
  readonly key?: string | Buffer | null;
  readonly value?: string | Buffer | null;
  readonly headers?: Readonly<Record<string, string | Buffer | readonly (string | Buffer)[] | null | undefined>>;
}

/**
 * A record of Kafka's message format 2 (Length, Attributes, TimestampDelta, OffsetDelta, Key, Value, Headers), byte for
 * byte what kafkajs makes, in one buffer. Its own encoder takes 512 bytes of zeros for the record and for each header,
 * and a buffer for each number: 46 µs a message with seven headers, half of what the relay spends.
 * @returns in the shape of kafkajs' Encoder
 */
export function encodeRecord(record: RecordToEncode): { buf: Buffer; buffer: Buffer } {
  const { offsetDelta = 0, timestampDelta = 0, key, value, headers = {} } = record;
  const pairs: [string, string | Buffer | null | undefined][] = [];
  for (const name in headers) {
    const given = headers[name];
    if (Array.isArray(given)) for (const each of given) pairs.push([name, each]);
    else pairs.push([name, given as string | Buffer | null | undefined]);
  }
  let size = 1 + sizeOf(timestampDelta) + sizeOf(offsetDelta) + sizeOfBytes(key) + sizeOfBytes(value);
  size += sizeOf(pairs.length);
  for (const [name, content] of pairs) size += sizeOfBytes(name) + sizeOfBytes(content);

  const buf = Buffer.allocUnsafe(sizeOf(size) + size);
  let at = writeNumber(buf, 0, size);
  buf[at++] = 0;
  at = writeNumber(buf, at, timestampDelta);
  at = writeNumber(buf, at, offsetDelta);
  at = writeBytes(buf, at, key);
  at = writeBytes(buf, at, value);
  at = writeNumber(buf, at, pairs.length);
  for (const [name, content] of pairs) at = writeBytes(buf, writeBytes(buf, at, name), content);
  return { buf, buffer: buf };
}

const zigZag = (value: number): number => (value >= 0 ? value * 2 : value * -2 - 1);

/** Bytes of a number in base 128; by arithmetic, as a log's timestamps differ by more than 31 bits hold. */
function sizeOf(value: number): number {
  let size = 1;
  for (let left = zigZag(value); left >= 128; left = Math.floor(left / 128)) size++;
  return size;
}

function writeNumber(buf: Buffer, at: number, value: number): number {
  let left = zigZag(value);
  for (; left >= 128; left = Math.floor(left / 128)) buf[at++] = (left % 128) | 128;
  buf[at++] = left;
  return at;
}

const lengthOf = (value: string | Buffer): number =>
  typeof value === 'string' ? Buffer.byteLength(value) : value.length;

function sizeOfBytes(value: string | Buffer | null | undefined): number {
  if (value === null || value === undefined) return 1;
  const length = lengthOf(value);
  return sizeOf(length) + length;
}

function writeBytes(buf: Buffer, at: number, value: string | Buffer | null | undefined): number {
  if (value === null || value === undefined) return writeNumber(buf, at, -1);
  const start = writeNumber(buf, at, lengthOf(value));
  return start + (typeof value === 'string' ? buf.write(value, start) : value.copy(buf, start));
}

/**
 * Puts ours in the place of kafkajs' encoder, for which it has no option. To be imported before kafkajs, whose requests
 * take hold of theirs as they are loaded; 2.2.4 is pinned and the last release, and a spec holds both side by side.
 */
const require = createRequire(import.meta.url);
const RECORD_MODULE = 'kafkajs/src/protocol/recordBatch/record/v0/index.js';
/** kafkajs' own. */
export const originalEncoder = require(RECORD_MODULE) as (record: RecordToEncode) => { buffer: Buffer };
const loaded = require.cache[require.resolve(RECORD_MODULE)];
if (loaded) loaded.exports = encodeRecord;
