import { deepStrictEqual } from 'node:assert';
import pg from 'pg';
import type { RecordedEvent } from '#platform/kernel/envelope.js';
import { isErased } from '#platform/kernel/erased.js';
import { personalOf, textOf } from '#platform/projections/definition/personal.js';
import { foldInMemory } from '#platform/projections/folding/fold-in-memory.js';
import type { Projection } from '#platform/projections/definition/projection.js';
import type { Table } from '#platform/projections/definition/table.js';
import {
  HeavyNeeded,
  type Page,
  type QueryDefinition,
  type ReadModels,
} from '#platform/projections/definition/query.js';
import { createIndexesSql, createTableSql } from '#platform/projections/tables/ddl.js';
import { describeTables } from '#platform/projections/tables/describe-tables.js';
import { createTestDatabase } from './postgres.js';

// As ReadModels promises: bigint, numeric and date as text, never a float or a local Date.
const types = new pg.TypeOverrides();
types.setTypeParser(pg.types.builtins.DATE, (text) => text);
types.setTypeParser(pg.types.builtins.TEXT, personalOf);

/** Read models' tables in a database of their own, filled without the projection runtime. */
export interface ReadModelTables extends ReadModels {
  /** Writes the rows that the projections make of the events, into tables emptied before. */
  fold(events: readonly RecordedEvent[]): Promise<void>;
  insert<T extends Table>(table: T, rows: readonly T['row'][]): Promise<void>;
  empty(): Promise<void>;
  drop(): Promise<void>;
}

const plain = (_key: string, value: unknown): unknown => (typeof value === 'bigint' ? String(value) : value);

/** Makes the tables of these projections in a new database. */
export async function createReadModelTables(projections: readonly Projection[]): Promise<ReadModelTables> {
  const database = await createTestDatabase();
  const pool = new pg.Pool({ connectionString: database.url, types, max: 4 });
  // Dropping the database may be quicker than a connection's goodbye.
  pool.on('connect', (client) => client.on('error', () => {})).on('error', () => {});
  const shapes = projections.flatMap(describeTables);
  for (const shape of shapes) {
    for (const sql of [createTableSql(shape, 'public'), ...createIndexesSql(shape, 'public')]) await pool.query(sql);
  }
  const texts = new Set(
    shapes.flatMap(({ columns }) => columns.filter(({ type }) => type.sql === 'text').map(({ property }) => property)),
  );
  /** As the runtime writes and reads what was erased. */
  const asText = (row: object): object =>
    Object.fromEntries(
      Object.entries(row).map(([name, value]) => [name, texts.has(name) && isErased(value) ? textOf(value) : value]),
    );
  const insertInto = async (name: string, rows: readonly object[]): Promise<void> => {
    for (let from = 0; from < rows.length; from += 10_000) {
      const slice = JSON.stringify(rows.slice(from, from + 10_000).map(asText), plain);
      await pool.query(`insert into "${name}" select * from jsonb_populate_recordset(null::"${name}", $1)`, [slice]);
    }
  };
  const empty = async (): Promise<void> => {
    await pool.query(`truncate ${shapes.map(({ name }) => `"${name}"`).join(', ')}`);
  };
  return {
    rows: async (sql, parameters) => (await pool.query(sql, [...(parameters ?? [])])).rows,
    insert: (table, rows) => insertInto(table.name, rows),
    empty,
    fold: async (events) => {
      await empty();
      for (const projection of projections) {
        for (const [name, rows] of foldInMemory(projection, events)) await insertInto(name, rows);
      }
    },
    drop: async () => {
      await pool.end();
      await database.drop();
    },
  };
}

/** Asks a query as the HTTP shell does: parameters as the text they come as, the answer held against its schema. */
export async function ask(
  query: QueryDefinition,
  read: ReadModels,
  parameters: Record<string, string | undefined> = {},
  { after, now = new Date('2026-01-15T12:00:00Z') }: { after?: Page<any>['next']; now?: Date } = {},
): Promise<any> {
  const given = query.parameters.parse(parameters);
  const run = (isHeavy: boolean) => query.run(given, { read, isHeavy, after, now });
  const answer = await run(query.heavy).catch((error: unknown) => {
    if (error instanceof HeavyNeeded) return run(true);
    throw error;
  });
  const values = query.paged ? answer.items : [answer];
  // Through JSON, as it is sent; what the schema does not declare must not slip out.
  for (const value of JSON.parse(JSON.stringify(values)) as unknown[])
    deepStrictEqual(query.answer.parse(value), value);
  return answer;
}

/** All items of a paged query, page by page. */
export async function askAll(
  query: QueryDefinition,
  read: ReadModels,
  parameters: Record<string, string | undefined> = {},
): Promise<any[]> {
  const items: any[] = [];
  let after: Page<any>['next'];
  do {
    const page: Page<any> = await ask(query, read, parameters, { after });
    items.push(...page.items);
    after = page.next && (JSON.parse(JSON.stringify(page.next)) as typeof page.next);
  } while (after);
  return items;
}
