import { writeInstant } from './instants.js';

/** Element types that `encodeArray` writes. */
export type ArrayType =
  'text' | 'uuid' | 'int2' | 'int4' | 'int8' | 'bool' | 'timestamptz' | 'date' | 'json' | 'jsonb' | 'bytea';

// Object ids of the types in pg_type; they never change.
const OID: Record<ArrayType, number> = {
  bool: 16,
  bytea: 17,
  int8: 20,
  int2: 21,
  int4: 23,
  text: 25,
  json: 114,
  date: 1082,
  timestamptz: 1184,
  uuid: 2950,
  jsonb: 3802,
};
/** Bytes of a value, where all values of the type take as many. */
export const fixedSize: Partial<Record<ArrayType, number>> = {
  bool: 1,
  int2: 2,
  int4: 4,
  int8: 8,
  timestamptz: 8,
  date: 4,
  uuid: 16,
};
const EPOCH_2000_MS = 946_684_800_000;
const DAY_MS = 86_400_000;
const HEADER = 20;

/**
 * A PostgreSQL array in its binary form, for a parameter cast like `$1::int8[]` (a Buffer goes to the server
 * as binary). Spares the server and this process the quoting and parsing of text arrays: a fifth faster.
 * Values: text, json and jsonb strings (json values are text already); uuid strings; int8 bigint or number;
 * timestamptz Date; date `YYYY-MM-DD`; bytea Buffer; null anywhere.
 */
export function encodeArray(type: ArrayType, values: readonly unknown[]): Buffer {
  const size = fixedSize[type];
  const strings = size === undefined && type !== 'bytea';
  const prefix = type === 'jsonb' ? 1 : 0;
  let length = HEADER;
  let nulls = 0;
  for (const value of values) {
    length += 4;
    if (value === null || value === undefined) nulls = 1;
    else if (size !== undefined) length += size;
    else length += prefix + (strings ? Buffer.byteLength(value as string) : (value as Buffer).length);
  }
  const out = Buffer.allocUnsafe(length);
  out.writeInt32BE(values.length === 0 ? 0 : 1, 0);
  out.writeInt32BE(nulls, 4);
  out.writeInt32BE(OID[type], 8);
  if (values.length === 0) return out.subarray(0, 12);
  out.writeInt32BE(values.length, 12);
  out.writeInt32BE(1, 16);
  let at = HEADER;
  for (const value of values) {
    if (value === null || value === undefined) {
      out.writeInt32BE(-1, at);
      at += 4;
    } else if (size !== undefined) {
      out.writeInt32BE(size, at);
      writeFixed(out, type, value, at + 4);
      at += 4 + size;
    } else {
      if (prefix) out[at + 4] = 1;
      const start = at + 4 + prefix;
      const written = strings ? out.write(value as string, start) : (value as Buffer).copy(out, start);
      out.writeInt32BE(written + prefix, at);
      at = start + written;
    }
  }
  return out;
}

/** Writes a value of a type with a fixed size. */
export function writeFixed(out: Buffer, type: ArrayType, value: unknown, at: number): void {
  switch (type) {
    case 'bool':
      out[at] = value ? 1 : 0;
      return;
    case 'int2':
      out.writeInt16BE(value as number, at);
      return;
    case 'int4':
      out.writeInt32BE(value as number, at);
      return;
    case 'int8':
      out.writeBigInt64BE(BigInt(value as bigint | number | string), at);
      return;
    case 'timestamptz':
      writeInstant(out, value as Date, at);
      return;
    case 'date':
      out.writeInt32BE((Date.parse(`${value as string}T00:00:00Z`) - EPOCH_2000_MS) / DAY_MS, at);
      return;
    case 'uuid':
      writeUuid(out, value as string, at);
      return;
    default:
      throw new Error(`${type} has no fixed size`);
  }
}

function writeUuid(out: Buffer, uuid: string, at: number): void {
  const { length } = uuid;
  if (length !== 36) throw new RangeError(`'${uuid}' is not a uuid`);
  for (let i = 0, byte = 0; byte < 16; byte++) {
    if (uuid.charCodeAt(i) === 45) i++;
    const value = (nibble(uuid.charCodeAt(i)) << 4) | nibble(uuid.charCodeAt(i + 1));
    if (value < 0) throw new RangeError(`'${uuid}' is not a uuid`);
    out[at + byte] = value;
    i += 2;
  }
}

const nibble = (code: number): number =>
  code >= 48 && code <= 57
    ? code - 48
    : code >= 97 && code <= 102
      ? code - 87
      : code >= 65 && code <= 70
        ? code - 55
        : -256;
