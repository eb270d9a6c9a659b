import { z } from 'zod';
import { ExactDecimal } from '#platform/kernel/money.js';
import type { ReadModels } from './query.js';
import type { Table } from './table.js';

/** A field of an answer that is worked out: its schema, and the SQL that gives its value. */
export interface Computed<S extends z.ZodType = z.ZodType> {
  readonly schema: S;
  readonly sql: string;
}

/** Fields of an answer by name, each with its SQL. */
export type Selection = Readonly<Record<string, Computed>>;
type Shape<F extends Selection> = { -readonly [N in keyof F]: F[N]['schema'] };

const described = <S extends z.ZodType>(schema: S, about?: string): S =>
  about === undefined ? schema : schema.describe(about);

export const computed = <S extends z.ZodType>(schema: S, sql: string): Computed<S> => ({ schema, sql });

/** A number of things, 0 for none. Leaves the database as float8, which JavaScript holds exactly up to 2^53. */
export const number = (sql: string, about?: string): Computed<z.ZodInt> =>
  computed(described(z.int().min(0), about), `coalesce(${sql}, 0)::float8`);

/** An exact amount, 0 for none. */
export const amount = (sql: string, about?: string): Computed<typeof ExactDecimal> =>
  computed(described(ExactDecimal, about), `trim_scale(coalesce(${sql}, 0))::text`);

/** Fields as one object. Of values that JSON holds as they are: no instants. */
export const nested = <F extends Selection>(fields: F, about?: string): Computed<z.ZodObject<Shape<F>>> =>
  computed(
    described(z.object(shapeOf(fields)), about),
    `jsonb_build_object(${Object.entries(fields)
      .map(([name, { sql }]) => `'${name}', ${sql}`)
      .join(', ')})`,
  );

/** An answer with these fields. */
export type AnswerOf<F extends Selection> = z.infer<z.ZodObject<Shape<F>>>;

/** Its shape. */
export const shapeOf = <F extends Selection>(fields: F): Shape<F> =>
  Object.fromEntries(Object.entries(fields).map(([name, { schema }]) => [name, schema])) as Shape<F>;

/** The select list of these fields. */
export const selectOf = (fields: Selection): string =>
  Object.entries(fields)
    .map(([name, { sql }]) => `${sql} as "${name}"`)
    .join(', ');

/** A row of a select list as an answer has it: instants as text. */
export function answerOf<Answer>(row: Record<string, unknown>): Answer {
  for (const [name, value] of Object.entries(row)) if (value instanceof Date) row[name] = value.toISOString();
  return row as Answer;
}

/**
 * Rows of a table as answers have them, with all of its fields.
 * @param rest SQL after the `from`: conditions, order, limit
 */
export async function answersFrom<Fields extends z.ZodRawShape>(
  read: ReadModels,
  table: Table<any, any, Fields>,
  rest: string,
  parameters?: readonly unknown[],
): Promise<z.infer<z.ZodObject<Fields>>[]> {
  const { name } = table;
  const rows = await read.rows(`select ${table.select(name)} from ${name} ${rest}`, parameters);
  return rows.map((row) => answerOf(row));
}
