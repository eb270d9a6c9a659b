import type { ReadModels } from '../definition/query.js';
import { tablesNamed, withBefore } from './table-names.js';

/** A table as it was, as a part of the statements that name it. */
export interface PastTable {
  readonly name: string;
  /** How many parameters its rows are given by. */
  readonly parameters: number;
  /** SQL: `name as (…)`. @param first number of its first parameter */
  definition(first: number): string;
  values(): Promise<readonly unknown[]>;
}

interface PastStatement {
  readonly text: string;
  /** Names of the tables whose parameters follow those of the statement, in order. */
  readonly tables: readonly string[];
}

/** So many texts of one query are remembered: each filter that is given or left out makes one of its own. */
const MOST_TEXTS = 256;

/** Statements as they are asked about the past, by what they are now. */
export class PastStatements {
  private readonly known = new Map<string, PastStatement>();

  of(sql: string, parameters: number, tables: ReadonlyMap<string, PastTable>): PastStatement {
    const key = `${parameters} ${sql}`;
    let found = this.known.get(key);
    if (!found) {
      if (this.known.size >= MOST_TEXTS) this.known.clear();
      this.known.set(key, (found = pastStatement(sql, parameters, tables)));
    }
    return found;
  }
}

function pastStatement(sql: string, parameters: number, tables: ReadonlyMap<string, PastTable>): PastStatement {
  const named = [...tablesNamed(sql, new Set(tables.keys()))];
  let first = parameters + 1;
  const definitions = named.map((name) => {
    const table = tables.get(name)!;
    const definition = table.definition(first);
    first += table.parameters;
    return definition;
  });
  return { text: withBefore(sql, definitions), tables: named };
}

// What a text names beside the tables that it is given is not found, whatever there is: it would be of now. The planner
// takes walks along aliases for long and would compile them, for a tenth of a second, to meet one row.
const NOTHING_ELSE = `select set_config('search_path', 'pg_catalog', true), set_config('jit', 'off', true)`;

/** From here on, statements of this snapshot find no table by its name alone. */
export const leaveLiveTables = (read: Pick<ReadModels, 'rows'>): Promise<unknown> => read.rows(NOTHING_ELSE);

/**
 * Rows as of a point: each statement runs as it is, with the tables that it names in front of it. Every table but these
 * is unknown to it.
 * @param statements those of the same query and the same names of tables
 */
export function pastRows(
  read: Pick<ReadModels, 'rows'>,
  tables: readonly PastTable[],
  statements: PastStatements,
): ReadModels {
  const byName = new Map(tables.map((table) => [table.name, table]));
  return {
    rows: async (sql, parameters = []) => {
      const { text, tables: named } = statements.of(sql, parameters.length, byName);
      const values = [...parameters];
      for (const name of named) values.push(...(await byName.get(name)!.values()));
      return read.rows(text, values);
    },
  };
}
