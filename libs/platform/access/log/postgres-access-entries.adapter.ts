import { bringUpToDate } from '#platform/postgres/migrations.js';
import { createPool, type Pool } from '#platform/postgres/pool.js';
import type { AccessEntries, AccessEntry, AccessQuestion, StoredAccessEntry } from '../access-log.js';
import { accessLogSchema } from './access-log.migrations.js';

const FIELDS = ['outcome', 'actor', 'roles', 'operation', 'about', 'by', 'why', 'request', 'count'] as const;

/** The entries in the database of the keys, which the log of events knows nothing of. */
export class PostgresAccessEntries implements AccessEntries {
  private constructor(private readonly pool: Pool) {}

  /** Connects; makes the tables where they are not there yet and this login may. @throws NotMigrated */
  static async connect(url: string): Promise<PostgresAccessEntries> {
    await bringUpToDate(url, accessLogSchema);
    return new PostgresAccessEntries(createPool(url, { max: 2, role: 'write', applicationName: 'yad access log' }));
  }

  async add(entries: readonly AccessEntry[]): Promise<void> {
    await this.pool.query({
      name: 'add-access-entries',
      text: `insert into access_log.entries (${FIELDS.join(', ')})
             select ${FIELDS.join(', ')} from json_to_recordset($1::json) as e (outcome text, actor text, roles text[],
               operation text, about text, by text, why text, request text, count integer)`,
      values: [JSON.stringify(entries)],
    });
  }

  async page({ actor, outcome, from, to, before, limit }: AccessQuestion): Promise<StoredAccessEntry[]> {
    const given: unknown[] = [];
    const p = (value: unknown): string => `$${given.push(value)}`;
    const where = ['true'];
    if (actor !== undefined) where.push(`actor = ${p(actor)}`);
    if (outcome !== undefined) where.push(`outcome = ${p(outcome)}`);
    if (from) where.push(`at >= ${p(from)}`);
    if (to) where.push(`at < ${p(to)}`);
    if (before) where.push(`(e.at, e.id) < (${p(before.at)}, ${p(before.id)}::bigint)`);
    const { rows } = await this.pool.query(
      `select id::text as id, at, ${FIELDS.join(', ')} from access_log.entries e
        where ${where.join(' and ')} order by e.at desc, e.id desc limit ${p(limit)}`,
      given,
    );
    return rows.map((row) => Object.fromEntries(Object.entries(row).filter(([, value]) => value !== null)) as never);
  }

  close(): Promise<void> {
    return this.pool.end();
  }
}
