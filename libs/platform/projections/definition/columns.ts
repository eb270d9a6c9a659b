import { z } from 'zod';
import { Day, Instant } from '#platform/kernel/calendar.js';
import { orErased, type Erased } from '#platform/kernel/erased.js';
import { Id } from '#platform/kernel/ids.js';
import { ExactDecimal } from '#platform/kernel/money.js';
import * as types from '../tables/column-types.js';

/** What a column is made of. */
interface Parts {
  readonly type: types.ColumnType;
  /** What an answer shows of a value that is there. */
  readonly schema: z.ZodType;
  /** SQL of what an answer shows, given SQL of the column. */
  readonly shown: (column: string) => string;
  readonly isKey?: boolean;
  readonly isNullable?: boolean;
  readonly isPersonal?: boolean;
  readonly about?: string;
  readonly name?: string;
  readonly fallback?: unknown;
}

/**
 * A column of a read model, declared once: its type in the database, its value in folds, and its field in answers.
 * Each method gives a new one.
 */
export class Column<
  Value = any,
  Schema extends z.ZodType = any,
  Name extends string | undefined = any,
  IsKey extends boolean = any,
> {
  /** Types only. */
  declare readonly value: Value;
  declare readonly is: { schema: Schema; name: Name; key: IsKey };

  constructor(readonly parts: Parts) {}

  /** What it means: in the API's document, and as the column's comment in the database. */
  describe(about: string): this {
    return new Column({ ...this.parts, about }) as this;
  }

  nullable(): Column<Value | null, z.ZodNullable<Schema>, Name, IsKey> {
    return new Column({ ...this.parts, isNullable: true });
  }

  /** Of the row's key, after the subject. */
  key(): Column<Value, Schema, Name, true> {
    return new Column({ ...this.parts, isKey: true });
  }

  /** The name in answers, where it is not the column's in camel case. */
  as<N extends string>(name: N): Column<Value, Schema, N, IsKey> {
    return new Column({ ...this.parts, name });
  }

  /** Taken where a fold leaves the column out. */
  default(fallback: Value): this {
    return new Column({ ...this.parts, fallback }) as this;
  }

  /** How an answer shows it, where it is not the value as it stands: a schema, and SQL given that of the column. */
  shown<S extends z.ZodType>(schema: S, shown = this.parts.shown): Column<Value, S, Name, IsKey> {
    return new Column({ ...this.parts, schema, shown });
  }

  /** The field of an answer. */
  get schema(): Schema {
    const { schema, isNullable, about } = this.parts;
    const whole = isNullable ? schema.nullable() : schema;
    return (about === undefined ? whole : whole.describe(about)) as Schema;
  }
}

/** A column as it is first declared: not null, not of the key, named as in the table. */
type Plain<Value, Schema extends z.ZodType> = Column<Value, Schema, undefined, false>;

const same = (column: string): string => column;
const column = <Value, Schema extends z.ZodType>(
  type: types.ColumnType,
  schema: Schema,
  shown = same,
): Plain<Value, Schema> => new Column({ type, schema, shown });
const asText = (column: string): string => `${column}::text`;

export const uuid = (): Plain<string, typeof Id> => column(types.uuid, Id);

/** @param schema of what stands in it, such as the words of a contract */
export function text(): Plain<string, z.ZodString>;
export function text<S extends z.ZodType<string>>(schema: S): Plain<z.infer<S>, S>;
export function text(schema: z.ZodType = z.string()): Plain<any, any> {
  return column(types.text, schema);
}

/** 32 bits. */
export const integer = <S extends z.ZodType<number> = z.ZodInt>(
  schema: S = z.int() as unknown as S,
): Plain<number, S> => column(types.integer, schema);

/** How many. */
export const count = (): Plain<number, z.ZodInt> => integer(z.int().min(0));

/** 64 bits: a position. A text in answers, as JSON's numbers hold 53. */
export const bigint = (): Plain<bigint, z.ZodString> => column(types.bigint, z.string(), asText);

/** An exact decimal, a string everywhere; with as many digits as it takes, unless they are bounded here. */
export const decimal = (precision?: number, scale?: number): Plain<string, typeof ExactDecimal> =>
  column(types.numeric(precision, scale), ExactDecimal, (given) => `trim_scale(${given})::text`);

export const boolean = (): Plain<boolean, z.ZodBoolean> => column(types.boolean, z.boolean());

/** A moment: `timestamptz`, a Date in folds. */
export const instant = (): Plain<Date, typeof Instant> => column(types.instant, Instant);

/** A day of the calendar, `YYYY-MM-DD`. */
export const day = (): Plain<string, typeof Day> => column(types.day, Day);

/** A JSON document, `jsonb`. */
export const json = <S extends z.ZodType>(schema: S): Plain<z.infer<S>, S> => column(types.json, schema);

/**
 * A personal text of one line, without control characters: the value, or `erased`. Values of personal fields go to
 * personal columns only, so that a purge knows where to look.
 */
export const personalText = (): Plain<string | Erased, z.ZodUnion<[z.ZodString, typeof Erased]>> =>
  new Column({ type: types.personalText, schema: orErased(z.string()), shown: same, isPersonal: true });

/** A document with personal values: what was erased stands in it as it is, so its schema says where that may be. */
export const personalJson = <S extends z.ZodType>(schema: S): Plain<z.infer<S>, S> =>
  new Column({ type: types.json, schema, shown: same, isPersonal: true });
