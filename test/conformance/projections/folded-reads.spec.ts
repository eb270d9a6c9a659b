import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { projections, queries } from '#analytical/index.js';
import type { MemoryEventStore } from '#platform/event-store/memory/memory-event-store.adapter.js';
import { newId } from '#platform/kernel/ids.js';
import { FoldedReads, isAboutSome } from '#platform/projections/as-of/folded-reads.js';
import type { Point } from '#platform/projections/as-of/point.js';
import type { QueryDefinition, ReadModels } from '#platform/projections/definition/query.js';
import { DecodedEvents } from '#platform/projections/folding/decoded-events.js';
import { Progress } from '#platform/projections/running/progress.js';
import { CONTACTS, historyOf, stepOrMerge } from '../../fixtures/random-history.fixture.js';
import { idOf } from '../../fixtures/read-models.fixture.js';
import { codec, Filled, now, PARTITIONS, pagesOf, pointAt, storeOf } from './filled.js';

/** All that a query answers, as it would be sent; or what it refused. */
function answered(query: QueryDefinition, given: Record<string, string>, reading: Reading): Promise<string> {
  const parameters = query.parameters.parse(given);
  return pagesOf(query, (after) =>
    reading(query, parameters, (read) => query.run(parameters, { read, now, after, isHeavy: query.heavy })),
  );
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

  const foldedOver = (store: MemoryEventStore) =>
    new FoldedReads({
      read: live.read,
      store,
      decoded: new DecodedEvents(codec),
      freshness: new Progress({ pool: live.pool, store }),
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
      // Made smaller, a counterexample would take longer than the time there is.
      { numRuns: 8, endOnFailure: true },
    );
    expect(seen).toBeGreaterThan(300);
    expect(merged).toBeGreaterThan(0);
  }, 180_000);
});

const contacts = new Set(CONTACTS.map(idOf));
const isContact = (subject: string): boolean => contacts.has(subject);
