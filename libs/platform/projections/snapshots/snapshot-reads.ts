import type { Pool } from '#platform/postgres/pool.js';
import { NotFound, TookTooLong } from '#platform/kernel/errors.js';
import { DefinitionChanged, SnapshotUnderWay, type PastAsk, type PastReads } from '../as-of/past-reads.js';
import type { Point } from '../as-of/point.js';
import type { QueryDefinition, ReadModels } from '../definition/query.js';
import { isUnknown, STOPPED } from '../queries/read-models.js';
import { failureOf, SnapshotGone } from './refusals.js';
import { SchemaReader, SnapshotDropped } from './schema-reader.js';
import { isUnderWay, partsOf, type Snapshot, type SnapshotPart } from './snapshot.js';
import type { Snapshots } from './snapshots.js';

/** `if-needed`: what is not there is made. `never`: what is kept alone is read. */
export type Making = 'if-needed' | 'never';

/** A snapshot that is dropped between being found and being read is looked for again so often. */
const MOST_TRIES = 3;
/** Who has asked for one that a question needed. */
const ASKER = 'a question';

const atOnce = <T>(work: () => Promise<T>): Promise<T> => work();

/** Questions about the past, answered from snapshots; one that is not there is made. */
export class SnapshotReads implements PastReads {
  constructor(
    private readonly snapshots: Snapshots,
    /** Connections of heavy queries. */
    private readonly connections: Pool,
  ) {}

  /**
   * Runs a query's work on the read models as of the point.
   * @param made whether a snapshot is made where none is kept
   * @throws what the work throws; SnapshotUnderWay; DefinitionChanged; PointIncomplete; TookTooLong; SnapshotsFull,
   *   SnapshotFailed, SnapshotGone; InvalidInput and PositionLost for a point that the log does not have
   */
  async asOf<T>(
    ask: PastAsk,
    work: (read: ReadModels, isHeavy: boolean) => Promise<T>,
    made: Making = 'if-needed',
  ): Promise<T> {
    const { query, point, turn = atOnce } = ask;
    refuseOtherQuery(query, point);
    const parts = partsOf(point, query.projections);
    for (let tries = 1; ; tries++) {
      const snapshot = (await this.snapshots.find(point.log.id, parts)) ?? (await this.make(ask, parts, made));
      try {
        return await turn(() => this.read(snapshot, ask, (read) => work(read, true)));
      } catch (error) {
        if (!(error instanceof SnapshotDropped)) throw error;
        if (tries >= MOST_TRIES) throw new SnapshotGone(snapshot.id);
      }
    }
  }

  /** A ready snapshot that answers a query as of a point: of the versions that the point names, else of the code's. */
  find(point: Point, query: QueryDefinition): Promise<Snapshot | undefined> {
    return this.snapshots.find(point.log.id, partsOf(point, query.projections));
  }

  private async make(
    { query, point, waitMs, gone }: PastAsk,
    parts: readonly SnapshotPart[],
    made: Making,
  ): Promise<Snapshot> {
    const versions = new Map(query.projections.map(({ name, version }) => [name, version]));
    const changed = parts.filter(({ projection, version }) => versions.get(projection) !== version);
    if (changed.length > 0) throw definitionChanged(changed);
    if (made === 'never') throw new DefinitionChanged(`no snapshot of this point is kept for ${query.name}`);
    const asked = await this.snapshots.request(point, query.reads, { by: ASKER });
    const snapshot = await this.snapshots.wait(asked.id, waitMs, gone).catch((error: unknown) => {
      throw error instanceof NotFound ? new SnapshotGone(asked.id) : error;
    });
    if (isUnderWay(snapshot)) throw new SnapshotUnderWay(snapshot.id);
    if (snapshot.status !== 'ready') throw failureOf(snapshot);
    return snapshot;
  }

  private async read<T>(snapshot: Snapshot, { query }: PastAsk, work: (read: ReadModels) => Promise<T>): Promise<T> {
    const there = new Set(await this.snapshots.uses.tablesOf(snapshot));
    if (there.size === 0) throw new SnapshotDropped();
    const tables = query.projections.flatMap((each) => each.tables.map(({ name }) => name));
    const reader = new SchemaReader(
      this.connections,
      snapshot.schema,
      tables.filter((name) => there.has(name)),
    );
    try {
      const answer = await work({ rows: reader.rows });
      this.snapshots.uses.note(snapshot);
      return answer;
    } catch (error) {
      if ((error as { code?: string } | null)?.code === STOPPED) throw new TookTooLong();
      if (!isUnknown(error)) throw error;
      const old = snapshot.parts.filter(({ projection, version }) =>
        query.projections.some((each) => each.name === projection && each.version !== version),
      );
      throw old.length > 0 ? definitionChanged(old) : error;
    } finally {
      reader.end();
    }
  }
}

/** @throws DefinitionChanged where the same rows give another answer by now */
function refuseOtherQuery({ name, version }: QueryDefinition, { versions }: Point): void {
  if (versions?.query?.name !== name || versions.query.version === version) return;
  throw new DefinitionChanged(
    `${name} answers in version ${version} now, and what is asked for was answered in version ${versions.query.version}`,
  );
}

const definitionChanged = (parts: readonly SnapshotPart[]): DefinitionChanged =>
  new DefinitionChanged(
    `${parts.map(({ projection, version }) => `${projection} (version ${version})`).join(', ')}: the read models are made ` +
      `otherwise by now, and of those the code cannot answer this`,
  );
