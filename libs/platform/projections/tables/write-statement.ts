import { createHash } from 'node:crypto';
import { encodeArray, type ArrayType } from '#platform/postgres/arrays.js';
import { copyIn } from '#platform/postgres/copy-rows.js';
import { inTransaction, type Pool, type PoolClient } from '#platform/postgres/pool.js';
import type { DeadLetter, TableWrites, Writes } from '../folding/event-batch-folder.js';
import type { Key } from '../definition/projection.js';
import { quote, type Column, type Row, type TableShape } from './table-shape.js';

/** The build that is written and the epoch under which its state was read. */
export interface WriteTarget {
  readonly projection: string;
  readonly generation: number;
  readonly schema: string;
  readonly epoch: number;
}

/** Checkpoints to move, by compare-and-set. */
export interface CheckpointUpdate {
  readonly partitions: number[];
  readonly from: bigint[];
  readonly to: bigint[];
}

const asText = { getTypeParser: () => (text: string) => text } as any;

// One text for one shape of statement: the server parses and plans it once a connection.
const prepared = new Map<string, { name: string; text: string }>();

function statement(shape: string, text: () => string): { name: string; text: string } {
  let known = prepared.get(shape);
  if (!known) {
    const sql = text();
    known = { name: `yad_${createHash('sha1').update(sql).digest('hex').slice(0, 24)}`, text: sql };
    prepared.set(shape, known);
  }
  return known;
}

/**
 * One statement, one round trip, one commit: moves the checkpoints, upserts and deletes rows, sets events aside.
 * The function at its end raises (SQLSTATE YD412) unless every checkpoint was where the writer believed it and the
 * epoch is unchanged; then nothing of it happened. The connections run with synchronous_commit=off: after a crash
 * of the server the last moments' rows AND their checkpoints are gone, and the log brings both again.
 */
export async function writeAll(
  database: Pool | PoolClient,
  target: WriteTarget,
  checkpointUpdate: CheckpointUpdate,
  { tables, deadLetters }: Pick<Writes, 'tables' | 'deadLetters'>,
): Promise<void> {
  const mask = tables.map(({ shape, appends, upserts, deletes }) => [
    shape.name,
    ...[appends, upserts, deletes].map(({ length }) => length > 0),
  ]);
  const shape = JSON.stringify(['write', target.schema, mask, deadLetters.length > 0]);
  const { name, text } = statement(shape, () => writeSql(target, tables, deadLetters.length > 0));
  const values: unknown[] = [
    encodeArray('int4', checkpointUpdate.partitions),
    encodeArray('int8', checkpointUpdate.from),
    encodeArray('int8', checkpointUpdate.to),
    target.projection,
    target.generation,
    target.epoch,
    checkpointUpdate.partitions.length,
  ];
  if (deadLetters.length > 0) values.push(...deadLetterArrays(deadLetters));
  for (const { shape: table, appends, upserts, deletes } of tables) {
    if (appends.length > 0) for (const column of table.columns) values.push(columnArray(column, appends));
    if (upserts.length > 0) for (const column of table.columns) values.push(columnArray(column, upserts));
    if (deletes.length > 0) for (const column of table.keys) values.push(columnArray(column, deletes));
  }
  await database.query({ name, text, values });
}

/**
 * Likewise for many rows: new ones come by COPY, in one transaction with the statement, which goes first so that two
 * writers meet at the checkpoints.
 */
export async function copyAll(
  pool: Pool,
  target: WriteTarget,
  checkpointUpdate: CheckpointUpdate,
  { tables, deadLetters }: Pick<Writes, 'tables' | 'deadLetters'>,
): Promise<void> {
  await inTransaction(pool, async (client) => {
    await writeAll(client, target, checkpointUpdate, { tables, deadLetters });
    for (const { shape, copied } of tables) {
      if (copied.length === 0) continue;
      const columns = shape.columns.map(({ name }) => name).join(', ');
      await copyIn(client, `${quote(target.schema)}.${quote(shape.name)}`, columns, copied);
    }
  });
}

function writeSql({ schema }: WriteTarget, tables: readonly TableWrites[], withDeadLetters: boolean): string {
  let parameter = 7;
  const array = (type: ArrayType): string => `$${++parameter}::${type}[]`;
  const parts = [
    `moved as (update projections.checkpoints c set position = m.after
       from unnest($1::int4[], $2::int8[], $3::int8[]) as m(partition, before, after)
      where c.projection = $4 and c.generation = $5::int and c.partition = m.partition
        and c.position = m.before and c.epoch = $6::int returning 1)`,
  ];
  // Rows are touched only after all checkpoints are ours, so that two writers meet there and nowhere else.
  const held = `(select count(*) from moved) = $7::int`;
  if (withDeadLetters) {
    parts.push(`parked as (insert into projections.dead_letters
        (projection, generation, position, subject, event_id, event_type, error, cause)
      select $4, $5::int, d.* from unnest(${array('int8')}, ${array('text')}, ${array('text')}, ${array('text')}, ${array('text')}, ${array('bool')}) as d
       where ${held})`);
  }
  tables.forEach(({ shape, appends, upserts, deletes }, at) => {
    const table = `${quote(schema)}.${quote(shape.name)}`;
    if (appends.length > 0) parts.push(`appended${at} as (${insertSql(shape, table, array, held)})`);
    if (upserts.length > 0) parts.push(`upserted${at} as (${upsertSql(shape, table, array, held)})`);
    if (deletes.length > 0) {
      const arrays = shape.keys.map(({ type }) => array(type.array)).join(', ');
      const names = shape.keys.map((_, n) => `k${n}`);
      const match = shape.keys.map(({ name, type }, n) => `t.${name} = ${castOf(`d.${names[n]}`, type.cast)}`);
      parts.push(
        `deleted${at} as (delete from ${table} t using unnest(${arrays}) as d(${names.join(', ')}) where ${match.join(' and ')} and ${held})`,
      );
    }
  });
  return `with ${parts.join(',\n')}\nselect projections.require_moved((select count(*) from moved), $7::int)`;
}

function insertSql(shape: TableShape, table: string, array: (type: ArrayType) => string, held: string): string {
  const names = shape.columns.map(({ name }) => name).join(', ');
  const arrays = shape.columns.map(({ type }) => array(type.array)).join(', ');
  const aliases = shape.columns.map((_, n) => `c${n}`);
  const values = shape.columns.map(({ type }, n) => castOf(`u.${aliases[n]}`, type.cast)).join(', ');
  return `insert into ${table} (${names}) select ${values} from unnest(${arrays}) as u(${aliases.join(', ')}) where ${held}`;
}

function upsertSql(shape: TableShape, table: string, array: (type: ArrayType) => string, held: string): string {
  const keys = shape.keys.map(({ name }) => name).join(', ');
  const updates = shape.columns.filter(({ key }) => !key).map(({ name }) => `${name} = excluded.${name}`);
  return `${insertSql(shape, table, array, held)}
    on conflict (${keys}) do ${updates.length > 0 ? `update set ${updates.join(', ')}` : 'nothing'}`;
}

const castOf = (expression: string, cast: string | null): string => (cast ? `${expression}::${cast}` : expression);

function columnArray({ get, type }: Column, rows: readonly Row[]): Buffer {
  const values: unknown[] = [];
  for (const row of rows) {
    const value = get(row);
    values.push(value === null || value === undefined ? null : type.encode(value));
  }
  return encodeArray(type.array, values);
}

function deadLetterArrays(letters: readonly DeadLetter[]): Buffer[] {
  return [
    encodeArray(
      'int8',
      letters.map(({ event }) => event.position),
    ),
    encodeArray(
      'text',
      letters.map(({ event }) => event.subject),
    ),
    encodeArray(
      'text',
      letters.map(({ event }) => event.id),
    ),
    encodeArray(
      'text',
      letters.map(({ event }) => event.type),
    ),
    encodeArray(
      'text',
      letters.map(({ error }) => error),
    ),
    encodeArray(
      'bool',
      letters.map(({ cause }) => cause),
    ),
  ];
}

/** The rows with these keys, in canonical form; absent ones are left out. */
export async function loadRows(
  database: Pool | PoolClient,
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
  const { rows } = await database.query<any>({ name, text, values, rowMode: 'array', types: asText });
  return (rows as (string | null)[][]).map((texts) => shape.parse(texts));
}
