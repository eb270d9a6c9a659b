import { isConnectionError, type Pool, type PoolClient } from '#platform/postgres/pool.js';
import type { ReadModels } from '../definition/query.js';
import { quote } from '../tables/ddl.js';

/** The tables of a snapshot are not there any more: it was dropped between being found and being read. */
export class SnapshotDropped extends Error {
  constructor() {
    super('the snapshot was dropped');
  }
}

/**
 * One transaction in which the names of tables are those of one schema. The tables that are read are locked in share
 * first, so that they are not dropped under the reader. Statements have no names: one that was prepared for the tables
 * of another schema would have to be planned anew each time.
 */
export class SchemaReader implements Pick<ReadModels, 'rows'> {
  private opened: Promise<PoolClient> | undefined;
  private broken = false;

  constructor(
    private readonly pool: Pool,
    private readonly schema: string,
    private readonly tables: readonly string[],
  ) {}

  readonly rows: ReadModels['rows'] = async (text, parameters = []) => {
    const client = await (this.opened ??= this.open());
    try {
      return (await client.query<any>({ text, values: [...parameters] })).rows;
    } catch (error) {
      this.broken ||= isConnectionError(error);
      throw error;
    }
  };

  /** Lets the connection go, without keeping anybody waiting. Nothing was written, so that it matters to nobody how. */
  end(): void {
    void this.opened?.then(
      (client) =>
        client.query('rollback').then(
          () => client.release(this.broken),
          () => client.release(true),
        ),
      () => {},
    );
  }

  private async open(): Promise<PoolClient> {
    const client = await this.pool.connect();
    const schema = quote(this.schema);
    const tables = this.tables.map((table) => `${schema}.${quote(table)}`);
    // Sent at once: the first that fails makes the others fail, and tells why.
    const sent = [
      client.query('begin isolation level repeatable read read only'),
      client.query(`set local search_path = ${schema}`),
      ...(tables.length > 0 ? [client.query(`lock table ${tables.join(', ')} in access share mode`)] : []),
    ];
    const ended = await Promise.allSettled(sent);
    const failed = ended.find((each) => each.status === 'rejected');
    if (!failed) return client;
    const broken = await client.query('rollback').then(
      () => false,
      () => true,
    );
    client.release(broken);
    const { code } = failed.reason as { code?: string };
    throw code === '42P01' || code === '3F000' ? new SnapshotDropped() : failed.reason;
  }
}
