import { encodeArray, type ArrayType } from '#platform/postgres/arrays.js';
import { copyIn } from '#platform/postgres/copy-rows.js';
import { inTransaction, type PipelineQuery, type Pool, type PoolClient } from '#platform/postgres/pool.js';
import type { Writes } from '../folding/writes.js';
import { castOf, statement } from './prepared-statements.js';
import { quote } from './ddl.js';
import { arraysOf, columnArray } from './row-arrays.js';
import type { Row, TableShape } from './table-shape.js';

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

/** What is to be written of one build. */
export interface BuildWrite {
  readonly target: WriteTarget;
  readonly checkpoints: CheckpointUpdate;
  readonly writes: Pick<Writes, 'tables' | 'deadLetters' | 'unknown'>;
}

/** A statement of a write, and the build that it is about; undefined for those that are about all of them. */
export interface WriteStatement {
  readonly query: PipelineQuery;
  readonly build?: BuildWrite;
}

/**
 * The statements that write these builds, for one transaction. The first moves all checkpoints; the function in it
 * raises (SQLSTATE YD412) unless every checkpoint was where its writer believed it and the epoch is unchanged, so that
 * two writers meet there and nowhere else, and then nothing of it happened. The connections run with
 * synchronous_commit=off: after a crash of the server the last moments' rows AND their checkpoints are gone, and the
 * log brings both again.
 */
export function writeStatements(builds: readonly BuildWrite[]): WriteStatement[] {
  const statements: WriteStatement[] = [];
  if (builds.some(({ checkpoints }) => checkpoints.partitions.length > 0)) {
    statements.push({ query: moveCheckpoints(builds) });
  }
  for (const build of builds) {
    const { target, writes } = build;
    if (writes.deadLetters.length > 0) statements.push({ query: parkEvents(build), build });
    if (writes.unknown.length > 0) statements.push({ query: noteUnknown(build), build });
    for (const { shape, appends, upserts, deletes } of writes.tables) {
      if (appends.length > 0) statements.push({ query: insert('append', target, shape, appends), build });
      if (deletes.length > 0) statements.push({ query: remove(target, shape, deletes), build });
      if (upserts.length > 0) statements.push({ query: insert('upsert', target, shape, upserts), build });
    }
  }
  return statements;
}

/** Writes a build over a connection of its own, or over one that is in a transaction. */
export async function writeBuild(database: Pool | PoolClient, build: BuildWrite): Promise<void> {
  const send = async (client: PoolClient): Promise<void> => {
    for (const { query } of writeStatements([build])) await client.query(query);
  };
  if (isPool(database)) await inTransaction(database, send);
  else await send(database);
}

/** Likewise for many rows: new ones come by COPY, after the checkpoints. */
export async function copyBuild(pool: Pool, build: BuildWrite): Promise<void> {
  const { target, writes } = build;
  await inTransaction(pool, async (client) => {
    await writeBuild(client, build);
    for (const { shape, copied } of writes.tables) {
      if (copied.length === 0) continue;
      const columns = shape.columns.map(({ name }) => name).join(', ');
      await copyIn(client, `${quote(target.schema)}.${quote(shape.name)}`, columns, copied);
    }
  });
}

const isPool = (database: Pool | PoolClient): database is Pool => 'totalCount' in database;

function moveCheckpoints(builds: readonly BuildWrite[]): PipelineQuery {
  const names: string[] = [];
  const [generations, epochs, partitions]: number[][] = [[], [], []];
  const [from, to]: bigint[][] = [[], []];
  for (const { target, checkpoints } of builds) {
    checkpoints.partitions.forEach((partition, at) => {
      names.push(target.projection);
      generations!.push(target.generation);
      epochs!.push(target.epoch);
      partitions!.push(partition);
      from!.push(checkpoints.from[at]!);
      to!.push(checkpoints.to[at]!);
    });
  }
  const { name, text } = statement(
    'move',
    () => `with moved as (update projections.checkpoints c set position = m.after
       from unnest($1::text[], $2::int4[], $3::int4[], $4::int4[], $5::int8[], $6::int8[])
         as m(projection, generation, epoch, partition, before, after)
      where c.projection = m.projection and c.generation = m.generation and c.partition = m.partition
        and c.position = m.before and c.epoch = m.epoch returning 1)
     select projections.require_moved((select count(*) from moved), $7::int)`,
  );
  const values = [
    encodeArray('text', names),
    encodeArray('int4', generations!),
    encodeArray('int4', epochs!),
    encodeArray('int4', partitions!),
    encodeArray('int8', from!),
    encodeArray('int8', to!),
    names.length,
  ];
  return { name, text, values };
}

function parkEvents({ target, writes: { deadLetters } }: BuildWrite): PipelineQuery {
  const { name, text } = statement(
    'park',
    () => `insert into projections.dead_letters
        (projection, generation, position, subject, event_id, event_type, error, cause)
      select $1, $2::int, d.* from unnest($3::int8[], $4::text[], $5::text[], $6::text[], $7::text[], $8::bool[]) as d`,
  );
  const column = (type: ArrayType, of: (letter: (typeof deadLetters)[number]) => unknown): Buffer =>
    encodeArray(type, deadLetters.map(of));
  const values = [
    target.projection,
    target.generation,
    column('int8', ({ event }) => event.position),
    column('text', ({ event }) => event.subject),
    column('text', ({ event }) => event.id),
    column('text', ({ event }) => event.type),
    column('text', ({ error }) => error),
    column('bool', ({ cause }) => cause),
  ];
  return { name, text, values };
}

function noteUnknown({ target, writes: { unknown } }: BuildWrite): PipelineQuery {
  const { name, text } = statement(
    'note',
    () => `insert into projections.unknown_events (projection, generation, event_type, schema_version, first_position)
      select $1, $2::int, u.* from unnest($3::text[], $4::int4[], $5::int8[]) as u
      on conflict (projection, generation, event_type, schema_version) do update set noted_at = now()`,
  );
  const values = [
    target.projection,
    target.generation,
    encodeArray(
      'text',
      unknown.map(({ type }) => type),
    ),
    encodeArray(
      'int4',
      unknown.map(({ version }) => version),
    ),
    encodeArray(
      'int8',
      unknown.map(({ position }) => position),
    ),
  ];
  return { name, text, values };
}

function insert(
  kind: 'append' | 'upsert',
  target: WriteTarget,
  shape: TableShape,
  rows: readonly Row[],
): PipelineQuery {
  const { name, text } = statement(JSON.stringify([kind, target.schema, shape.name]), () =>
    kind === 'append' ? insertSql(target, shape) : upsertSql(target, shape),
  );
  return { name, text, values: arraysOf(shape, rows) };
}

function remove({ schema }: WriteTarget, shape: TableShape, rows: readonly Row[]): PipelineQuery {
  const { name, text } = statement(JSON.stringify(['delete', schema, shape.name]), () => {
    const arrays = shape.keys.map(({ type }, at) => `$${at + 1}::${type.array}[]`).join(', ');
    const names = shape.keys.map((_, n) => `k${n}`);
    const match = shape.keys.map(({ name, type }, n) => `t.${name} = ${castOf(`d.${names[n]}`, type.cast)}`);
    const table = `${quote(schema)}.${quote(shape.name)}`;
    return `delete from ${table} t using unnest(${arrays}) as d(${names.join(', ')}) where ${match.join(' and ')}`;
  });
  return { name, text, values: shape.keys.map((column) => columnArray(column, rows)) };
}

function insertSql({ schema }: WriteTarget, shape: TableShape): string {
  const names = shape.columns.map(({ name }) => name).join(', ');
  const arrays = shape.columns.map(({ type }, at) => `$${at + 1}::${type.array}[]`).join(', ');
  const aliases = shape.columns.map((_, n) => `c${n}`);
  const values = shape.columns.map(({ type }, n) => castOf(`u.${aliases[n]}`, type.cast)).join(', ');
  const table = `${quote(schema)}.${quote(shape.name)}`;
  return `insert into ${table} (${names}) select ${values} from unnest(${arrays}) as u(${aliases.join(', ')})`;
}

function upsertSql(target: WriteTarget, shape: TableShape): string {
  const keys = shape.keys.map(({ name }) => name).join(', ');
  const updates = shape.columns.filter(({ key }) => !key).map(({ name }) => `${name} = excluded.${name}`);
  return `${insertSql(target, shape)}
    on conflict (${keys}) do ${updates.length > 0 ? `update set ${updates.join(', ')}` : 'nothing'}`;
}
