import { eventContracts } from '#contracts/index.js';
import { projections } from '#analytical/index.js';
import { MemoryEventStore } from '#platform/event-store/memory/memory-event-store.adapter.js';
import type { RecordedEvent } from '#platform/kernel/envelope.js';
import { EventCatalogue } from '#platform/kernel/event-catalogue.js';
import { createPool, type Pool } from '#platform/postgres/pool.js';
import { targetsOf, type Point } from '#platform/projections/as-of/point.js';
import type { Page, QueryDefinition } from '#platform/projections/definition/query.js';
import { ensureLive } from '#platform/projections/builds/builds.js';
import { fill } from '#platform/projections/builds/fill.js';
import { DecodedEvents } from '#platform/projections/folding/decoded-events.js';
import { prepareProjections } from '#platform/projections/prepare.js';
import { openReadModels, type TypeOrmReadModels } from '#platform/projections/queries/read-models.js';
import { BuildWriter, type Model } from '#platform/projections/running/build-writer.js';
import { ErasingCodec } from '../../fixtures/erasing-codec.fixture.js';
import { idOf } from '../../fixtures/read-models.fixture.js';
import { storedForm } from '../../fixtures/stored-form.fixture.js';
import { createTestDatabase } from '../../support/postgres.js';

export const PARTITIONS = 4;
const contractOf = new Map(eventContracts.map((contract) => [contract.type, contract]));
/** Of whom nobody has the key any more. */
export const gone = new Set([idOf('dia')]);
export const codec = new ErasingCodec(new EventCatalogue(eventContracts), (subject) => gone.has(subject));
export const now = new Date('2026-01-15T12:00:00Z');

/** An event that is left out of a projection. */
export interface Discarded {
  readonly projection: string;
  readonly subject: string;
  readonly position: bigint;
}

/** Read models without a bus: filled by hand up to any point. */
export class Filled {
  private constructor(
    readonly url: string,
    readonly pool: Pool,
    readonly models: readonly Model[],
    readonly read: TypeOrmReadModels,
    private readonly drop: () => Promise<void>,
  ) {}

  static async create(): Promise<Filled> {
    const { url, drop } = await createTestDatabase();
    const pool = createPool(url, { max: 6, synchronousCommit: 'off' });
    const models = await prepareProjections(pool, projections, PARTITIONS);
    for (const model of models) await ensureLive(pool, model, PARTITIONS);
    return new Filled(url, pool, models, await openReadModels(url, projections, 4), drop);
  }

  /** @param discarded positions that a person left out of a projection */
  async fill(store: MemoryEventStore, point: Point, discarded: readonly Discarded[] = []): Promise<void> {
    const { rows } = await this.pool.query<{ name: string }>(
      `select format('%I.%I', schemaname, tablename) as name from pg_tables where schemaname like 'rm\\_%'`,
    );
    await this.pool.query(`truncate ${rows.map(({ name }) => name).join(', ')}`);
    await this.pool.query(`update projections.checkpoints set position = 0, epoch = epoch + 1`);
    await this.pool.query(`truncate projections.dead_letters, projections.discards`);
    for (const { projection, subject, position } of discarded) {
      const version = projections.find(({ name }) => name === projection)!.version;
      await this.pool.query(
        `insert into projections.discards (projection, version, position, subject, event_type, error)
         values ($1, $2, $3, $4, 'any', 'any')`,
        [projection, version, String(position), subject],
      );
    }
    const decoded = new DecodedEvents(codec);
    const targets = await Promise.all(
      this.models.map(async (model) => {
        const writer = new BuildWriter(this.pool, model, decoded, { bulk: true });
        await writer.load(1);
        return { writer, targets: targetsOf(point, model.projection.name) };
      }),
    );
    await fill({ store, partitions: PARTITIONS }, targets);
  }

  async close(): Promise<void> {
    await this.read.close();
    await this.pool.end();
    await this.drop();
  }
}

export async function storeOf(events: readonly RecordedEvent[]): Promise<MemoryEventStore> {
  const store = new MemoryEventStore();
  await appendTo(store, events);
  return store;
}

export async function appendTo(store: MemoryEventStore, events: readonly RecordedEvent[]): Promise<void> {
  for (const { position: _position, recordedAt: _recordedAt, data, ...event } of events) {
    const form = storedForm((contractOf.get(event.type) as any)(data));
    await store.append([{ commandId: event.commandId, fingerprint: null, events: [{ ...event, ...form }] }]);
  }
}

export const pointAt = (store: MemoryEventStore, through: bigint, vectors: Point['vectors'] = new Map()): Point => ({
  log: { id: store.identity.id, incarnation: 1 },
  partitions: PARTITIONS,
  now,
  through,
  vectors,
});

/** What a query answers, up to four pages of it, as it would be sent; or what it refuses. */
export async function pagesOf(
  { paged }: QueryDefinition,
  ask: (after: Page<unknown>['next']) => Promise<any>,
): Promise<string> {
  const pages: unknown[] = [];
  try {
    let after: Page<unknown>['next'];
    do {
      const answer = await ask(after);
      pages.push(answer);
      after = paged ? answer.next : undefined;
    } while (after && pages.length < 4);
  } catch (error) {
    pages.push(`${(error as Error).name}: ${(error as Error).message}`);
  }
  return JSON.stringify(pages);
}
