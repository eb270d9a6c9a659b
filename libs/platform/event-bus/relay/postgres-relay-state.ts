import { encodeArray } from '#platform/postgres/arrays.js';
import { bringUpToDate } from '#platform/postgres/migrations.js';
import { createPool, type Pool, type PoolClient } from '#platform/postgres/pool.js';
import type { Published } from '../event-bus.js';
import type { Lease, Placement, RelayState } from './relay-state.js';
import { relaySchema } from './relay.migrations.js';

interface StateRow {
  epoch: string;
  position: string;
  incarnation: number;
  told_through: number;
  log_id: string;
  partitions: number | null;
  partitioner: string | null;
}

/**
 * The relay's state in PostgreSQL. Its commits do not wait for the disk: a server that loses the last of them has
 * the relay send again what was sent, and consumers drop it. Only the change of hands is told apart by its holder,
 * since an epoch that was lost may be given again.
 */
export class PostgresRelayState implements RelayState {
  private constructor(private readonly pool: Pool) {}

  /** Connects, and brings the schema up to date where this login may. @throws NotMigrated */
  static async connect(url: string): Promise<PostgresRelayState> {
    await bringUpToDate(url, relaySchema);
    return new PostgresRelayState(
      createPool(url, { role: 'write', max: 2, applicationName: 'yad relay', synchronousCommit: 'off' }),
    );
  }

  async acquire(
    holder: string,
    ttlMs: number,
    logId: string,
    { partitions, partitioner }: Placement,
  ): Promise<Lease | undefined> {
    const { rows } = await this.pool.query<StateRow>(
      `update relay.state set epoch = epoch + 1, holder = $1, log_id = coalesce(log_id, $3),
              expires_at = case when coalesce(log_id, $3) = $3 then clock_timestamp() + $2 * interval '1 ms' else expires_at end,
              partitions = case when coalesce(log_id, $3) = $3 and position = 0 then $4 else partitions end,
              partitioner = case when coalesce(log_id, $3) = $3 and position = 0 then $5 else partitioner end
       where id = 1 and expires_at < clock_timestamp()
       returning epoch, position, incarnation, told_through, log_id, partitions, partitioner`,
      [holder, ttlMs, logId, partitions, partitioner],
    );
    const row = rows[0];
    if (!row) return undefined;
    if (row.log_id !== logId) {
      throw new Error(
        `the relay's record is of the log ${row.log_id}, and this is ${logId}: it belongs to another database`,
      );
    }
    // After the fence is up: no checkpoint of the one before can come between.
    const heads = new Map([...(await this.heads())].filter(([, head]) => head > 0n));
    const placement =
      row.partitions !== null && row.partitioner !== null
        ? { partitions: row.partitions, partitioner: row.partitioner }
        : undefined;
    const { incarnation, told_through: toldThrough } = row;
    return {
      epoch: BigInt(row.epoch),
      holder,
      position: BigInt(row.position),
      heads,
      incarnation,
      toldThrough,
      placement,
    };
  }

  async checkpoint(
    lease: Lease,
    position: bigint,
    heads: ReadonlyMap<number, bigint>,
    ttlMs: number,
  ): Promise<boolean> {
    // One statement: nobody sees the position without its heads, and a fenced relay moves neither.
    const { rowCount } = await this.pool.query({
      name: 'relay-checkpoint',
      text: `
        with moved as (
          update relay.state set position = $3, incarnation = $7, told_through = $7, published_at = clock_timestamp(),
                 expires_at = clock_timestamp() + $4 * interval '1 ms'
          where id = 1 and epoch = $1 and holder = $2 returning 1),
        heads as (
          insert into relay.heads (partition, position)
          select h.partition, h.position from unnest($5::int[], $6::int8[]) h(partition, position)
          where exists (select from moved)
          on conflict (partition) do update set position = excluded.position)
        select from moved`,
      values: [
        lease.epoch,
        lease.holder,
        position,
        ttlMs,
        encodeArray('int4', [...heads.keys()]),
        encodeArray('int8', [...heads.values()]),
        lease.incarnation,
      ],
    });
    return rowCount === 1;
  }

  async release(lease: Lease): Promise<void> {
    await this.pool.query(
      `update relay.state set expires_at = '-infinity' where id = 1 and epoch = $1 and holder = $2`,
      [lease.epoch, lease.holder],
    );
  }

  async rewind(from: bigint): Promise<void> {
    // In one statement with the fence: whoever published until now cannot record that it is further.
    await this.pool.query(
      `with fenced as (
         update relay.state set epoch = epoch + 1, holder = '', expires_at = '-infinity', told_through = 0,
                position = least(position, $1::bigint - 1) where id = 1 returning position)
       update relay.heads h set position = least(h.position, fenced.position) from fenced`,
      [from],
    );
  }

  async heads(): Promise<ReadonlyMap<number, bigint>> {
    const { rows } = await this.pool.query<{ partition: number; position: string }>({
      name: 'relay-heads',
      text: `select partition, position from relay.heads`,
    });
    return new Map(rows.map(({ partition, position }) => [partition, BigInt(position)]));
  }

  async position(): Promise<bigint> {
    const { rows } = await this.pool.query<{ position: string }>({
      name: 'relay-position',
      text: `select position from relay.state`,
    });
    return BigInt(rows[0]?.position ?? 0);
  }

  async published(): Promise<Published> {
    const { rows } = await this.pool.query<{ partition: number; position: string }>({
      name: 'relay-published',
      text: `select -1 as partition, position from relay.state union all select partition, position from relay.heads`,
    });
    const heads = new Map(rows.map(({ partition, position }) => [partition, BigInt(position)]));
    const position = heads.get(-1) ?? 0n;
    heads.delete(-1);
    return { position, heads };
  }

  close(): Promise<void> {
    return this.pool.end();
  }
}

/** A copy of a log has another id from now on, and a topic of its own, to which all of it is published. */
export async function adoptRelayState(client: Pick<PoolClient, 'query'>, from: string, to: string): Promise<void> {
  const { rows } = await client.query(`select from pg_class where oid = to_regclass('relay.state')`);
  if (rows.length === 0) return;
  await client.query(`update relay.state set log_id = $2, position = 0, told_through = 0 where log_id = $1`, [
    from,
    to,
  ]);
  await client.query(`delete from relay.heads`);
}
