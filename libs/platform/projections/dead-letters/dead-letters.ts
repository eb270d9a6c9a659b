import { inTransaction, type PoolClient } from '#platform/postgres/pool.js';
import { partitionOf } from '#platform/event-bus/event-bus.js';
import { liveBuild, lockBuilds, raiseEpoch, type Build } from '../builds/builds.js';
import type { ProjectionRuntime } from '../builds/projection-runtime.js';
import { BuildWriter, type Model } from '../running/build-writer.js';

/** An event set aside in the live build of a projection. */
export interface ParkedEvent {
  readonly projection: string;
  readonly position: bigint;
  readonly subject: string;
  readonly eventId: string;
  readonly eventType: string;
  readonly error: string;
  /** False for events that wait behind a failed one of their subject. */
  readonly cause: boolean;
  readonly attempts: number;
  readonly parkedAt: Date;
}

const COLUMNS = `projection, position::text, subject, event_id as "eventId", event_type as "eventType", error, cause, attempts, parked_at as "parkedAt"`;
const PAGE = 1_000;

export interface DeadLetterFilter {
  readonly projection?: string;
  readonly subject?: string;
  /** Only the events that failed, not those that wait behind them. */
  readonly causesOnly?: boolean;
}

/** Where a page of dead letters begins: behind this one. */
export interface DeadLetterPlace {
  readonly projection: string;
  readonly position: bigint;
}

const OF_LIVE = `from projections.dead_letters d join projections.builds b using (projection, generation)
  where b.status = 'live' and ($1::text is null or projection = $1) and ($2::text is null or subject = $2)
    and (cause or not $3)`;

const valuesOf = ({ projection, subject, causesOnly }: DeadLetterFilter): unknown[] => [
  projection ?? null,
  subject ?? null,
  causesOnly ?? false,
];

/** Events set aside in live builds, in order, a page of them. */
export async function listDeadLetters(
  { pool }: ProjectionRuntime,
  { after, limit = 1_000, ...filter }: DeadLetterFilter & { after?: DeadLetterPlace; limit?: number } = {},
): Promise<ParkedEvent[]> {
  const { rows } = await pool.query<any>(
    `select ${COLUMNS} ${OF_LIVE} and ($4::text is null or (projection, position) > ($4, $5::bigint))
      order by d.projection, d.position limit $6`,
    [...valuesOf(filter), after?.projection ?? null, after?.position ?? null, limit],
  );
  return rows.map((row) => ({ ...row, position: BigInt(row.position) }));
}

/** How many events are set aside in live builds. */
export async function countDeadLetters({ pool }: ProjectionRuntime, filter: DeadLetterFilter = {}): Promise<number> {
  const { rows } = await pool.query<{ n: number }>(`select count(*)::int as n ${OF_LIVE}`, valuesOf(filter));
  return rows[0]!.n;
}

/** What became of a subject's parked events. */
export interface RetryResult {
  /** Folded now. */
  readonly applied: number;
  /** Set aside again. */
  readonly parked: number;
  readonly discarded: number;
}

/** Folds a subject's parked events again, in order, in one transaction; from the first that fails on they stay. */
export const retryDeadLetters = (runtime: ProjectionRuntime, model: Model, subject: string): Promise<RetryResult> =>
  handle(runtime, model, subject, 'none');

/** The subjects that have events set aside in live builds of these projections, page by page. */
export async function* parkedSubjects(
  { pool }: ProjectionRuntime,
  projections: readonly string[],
): AsyncGenerator<{ projection: string; subject: string }> {
  for (let after: [string, string] | undefined; ;) {
    const { rows } = await pool.query<{ projection: string; subject: string }>(
      `select distinct projection, subject from projections.dead_letters d join projections.builds b using (projection, generation)
        where b.status = 'live' and projection = any($1)
          and ($2::text is null or (projection, subject) > ($2 collate "C", $3::text collate "C"))
        order by projection, subject limit ${PAGE}`,
      [projections, ...(after ?? [null, null])],
    );
    yield* rows;
    if (rows.length < PAGE) return;
    const { projection, subject } = rows.at(-1)!;
    after = [projection, subject];
  }
}

/** Leaves out the first parked event of a subject, or all, for this version for good; retries the rest. */
export const discardDeadLetters = (
  runtime: ProjectionRuntime,
  model: Model,
  subject: string,
  which: 'first' | 'all' = 'first',
): Promise<RetryResult> => handle(runtime, model, subject, which);

async function handle(
  runtime: ProjectionRuntime,
  model: Model,
  subject: string,
  discard: 'none' | 'first' | 'all',
): Promise<RetryResult> {
  const { name, version } = model.projection;
  return inTransaction(runtime.pool, async (client) => {
    await lockBuilds(client, name);
    const live = await liveBuild(client, name);
    if (!live) throw new Error(`${name} has no live build`);
    if (live.version !== version)
      throw new Error(`${name} is live in version ${live.version}, this code is of ${version}`);
    // Writers stand still from here to the commit, and then read anew which subjects are parked.
    await raiseEpoch(client, live);
    const letters = await takeLetters(client, live, subject);
    if (letters.length === 0) return { applied: 0, parked: 0, discarded: 0 };
    const gone = discard === 'all' ? letters : discard === 'first' ? letters.slice(0, 1) : [];
    for (const letter of gone) {
      await client.query(
        `insert into projections.discards (projection, version, position, subject, event_type, error)
         values ($1, $2, $3, $4, $5, $6) on conflict do nothing`,
        [name, version, letter.position, subject, letter.event_type, letter.error],
      );
    }
    const rest = letters.slice(gone.length);
    const parked = rest.length === 0 ? 0 : await refold(runtime, client, model, live, subject, rest);
    return { applied: rest.length - parked, parked, discarded: gone.length };
  });
}

interface Letter {
  position: bigint;
  event_type: string;
  error: string;
  attempts: number;
  parked_at: Date;
}

async function takeLetters(client: PoolClient, live: Build, subject: string): Promise<Letter[]> {
  const { rows } = await client.query<any>(
    `delete from projections.dead_letters where projection = $1 and generation = $2 and subject = $3
     returning position::text, event_type, error, attempts, parked_at`,
    [live.projection, live.generation, subject],
  );
  return rows
    .map((row) => ({ ...row, position: BigInt(row.position) }))
    .toSorted((a, b) => (a.position < b.position ? -1 : 1));
}

/** Folds the events of these letters; those that fail, and all behind them, are letters again. Resolves to how many. */
async function refold(
  { log, decoded }: ProjectionRuntime,
  client: PoolClient,
  model: Model,
  live: Build,
  subject: string,
  letters: readonly Letter[],
): Promise<number> {
  const writer = new BuildWriter(client, model, decoded, { inTransaction: true });
  await writer.load(live.generation);
  const wanted = new Set(letters.map(({ position }) => position));
  const partition = partitionOf(subject, log.partitions);
  const through = letters.at(-1)!.position;
  for (let after = letters[0]!.position - 1n; after < through;) {
    const page = await log.store.readSubjects([subject], { after, through, limit: PAGE });
    if (page.length === 0) break;
    const events = page.filter(({ position }) => wanted.has(position)).map((event) => ({ partition, event }));
    if (events.length > 0) await writer.apply({ events, advance: new Map() });
    after = page.at(-1)!.position;
  }
  for (const { position, attempts, parked_at } of letters) {
    await client.query(
      `update projections.dead_letters set attempts = $4 + case when cause then 1 else 0 end, parked_at = $5
        where projection = $1 and generation = $2 and position = $3`,
      [live.projection, live.generation, position, attempts, parked_at],
    );
  }
  const { rows } = await client.query<{ parked: number }>(
    `select count(*)::int as parked from projections.dead_letters where projection = $1 and generation = $2 and subject = $3`,
    [live.projection, live.generation, subject],
  );
  return rows[0]!.parked;
}
