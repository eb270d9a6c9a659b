import { isConnectionError, type Pool, type PoolClient, type QueryResult } from '#platform/postgres/pool.js';
import type { ReadModels, Snapshotted } from '../definition/query.js';
import type { PreparedNames } from './prepared-names.js';

/** The view under a prepared statement was swapped for one with other columns. */
const RESULT_CHANGED = '0A000';

const BEGIN = 'begin isolation level repeatable read read only';
// A row for each projection: its version, what its partitions hold, and whether events are set aside.
const CHECKPOINTS = `select b.projection, b.version,
    array(select c.partition || ':' || c.position from projections.checkpoints c
           where c.projection = b.projection and c.generation = b.generation),
    exists (select from projections.dead_letters d where d.projection = b.projection and d.generation = b.generation)
  from projections.builds b where b.status = 'live' and b.projection = any($1::text[])`;

/** What a snapshot is opened with. */
export interface Opening {
  /** Names of the projections that are read. */
  readonly projections: readonly string[];
  /** Takes what the query may read in share, so that no swap changes what a name means; undefined where that is nothing. */
  readonly lock: string | undefined;
}

/** Of `partition:position`. */
const positionOf = (text: string): [number, bigint] => {
  const at = text.indexOf(':');
  return [Number(text.slice(0, at)), BigInt(text.slice(at + 1))];
};

interface Asked {
  readonly text: string;
  readonly values: unknown[];
  readonly resolve: (rows: any[]) => void;
  readonly reject: (error: unknown) => void;
}

/** It could not be begun: what was to be locked is not there, or the connection broke. */
export class OpeningFailed extends Error {
  constructor(override readonly cause: unknown) {
    super('the snapshot could not be taken', { cause });
  }
}

/** The snapshot saw a statement that was planned for what has been swapped since: the query is asked again, whole. */
export class Invalidated extends Error {}

/**
 * One transaction in which all statements of a query see the same rows, and the checkpoints that go with them. It begins
 * with the first of them, in the same packet; what is asked in one turn goes down without waiting for answers.
 */
export class Snapshot implements Pick<ReadModels, 'rows'> {
  private opened: Promise<PoolClient> | undefined;
  private checkpointsRead: Promise<QueryResult<any>> | undefined;
  private gathered: Asked[] = [];
  private broken = false;

  constructor(
    private readonly pool: Pool,
    private readonly names: PreparedNames,
    private readonly opening: Opening,
  ) {}

  readonly rows: ReadModels['rows'] = (text, parameters = []) =>
    new Promise((resolve, reject) => {
      if (this.gathered.push({ text, values: [...parameters], resolve, reject }) > 1) return;
      queueMicrotask(() => {
        const asked = this.gathered;
        this.gathered = [];
        void this.send(asked);
      });
    });

  /** Where the live builds stood when the snapshot was taken, of which version, and which had events set aside. */
  async stand(): Promise<
    Pick<Snapshotted<unknown>, 'checkpoints' | 'versions'> & { readonly parked: readonly string[] }
  > {
    if (!this.opened) await this.send([]);
    // Where there is no connection, that is what went wrong.
    await this.opened;
    const { rows } = (await this.checkpointsRead!) as unknown as { rows: [string, number, string[], boolean][] };
    const checkpoints = new Map<string, Map<number, bigint>>();
    const versions = new Map<string, number>();
    const parked: string[] = [];
    for (const [projection, version, positions, isParked] of rows) {
      versions.set(projection, version);
      checkpoints.set(projection, new Map(positions.map(positionOf)));
      if (isParked) parked.push(projection);
    }
    return { checkpoints, versions, parked };
  }

  /** Lets the connection go, without keeping anybody waiting. Nothing was written, so that it matters to nobody how. */
  end(): void {
    void this.opened?.then(
      (client) =>
        client.query({ name: 'commit', text: 'commit' }).then(
          () => client.release(this.broken),
          () => client.release(true),
        ),
      () => {},
    );
  }

  private async send(asked: readonly Asked[]): Promise<void> {
    try {
      const first = !this.opened;
      this.opened ??= this.pool.connect();
      const client = await this.opened;
      const { stream } = (client as any).connection;
      stream.cork();
      const sent: Promise<unknown>[] = [];
      if (first) sent.push(...this.begin(client));
      for (const each of asked) sent.push(this.answer(client, each));
      stream.uncork();
      await Promise.allSettled(sent);
    } catch (error) {
      for (const { reject } of asked) reject(error);
    }
  }

  private begin(client: PoolClient): Promise<unknown>[] {
    const { lock, projections } = this.opening;
    const sent: Promise<unknown>[] = [client.query({ name: 'begin-read', text: BEGIN })];
    // Before anything is seen: a swap that has begun ends first, one that comes later waits.
    if (lock !== undefined) sent.push(client.query({ name: this.names.of(lock), text: lock }));
    const checkpoints = {
      name: 'checkpoints-read',
      text: CHECKPOINTS,
      values: [projections],
      rowMode: 'array' as const,
    };
    this.checkpointsRead = Promise.all([...sent, client.query(checkpoints)]).then(
      (all) => all.at(-1) as QueryResult<any>,
      (error: unknown) => {
        this.broken ||= isConnectionError(error);
        throw new OpeningFailed(error);
      },
    );
    return [this.checkpointsRead];
  }

  private async answer(client: PoolClient, { text, values, resolve, reject }: Asked): Promise<void> {
    try {
      const { rows } = await client.query<any>({ name: this.names.of(text), text, values });
      resolve(rows);
    } catch (error) {
      this.broken ||= isConnectionError(error);
      const { code } = error as { code?: string };
      if (code !== RESULT_CHANGED) {
        // What began the transaction has failed before: that tells why.
        await this.checkpointsRead?.then(
          () => reject(error),
          (cause: unknown) => reject(cause),
        );
        return;
      }
      this.names.forget(text);
      reject(new Invalidated('the view under a prepared statement was swapped'));
    }
  }
}
