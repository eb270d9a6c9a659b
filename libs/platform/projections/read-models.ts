import { DataSource } from 'typeorm';
import type { Projection } from './projection.js';
import type { ReadModels } from './query.js';

const DATE = 1082;

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
    rows: (sql, parameters = []) => dataSource.query(sql, [...parameters]),
    close: () => dataSource.destroy(),
  };
}
