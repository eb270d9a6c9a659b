import { encodeArray } from '#platform/postgres/arrays.js';
import type { PipelineQuery } from '#platform/postgres/pool.js';
import type { Key } from '../definition/table.js';
import { castOf, statement } from './prepared-statements.js';
import { quote } from './ddl.js';
import type { Row, TableShape } from './table-shape.js';

const asText = { getTypeParser: () => (text: string) => text } as any;

/** What rows are read over: a pool, a client, or a pipeline whose statements do not wait for each other. */
export interface Reader {
  query(query: PipelineQuery): Promise<{ rows: any[] }>;
}

/** The rows with these keys, in canonical form; absent ones are left out. */
export async function loadRows(
  database: Reader,
  schema: string,
  shape: TableShape,
  keys: readonly Key[],
): Promise<Row[]> {
  const { name, text } = statement(JSON.stringify(['load', schema, shape.name]), () => {
    const arrays = shape.keys.map(({ type }, at) => `$${at + 1}::${type.array}[]`).join(', ');
    const names = shape.keys.map((_, at) => `k${at}`);
    const match = shape.keys.map(({ name, type }, at) => `t.${name} = ${castOf(`k.${names[at]}`, type.cast)}`);
    return `select ${shape.selectList('t')} from unnest(${arrays}) as k(${names.join(', ')})
      join ${quote(schema)}.${quote(shape.name)} t on ${match.join(' and ')}`;
  });
  const values = shape.keys.map(({ property, type }) =>
    encodeArray(
      type.array,
      keys.map((key) => type.encode(type.canonical(key[property]))),
    ),
  );
  const { rows } = await database.query({ name, text, values, rowMode: 'array', types: asText } as PipelineQuery);
  return (rows as (string | null)[][]).map((texts) => shape.parse(texts));
}
