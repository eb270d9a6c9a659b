import { isDeepStrictEqual } from 'node:util';
import { erased, isErased, type Erased } from '#platform/kernel/erased.js';
import { Decimal } from '#platform/kernel/money.js';
import { encodeArray, type ArrayType } from '#platform/postgres/arrays.js';
import type { CopyType } from '#platform/postgres/copy-rows.js';
import { fitsTimestamp, instantOfText } from '#platform/postgres/instants.js';
import { personalOf, textOf } from '../definition/personal.js';

/** How a column's values look in folds, on the way to the database and on the way back. */
export interface ColumnType {
  /** As in `create table`. */
  readonly sql: string;
  /** Element type of the array parameter that carries the values. */
  readonly array: ArrayType;
  /** Cast from the array's element to the column; null where they are the same type. */
  readonly cast: string | null;
  /** SQL that reads the column, given its name; null: the name itself. */
  readonly read: ((column: string) => string) | null;
  /** Its canonical form is a deep copy. */
  readonly document?: boolean;
  /** The value of the database's text. */
  parse(text: string): unknown;
  /**
   * The one form of a value: what a read would give back after a write. Folds then see the same whether a row
   * comes from memory or from the database, wherever batches are cut.
   * @throws Error when the value does not fit the column
   */
  canonical(value: unknown): unknown;
  /** The value as `encodeArray` takes it. */
  encode(value: unknown): unknown;
  /** How a binary COPY carries it, and the value as that takes it. */
  readonly copy: CopyType;
  copyValue(value: unknown): unknown;
  equal(a: unknown, b: unknown): boolean;
}

export interface ColumnOptions {
  readonly length?: string;
  readonly precision?: number | null;
  readonly scale?: number;
  readonly isArray: boolean;
  /** The property's class by decorator metadata: Number, BigInt, String, … */
  readonly design: unknown;
}

const same = (value: unknown): unknown => value;
const identical = (a: unknown, b: unknown): boolean => a === b;
const misfit = (value: unknown, type: string): never => {
  throw new TypeError(`${describe(value)} is not a ${type}`);
};
const describe = (value: unknown): string => {
  const text = typeof value === 'bigint' ? `${value}n` : (JSON.stringify(value) ?? String(value));
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
};

const plain = (
  sql: string,
  array: ArrayType,
  canonical: (value: unknown) => unknown,
  parse: (text: string) => unknown = same as (text: string) => unknown,
): ColumnType => ({
  sql,
  array,
  cast: null,
  read: null,
  parse,
  canonical,
  encode: same,
  copy: array,
  copyValue: same,
  equal: identical,
});

// What the database would refuse or change is refused or changed here, at the fold: were it found only when a batch
// is written, which event is set aside would depend on where batches are cut.
const storableText = (value: unknown): string => {
  if (typeof value !== 'string' || value.includes('\0')) return misfit(value, 'text') as never;
  const text = value as string & { isWellFormed(): boolean; toWellFormed(): string };
  return text.isWellFormed() ? text : text.toWellFormed();
};

const boundedText = (length: number): ColumnType =>
  plain(`varchar(${length})`, 'text', (value) => {
    const text = storableText(value);
    return text.length <= length || [...text].length <= length ? text : misfit(value, `text of at most ${length}`);
  });

/**
 * The type of a column that holds personal values: what was erased is `erased` in folds. In a document it stands as it is.
 * @throws Error for a type that has no place for it
 */
export function personalType(type: ColumnType): ColumnType {
  if (type.document) return type;
  if (type.sql !== 'text') throw new Error(`a personal column is text, json or jsonb, not ${type.sql}`);
  return {
    ...type,
    canonical: (value) => (isErased(value) ? erased : type.canonical(value)),
    parse: personalOf,
    encode: (value) => textOf(value as string | Erased),
    copyValue: (value) => textOf(value as string | Erased),
  };
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
// All changes of one event name the same subject.
let lastUuid = '';
const uuid = plain('uuid', 'uuid', (value) => {
  if (value === lastUuid && value !== '') return value;
  if (typeof value !== 'string') return misfit(value, 'uuid');
  if (UUID.test(value)) return (lastUuid = value);
  const lower = value.toLowerCase();
  return UUID.test(lower) ? lower : misfit(value, 'uuid');
});

const integer = (sql: string, array: ArrayType, bits: number): ColumnType => {
  const bound = 2 ** (bits - 1);
  const fits = (value: unknown): unknown =>
    Number.isInteger(value) && (value as number) >= -bound && (value as number) < bound ? value : misfit(value, sql);
  return plain(sql, array, fits, Number);
};

const wide = (value: unknown): bigint => {
  const whole = typeof value === 'bigint' ? value : BigInt(value as string);
  return BigInt.asIntN(64, whole) === whole ? whole : (misfit(value, 'bigint') as never);
};

/** In folds a bigint, a number or a string, as the property is declared; bigint when that cannot be told. */
function bigInteger(design: unknown): ColumnType {
  if (design === Number) {
    const safe = (value: unknown): unknown =>
      Number.isSafeInteger(Number(value)) ? Number(value) : misfit(value, 'safe integer');
    return plain('bigint', 'int8', safe, Number);
  }
  if (design === String) return plain('bigint', 'int8', (value) => String(wide(value)));
  return plain('bigint', 'int8', wide, BigInt);
}

const PLAIN_DECIMAL = /^(?:-?[1-9]\d*|-?0(?=\.\d*[1-9])|0)(?:\.(\d+))?$/;

/** Exact decimals travel as strings; a number would have lost its cents before it came here. */
function numeric(precision: number | null | undefined, scale: number | undefined): ColumnType {
  const sql = precision ? `numeric(${precision},${scale ?? 0})` : 'numeric';
  const fixed = precision ? (scale ?? 0) : undefined;
  const bound = precision ? new Decimal(10).pow(precision - (scale ?? 0)) : undefined;
  // Below the bound for sure: sign, digits and point are fewer than the digits that fit.
  const surely = precision ? precision - (scale ?? 0) : 0;
  const canonical = (value: unknown): string => {
    const match = typeof value === 'string' ? PLAIN_DECIMAL.exec(value) : null;
    const places = match?.[1]?.length ?? 0;
    if (match && (fixed === undefined || (places === fixed && match[0].length - places <= surely))) return match[0];
    if (typeof value === 'number' && !Number.isInteger(value)) misfit(value, 'decimal string');
    const decimal = new Decimal(value as Decimal.Value);
    if (!decimal.isFinite()) misfit(value, 'decimal');
    const text = fixed === undefined ? decimalText(value, decimal) : decimal.toFixed(fixed, Decimal.ROUND_HALF_UP);
    if (bound && new Decimal(text).abs().gte(bound)) misfit(value, sql);
    return /^-0(\.0*)?$/.test(text) ? text.slice(1) : text;
  };
  return { ...plain(sql, 'text', canonical), cast: 'numeric', copy: 'numeric' };
}

// Without a scale the database keeps the digits it is given, the last zeros too.
const decimalText = (value: unknown, decimal: Decimal): string => {
  const places = typeof value === 'string' ? /^[^eE]*\.(\d+)$/.exec(value)?.[1]?.length : undefined;
  return places === undefined ? decimal.toFixed() : decimal.toFixed(places);
};

const instant: ColumnType = {
  ...plain(
    'timestamptz',
    'timestamptz',
    (value) => {
      const date = value instanceof Date ? value : new Date(value as string);
      return fitsTimestamp(date) ? date : misfit(value, 'instant');
    },
    instantOfText,
  ),
  equal: (a, b) => a instanceof Date && b instanceof Date && a.getTime() === b.getTime(),
};

const knownDays = new Set<string>();
const isDay = (text: string): boolean => {
  if (knownDays.has(text)) return true;
  // The database has no year 0: it would give back 1 BC.
  const instant = /^(?!0000)\d{4}-\d\d-\d\d$/.test(text) ? Date.parse(text) : NaN;
  if (Number.isNaN(instant) || new Date(instant).toISOString().slice(0, 10) !== text) return false;
  if (knownDays.size > 20_000) knownDays.clear();
  knownDays.add(text);
  return true;
};

const day = plain('date', 'date', (value) => {
  const text = value instanceof Date ? value.toISOString().slice(0, 10) : value;
  return typeof text === 'string' && isDay(text) ? text : misfit(value, 'day (YYYY-MM-DD)');
});

const json = (sql: 'json' | 'jsonb'): ColumnType => ({
  ...plain(
    sql,
    sql,
    (value) => {
      const text = JSON.stringify(value);
      return text === undefined || text.includes('\\u0000') ? misfit(value, 'JSON value') : JSON.parse(text);
    },
    JSON.parse,
  ),
  document: true,
  encode: JSON.stringify,
  copyValue: JSON.stringify,
  equal: isDeepStrictEqual,
});

const bytes: ColumnType = {
  ...plain(
    'bytea',
    'bytea',
    (value) => (Buffer.isBuffer(value) ? value : misfit(value, 'Buffer')),
    (text) => Buffer.from(text.slice(2), 'hex'),
  ),
  equal: (a, b) => Buffer.isBuffer(a) && Buffer.isBuffer(b) && a.equals(b),
};

const double: ColumnType = {
  ...plain(
    'double precision',
    'text',
    (value) => (Number.isFinite(value) ? (value as number) + 0 : misfit(value, 'finite number')),
    Number,
  ),
  cast: 'double precision',
  encode: String,
  copy: 'float8',
};

const list = (sql: 'text' | 'uuid'): ColumnType => ({
  ...plain(
    `${sql}[]`,
    'text',
    (value) => (Array.isArray(value) ? value.map(storableText) : misfit(value, 'list of texts')),
    JSON.parse,
  ),
  cast: `${sql}[]`,
  read: (column) => `to_jsonb(${column})`,
  encode: (value) => `{${(value as string[]).map((item) => `"${item.replace(/["\\]/g, '\\$&')}"`).join(',')}}`,
  copy: 'raw',
  copyValue: (value) => encodeArray(sql, value as string[]),
  equal: isDeepStrictEqual,
});

/**
 * The column type for a TypeORM type in its normal form.
 * @throws Error for types that a read model cannot have
 */
export function columnType(type: string, options: ColumnOptions): ColumnType {
  if (options.isArray) {
    if (type === 'text' || type === 'uuid') return list(type);
    throw new Error(`lists of ${type} are not supported; use jsonb`);
  }
  switch (type) {
    case 'text':
      return plain('text', 'text', storableText);
    case 'character varying':
    case 'varchar':
      return options.length ? boundedText(Number(options.length)) : plain('text', 'text', storableText);
    case 'uuid':
      return uuid;
    case 'smallint':
    case 'int2':
      return integer('smallint', 'int2', 16);
    case 'integer':
    case 'int':
    case 'int4':
      return integer('integer', 'int4', 32);
    case 'bigint':
    case 'int8':
      return bigInteger(options.design);
    case 'numeric':
    case 'decimal':
      return numeric(options.precision, options.scale);
    case 'boolean':
    case 'bool':
      return plain(
        'boolean',
        'bool',
        (value) => (typeof value === 'boolean' ? value : misfit(value, 'boolean')),
        (text) => text === 't',
      );
    case 'timestamp with time zone':
    case 'timestamptz':
      return instant;
    case 'date':
      return day;
    case 'json':
    case 'jsonb':
      return json(type);
    case 'bytea':
      return bytes;
    case 'double precision':
    case 'float8':
    case 'float':
      return double;
    default:
      throw new Error(`the type '${type}' is not supported in a read model`);
  }
}
