import { DataSource } from 'typeorm';
import type { Pool } from '#platform/postgres/pool.js';
import type { Projection } from './projection.js';
import type { ReadModels } from './query.js';

const DATE = 1082;
/** Statements that a connection keeps planned: each filter that is given or left out makes a text of its own. */
const MOST_PREPARED = 256;
/** The view under a prepared statement was swapped for one with other columns. */
const RESULT_CHANGED = '0A000';

/** The read models for queries: TypeORM on the live builds' views. */
export interface TypeOrmReadModels extends ReadModels {
  readonly dataSource: DataSource;
  close(): Promise<void>;
}

/** Connects to the views in the schema `analytics`. @param max connections */
export async function openReadModels(
  databaseUrl: string,
  projections: readonly Projection[],
  max = 8,
): Promise<TypeOrmReadModels> {
  const parsers = (oid: number, format?: unknown): unknown => {
    // A date is a day, not an instant in some zone.
    if (oid === DATE) return (text: string) => text;
    return (dataSource.driver as any).postgres.types.getTypeParser(oid, format);
  };
  const dataSource = new DataSource({
    type: 'postgres',
    url: databaseUrl,
    entities: projections.flatMap(({ tables }) => [...tables]),
    synchronize: false,
    applicationName: 'yad read models',
    // The server going away is told by the next query, not by ending the process.
    poolErrorHandler: () => {},
    extra: {
      max,
      options: '-c search_path=analytics -c timezone=UTC',
      types: { getTypeParser: parsers },
      connectionTimeoutMillis: 10_000,
    },
  });
  await dataSource.initialize();
  return {
    dataSource,
    rows: preparing((dataSource.driver as unknown as { master: Pool }).master),
    close: () => dataSource.destroy(),
  };
}

/** TypeORM's `query` has the server parse and plan each text anew, which costs more than most of our answers. */
function preparing(pool: Pool): ReadModels['rows'] {
  const names = new Map<string, string>();
  const nameOf = (text: string): string | undefined => {
    const known = names.get(text);
    if (known || names.size >= MOST_PREPARED) return known;
    const name = `read-${names.size}`;
    names.set(text, name);
    return name;
  };
  return async (text, parameters = []) => {
    const values = [...parameters];
    try {
      return (await pool.query<any>({ name: nameOf(text), text, values })).rows;
    } catch (error) {
      if ((error as { code?: string } | null)?.code !== RESULT_CHANGED) throw error;
      return (await pool.query<any>(text, values)).rows;
    }
  };
}
