import { isDeepStrictEqual } from 'node:util';
import { erased, isErased, type Erased } from '#platform/kernel/erased.js';
import { Decimal } from '#platform/kernel/money.js';
import type { ArrayType } from '#platform/postgres/arrays.js';
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

export const text = plain('text', 'text', storableText);

/** A text that holds personal values: what was erased is `erased` in folds. */
export const personalText: ColumnType = {
  ...text,
  canonical: (value) => (isErased(value) ? erased : storableText(value)),
  parse: personalOf,
  encode: (value) => textOf(value as string | Erased),
  copyValue: (value) => textOf(value as string | Erased),
};

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
// All changes of one event name the same subject.
let lastUuid = '';
export const uuid = plain('uuid', 'uuid', (value) => {
  if (value === lastUuid && value !== '') return value;
  if (typeof value !== 'string') return misfit(value, 'uuid');
  if (UUID.test(value)) return (lastUuid = value);
  const lower = value.toLowerCase();
  return UUID.test(lower) ? lower : misfit(value, 'uuid');
});

export const integer = plain(
  'integer',
  'int4',
  (value) =>
    Number.isInteger(value) && (value as number) >= -(2 ** 31) && (value as number) < 2 ** 31
      ? value
      : misfit(value, 'integer'),
  Number,
);

export const bigint = plain(
  'bigint',
  'int8',
  (value) => {
    const whole = typeof value === 'bigint' ? value : BigInt(value as string);
    return BigInt.asIntN(64, whole) === whole ? whole : misfit(value, 'bigint');
  },
  BigInt,
);

const PLAIN_DECIMAL = /^(?:-?[1-9]\d*|-?0(?=\.\d*[1-9])|0)(?:\.(\d+))?$/;

/** Exact decimals travel as strings; a number would have lost its cents before it came here. */
export function numeric(precision?: number, scale?: number): ColumnType {
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

export const instant: ColumnType = {
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

export const day = plain('date', 'date', (value) => {
  const text = value instanceof Date ? value.toISOString().slice(0, 10) : value;
  return typeof text === 'string' && isDay(text) ? text : misfit(value, 'day (YYYY-MM-DD)');
});

export const json: ColumnType = {
  ...plain(
    'jsonb',
    'jsonb',
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
};

export const boolean = plain(
  'boolean',
  'bool',
  (value) => (typeof value === 'boolean' ? value : misfit(value, 'boolean')),
  (text) => text === 't',
);
