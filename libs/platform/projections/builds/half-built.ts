import { createHash } from 'node:crypto';
import { inTransaction, type Pool, type PoolClient } from '#platform/postgres/pool.js';
import { buildsOf, createBuild, dropBuild, type Build } from './builds.js';
import type { ProjectionRuntime } from './projection-runtime.js';
import { createIndexesSql, createTableSql } from '../tables/ddl.js';
import type { Model } from '../running/build-writer.js';

/** A build that is worked on is held by an advisory lock of the worker's session: the server lets go when it is gone. */
const LOCK = `hashtextextended('yad ' || $1, 0)`;

/** Begins the note of a scratch build that is not finished. */
export const FILLING = 'filling: ';

/** How a projection's tables are laid out: a half-built build is gone on with only where that is still the same. */
export function layoutOf({ shapes }: Model): string {
  const sql = shapes.flatMap((shape) => [createTableSql(shape, ''), ...createIndexesSql(shape, '')]).join('\n');
  return `layout ${createHash('sha256').update(sql).digest('hex').slice(0, 16)}`;
}

/** A rebuild or a swap of the same projection is under way. */
export class BeingRebuilt extends Error {
  constructor(projection: string) {
    super(`${projection} is being rebuilt by another process`);
    this.name = 'BeingRebuilt';
  }
}

/** Runs work that no other process does for these projections at the same time. */
export async function exclusively<T>(
  pool: Pool,
  what: string,
  models: readonly Model[],
  work: () => Promise<T>,
): Promise<T> {
  return withSession(pool, async (client) => {
    for (const { projection } of models) {
      if (!(await tryLock(client, `${what} ${projection.name}`))) {
        throw new BeingRebuilt(projection.name);
      }
    }
    return work();
  });
}

/**
 * Makes scratch builds and holds them while the work fills them, so that one whose process was killed can be told
 * from one that is worked on. What others left over is dropped first.
 */
export async function whileFilling<T>(
  { pool, log }: ProjectionRuntime,
  models: readonly Model[],
  { schema, note }: { schema?: string; note: string },
  work: (builds: Build[]) => Promise<T>,
): Promise<T> {
  return withSession(pool, async (client) => {
    const builds: Build[] = [];
    try {
      for (const model of models) {
        await dropLeftOver(pool, model.projection.name);
        if (schema !== undefined) await refuseTaken(pool, schema);
        const build = await inTransaction(pool, async (maker) => {
          const made = await createBuild(maker, model, log.partitions, { status: 'scratch', schema, note });
          // Before anybody else can see it.
          await tryLock(client, lockOf(made));
          return made;
        });
        builds.push(build);
      }
    } catch (error) {
      for (const build of builds) await dropBuild(pool, build);
      throw error;
    }
    return work(builds);
  });
}

/** Drops what killed processes left over of a projection: scratch builds that are not finished and that nobody holds. */
export async function dropLeftOver(pool: Pool, projection: string): Promise<void> {
  for (const build of await buildsOf(pool, projection)) {
    if (build.status !== 'scratch' || !(build.note === 'verify' || build.note?.startsWith(FILLING))) continue;
    await withSession(pool, async (client) => {
      if (await tryLock(client, lockOf(build))) await dropBuild(pool, build);
    });
  }
}

async function refuseTaken(pool: Pool, schema: string): Promise<void> {
  const { rows } = await pool.query<{ projection: string | null; generation: number | null }>(
    `select b.projection, b.generation from pg_namespace n
       left join projections.builds b on b.schema = n.nspname and b.status <> 'dropped' where n.nspname = $1`,
    [schema],
  );
  if (rows.length === 0) return;
  const { projection, generation } = rows[0]!;
  const way = projection ? `drop it (yad drop ${projection} ${generation}), or` : `it is not one of Yad's;`;
  throw new Error(`there is a schema ${schema} already: ${way} name another one`);
}

const lockOf = ({ projection, generation }: Build): string => `scratch ${projection} ${generation}`;

/** Takes a lock for the session, unless another session has it. */
export async function tryLock(client: PoolClient, name: string): Promise<boolean> {
  const { rows } = await client.query<{ ok: boolean }>(`select pg_try_advisory_lock(${LOCK}) as ok`, [name]);
  return rows[0]!.ok;
}

/** Runs work beside a connection of its own, whose advisory locks end with it. */
export async function withSession<T>(pool: Pool, work: (client: PoolClient) => Promise<T>): Promise<T> {
  const client = await pool.connect();
  // Lost while it stands idle, it has let go of its locks; the fence of the checkpoints still holds.
  let broken: Error | undefined;
  try {
    return await work(client);
  } finally {
    await client.query('select pg_advisory_unlock_all()').catch((error: Error) => (broken = error));
    client.release(broken);
  }
}
