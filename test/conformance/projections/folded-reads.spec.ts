import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { eventContracts } from '#contracts/index.js';
import { projections, queries } from '#analytical/index.js';
import { MemoryEventStore } from '#platform/event-store/memory/memory-event-store.adapter.js';
import type { RecordedEvent } from '#platform/kernel/envelope.js';
import { EventCatalogue } from '#platform/kernel/event-catalogue.js';
import { newId } from '#platform/kernel/ids.js';
import { createPool, type Pool } from '#platform/postgres/pool.js';
import { FoldedReads, isAboutSome } from '#platform/projections/as-of/folded-reads.js';
import { targetsOf, type Point } from '#platform/projections/as-of/point.js';
import { ensureLive } from '#platform/projections/builds/builds.js';
import { fill } from '#platform/projections/builds/fill.js';
import type { Page, QueryDefinition, ReadModels } from '#platform/projections/definition/query.js';
import { DecodedEvents } from '#platform/projections/folding/decoded-events.js';
import { prepareProjections } from '#platform/projections/prepare.js';
import { openReadModels, type TypeOrmReadModels } from '#platform/projections/queries/read-models.js';
import { BuildWriter, type Model } from '#platform/projections/running/build-writer.js';
import { Progress } from '#platform/projections/running/progress.js';
import { ErasingCodec } from '../../fixtures/erasing-codec.fixture.js';
import { CONTACTS, historyOf, stepOrMerge } from '../../fixtures/random-history.fixture.js';
import { idOf } from '../../fixtures/read-models.fixture.js';
import { storedForm } from '../../fixtures/stored-form.fixture.js';
import { createTestDatabase } from '../../support/postgres.js';

const PARTITIONS = 4;
const contractOf = new Map(eventContracts.map((contract) => [contract.type, contract]));
// Nobody has the key of one of them any more.
const codec = new ErasingCodec(new EventCatalogue(eventContracts), (subject) => subject === idOf('dia'));
const now = new Date('2026-01-15T12:00:00Z');

/** Read models without a bus: filled by hand up to any point. */
class Filled {
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

  async fill(store: MemoryEventStore, point: Point): Promise<void> {
    const { rows } = await this.pool.query<{ name: string }>(
      `select format('%I.%I', schemaname, tablename) as name from pg_tables where schemaname like 'rm\\_%'`,
    );
    await this.pool.query(`truncate ${rows.map(({ name }) => name).join(', ')}`);
    await this.pool.query(`update projections.checkpoints set position = 0, epoch = epoch + 1`);
    await this.pool.query(`truncate projections.dead_letters, projections.discards`);
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

async function storeOf(events: readonly RecordedEvent[]): Promise<MemoryEventStore> {
  const store = new MemoryEventStore();
  for (const { position: _position, recordedAt: _recordedAt, data, ...event } of events) {
    const form = storedForm((contractOf.get(event.type) as any)(data));
    await store.append([{ commandId: event.commandId, fingerprint: null, events: [{ ...event, ...form }] }]);
  }
  return store;
}

const pointAt = (store: MemoryEventStore, through: bigint, vectors: Point['vectors'] = new Map()): Point => ({
  log: { id: store.identity.id, incarnation: 1 },
  partitions: PARTITIONS,
  now,
  through,
  vectors,
});

/** All that a query answers, page by page, as it would be sent; or what it refused. */
async function answered(query: QueryDefinition, given: Record<string, string>, reading: Reading): Promise<string> {
  const parameters = query.parameters.parse(given);
  const pages: unknown[] = [];
  try {
    let after: Page<any>['next'];
    do {
      const answer: any = await reading(query, parameters, (read) =>
        query.run(parameters, { read, now, after, isHeavy: query.heavy }),
      );
      pages.push(answer);
      after = query.paged ? answer.next : undefined;
    } while (after && pages.length < 4);
  } catch (error) {
    pages.push(`${(error as Error).name}: ${(error as Error).message}`);
  }
  return JSON.stringify(pages);
}
type Reading = (
  query: QueryDefinition,
  parameters: unknown,
  work: (read: ReadModels) => Promise<unknown>,
) => Promise<unknown>;

/** Every question in the registry that is about this customer. */
const questionsAbout = (id: string): { query: QueryDefinition; given: Record<string, string> }[] =>
  queries
    .flatMap((query) => {
      const names = Object.keys(query.parameters.shape);
      const paged: Record<string, string> = query.paged ? { limit: '3' } : {};
      return names.map((name) => ({ query, given: { ...paged, [name]: id } }));
    })
    .filter(({ query, given }) => {
      const parsed = query.parameters.safeParse(given);
      return parsed.success && isAboutSome(query, parsed.data);
    });

describe('answers folded from events', () => {
  let live: Filled;
  let fresh: Filled;
  beforeAll(async () => {
    [live, fresh] = await Promise.all([Filled.create(), Filled.create()]);
  });
  afterAll(async () => {
    await Promise.all([live.close(), fresh.close()]);
  });

  const foldedOver = (store: MemoryEventStore, more: Partial<ConstructorParameters<typeof FoldedReads>[0]> = {}) =>
    new FoldedReads({
      read: live.read,
      store,
      decoded: new DecodedEvents(codec),
      freshness: new Progress({ pool: live.pool, store }),
      ...more,
    });
  const asOf =
    (folded: FoldedReads, point: Point): Reading =>
    (query, parameters, work) =>
      folded.asOf({ query, parameters, point, waitMs: 0 }, work);
  const ofFresh: Reading = async (query, _parameters, work) =>
    (await fresh.read.inSnapshot(query.projections, query.heavy, work)).answer;

  it('cover every question about one customer', () => {
    expect(questionsAbout(idOf('ann')).map(({ query }) => query.name)).toEqual(
      expect.arrayContaining(['Customer360', 'CustomerTimeline', 'CustomerOrders', 'Orders', 'Returns', 'Cases']),
    );
  });

  it('are those of a system that has seen these events and no others, to the byte, whatever has happened since', async () => {
    let seen = 0;
    let merged = 0;
    const places = fc.array(fc.nat(1_000), { minLength: PARTITIONS * 2, maxLength: PARTITIONS * 2 });
    await fc.assert(
      fc.asyncProperty(
        fc.array(stepOrMerge, { minLength: 5, maxLength: 60 }),
        fc.nat(1_000),
        places,
        async (steps, place, apart) => {
          const { events } = historyOf(steps);
          const store = await storeOf(events);
          const at = (part: number) => BigInt(Math.floor((part * (events.length + 1)) / 1_001));
          const head = BigInt(events.length);
          await live.fill(store, pointAt(store, head));
          // Partitions apart, and the aliases apart from the rest.
          const vectorOf = (from: number) => Array.from({ length: PARTITIONS }, (_, n) => at(apart[from + n]!));
          const vectors = new Map(
            projections.map(({ name }) => [name, vectorOf(name === 'aliases' ? PARTITIONS : 0)] as const),
          );
          const folded = foldedOver(store);
          const walkIn = events.find(({ subject, aggregateId }) => subject === aggregateId && !isContact(subject));
          for (const point of [pointAt(store, at(place)), pointAt(store, head, vectors)]) {
            await fresh.fill(store, point);
            const asked = [...CONTACTS.map(idOf), ...(walkIn ? [walkIn.subject] : []), newId()];
            for (const { query, given } of asked.flatMap(questionsAbout)) {
              const expected = await answered(query, given, ofFresh);
              const found = await answered(query, given, asOf(folded, point));
              expect({ query: query.name, given, found }).toEqual({ query: query.name, given, found: expected });
              seen++;
              if (query.name === 'Customer360' && expected.includes('"mergedInto"')) merged++;
            }
          }
        },
      ),
      { numRuns: 8 },
    );
    expect(seen).toBeGreaterThan(300);
    expect(merged).toBeGreaterThan(0);
  }, 180_000);
});

const contacts = new Set(CONTACTS.map(idOf));
const isContact = (subject: string): boolean => contacts.has(subject);
