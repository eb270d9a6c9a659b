import type { EventStore } from '#platform/event-store/event-store.js';
import { inTransaction, type Pool, type PoolClient } from '#platform/postgres/pool.js';
import { dropBuild, raiseEpoch, type Build } from './builds.js';

/** The log whose events the read models are made of. */
export type GuardedLog = Pick<EventStore, 'head' | 'identity' | 'refreshIdentity'>;

/** The read models were made of another log than the one that is there. */
export class AnotherLogsReadModels extends Error {
  constructor(theirs: string, ours: string) {
    super(
      `the read models were made of the log ${theirs}, and this is the log ${ours}: give each log a database of its own, ` +
        `or drop the schemas projections, analytics and rm_* to have them made anew`,
    );
  }
}

interface BuildWithCheckpoints extends Build {
  readonly positions: string[];
}

const BUILDS = `select b.projection, b.generation, b.version, b.schema, b.status, b.note, b.created_at as "createdAt",
    array_agg(c.position::text) as positions
  from projections.builds b join projections.checkpoints c using (projection, generation)
  where b.status <> 'dropped' group by 1, 2, 3, 4, 5, 6, 7`;

/**
 * Holds the checkpoints of all builds against the log, once for each of its incarnations and whenever one is beyond its
 * end. A live build that holds an event which the log has lost is marked, to be rebuilt; others of that kind are
 * dropped. Writers of all processes then find their fence lost, and learn of the incarnation before they write again.
 * @returns the projections whose live build is marked
 * @throws AnotherLogsReadModels; Error when this process cannot learn of the incarnation that others know
 */
export async function guardLog(pool: Pool, store: GuardedLog): Promise<string[]> {
  const useless: Build[] = [];
  const marked = await inTransaction(pool, async (client) => {
    const { rows } = await client.query<{ logId: string | null; incarnation: number }>(
      `select log_id as "logId", incarnation from projections.settings for update`,
    );
    const { logId, incarnation } = rows[0]!;
    const builds = (await client.query<BuildWithCheckpoints>(BUILDS)).rows;
    // After the checkpoints: none of them can rightly be beyond it.
    const { position: head } = await store.head();
    if (incarnation > store.identity.current.number) await store.refreshIdentity();
    const { identity } = store;
    if (logId !== null && logId !== identity.id) throw new AnotherLogsReadModels(logId, identity.id);
    const { number } = identity.current;
    if (incarnation > number) {
      throw new Error(`the read models know incarnation ${incarnation} of the log, and this process knows ${number}`);
    }
    const lost = (position: bigint): boolean =>
      position > head || (incarnation > 0 && identity.isLost(position, incarnation));
    for (const build of builds) {
      const { status, projection, generation } = build;
      const holdsLost = build.positions.some((position) => lost(BigInt(position)));
      if (holdsLost && status === 'snapshot') await giveUpSnapshot(client, build);
      else if (holdsLost && status !== 'live') useless.push(build);
      if (status !== 'live' || !(holdsLost || incarnation !== number)) continue;
      await raiseEpoch(client, build);
      if (!holdsLost) continue;
      await client.query(`update projections.builds set holds_lost = true where projection = $1 and generation = $2`, [
        projection,
        generation,
      ]);
    }
    await client.query(`update projections.settings set log_id = $1, incarnation = $2`, [identity.id, number]);
    return holdingLost(client);
  });
  for (const build of useless) await dropBuild(pool, build);
  return marked;
}

/** It is read no more from here on; whoever keeps snapshots drops it. */
const giveUpSnapshot = (client: PoolClient, { schema }: Build): Promise<unknown> =>
  client.query(
    `update projections.snapshots set status = 'dropping', reason = 'it holds events that the log has lost' where schema = $1`,
    [schema],
  );

/** The projections whose live build holds events that the log has lost. */
export async function holdingLost(database: Pick<Pool, 'query'>): Promise<string[]> {
  const { rows } = await database.query<{ projection: string }>(
    `select projection from projections.builds where status = 'live' and holds_lost order by 1`,
  );
  return rows.map(({ projection }) => projection);
}

/** The read models of a copy of a log are that copy's, which has another id from now on. */
export async function adoptReadModels(client: Pick<PoolClient, 'query'>, from: string, to: string): Promise<void> {
  const { rows } = await client.query(`select from pg_class where oid = to_regclass('projections.settings')`);
  if (rows.length === 0) return;
  await client.query(`update projections.settings set log_id = $2 where log_id = $1`, [from, to]);
}

/** Whether the builds were held against the incarnation that this process knows. */
export async function isGuarded(pool: Pool, store: GuardedLog): Promise<boolean> {
  const { rows } = await pool.query<{ log_id: string | null; incarnation: number }>(
    `select log_id, incarnation from projections.settings`,
  );
  const { id, current } = store.identity;
  return rows[0]?.log_id === id && rows[0].incarnation === current.number;
}
