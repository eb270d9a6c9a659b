import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { definitions } from '#apps/definitions.js';
import { apiDocument } from '#apps/operations/api-document.js';
import { projections, queries } from '#analytical/index.js';
import type { MemoryEventStore } from '#platform/event-store/memory/memory-event-store.adapter.js';
import { FoldedReads } from '#platform/projections/as-of/folded-reads.js';
import { Past } from '#platform/projections/as-of/past.js';
import { pointFor, pointOfAnswer, type Point } from '#platform/projections/as-of/point.js';
import type { QueryDefinition, ReadModels } from '#platform/projections/definition/query.js';
import { DecodedEvents } from '#platform/projections/folding/decoded-events.js';
import { Progress } from '#platform/projections/running/progress.js';
import { SnapshotReads } from '#platform/projections/snapshots/snapshot-reads.js';
import { Snapshots } from '#platform/projections/snapshots/snapshots.js';
import { aggregatesOf, logQueries } from '#platform/runtime/composition.js';
import { arbitraryOf } from '../../end-to-end/arbitrary-of-schema.js';
import { CONTACTS, historyOf, stepOrMerge } from '../../fixtures/random-history.fixture.js';
import { idOf } from '../../fixtures/read-models.fixture.js';
import { appendTo, codec, Filled, gone, PARTITIONS, pagesOf, pointAt, storeOf } from './filled.js';

// Every question of the registry, those that are added later too: what is asked is drawn from its own schema.

const document = apiDocument() as any;
const operations = new Map<string, any>(
  Object.values<any>(document.paths)
    .flatMap((methods) => Object.values<any>(methods))
    .map((operation) => [operation.operationId, operation]),
);
const resolved = (schema: any): any =>
  schema.$ref ? document.components.parameters[schema.$ref.split('/').at(-1)] : schema;
const SHELL = new Set(['minPosition', 'cursor', 'asOf', 'definition', 'limit']);

/** What is there to be found, by the name of a parameter; where nothing is said, its schema alone tells. */
const known: Readonly<Record<string, readonly string[]>> = {
  id: CONTACTS.map(idOf),
  contact: CONTACTS.map(idOf),
  aggregate: ['contact', 'order', 'return', 'case'],
  currency: ['GBP', 'EUR'],
  from: ['2025-04-01', '2025-04-01T00:00:00Z'],
  to: ['2025-10-01', '2025-10-01T00:00:00Z'],
  day: ['2025-07-01', '2026-01-01'],
  position: ['1', '5', '9'],
  name: ['a', 'ann'],
};

interface Asked {
  readonly name: string;
  readonly given: Record<string, string>;
}

/** Requests for a question that it takes. */
function requestsOf(query: QueryDefinition): fc.Arbitrary<Asked> {
  const all = (operations.get(query.name).parameters as object[]).map(resolved);
  const own = all.filter(({ name, in: place }) => place !== 'header' && !SHELL.has(name));
  const valueOf = ({ name, schema }: any): fc.Arbitrary<string> => {
    const drawn = arbitraryOf(document, schema, { ids: known['id']! }).map(String);
    return name in known ? fc.oneof({ weight: 4, arbitrary: fc.constantFrom(...known[name]!) }, drawn) : drawn;
  };
  const required = own.filter((each) => each.required).map(({ name }) => name as string);
  const entries = Object.fromEntries(own.map((each) => [each.name as string, valueOf(each)]));
  const optional = own.map(({ name }) => name as string).filter((name) => !required.includes(name));
  return fc
    .tuple(fc.record(entries), fc.subarray(optional, { maxLength: Math.min(3, optional.length) }))
    .map(([values, some]) => {
      const given = Object.entries(values).filter(([name]) => required.includes(name) || some.includes(name));
      const paged = query.paged ? [['limit', '3']] : [];
      return { name: query.name, given: Object.fromEntries([...given, ...paged]) as Record<string, string> };
    })
    .filter(({ given }) => query.parameters.safeParse(given).success);
}

type Reading = (
  query: QueryDefinition,
  parameters: unknown,
  work: (read: ReadModels | undefined, isHeavy: boolean) => Promise<unknown>,
) => Promise<unknown>;

/** What is answered, as it would be sent; or what is refused. */
function answered(
  query: QueryDefinition,
  { given }: Asked,
  { now, through }: Pick<Point, 'now' | 'through'>,
  reading: Reading,
): Promise<string> {
  const parameters = query.parameters.parse(given);
  return pagesOf(query, (after) =>
    reading(query, parameters, (read, isHeavy) => query.run(parameters, { read, now, after, through, isHeavy })),
  );
}

describe('every question of the registry', () => {
  let live: Filled;
  let fresh: Filled;
  const closes: (() => Promise<unknown>)[] = [];
  beforeAll(async () => {
    [live, fresh] = await Promise.all([Filled.create(), Filled.create()]);
    closes.push(
      () => live.close(),
      () => fresh.close(),
    );
  });
  afterAll(async () => {
    for (const close of closes.toReversed()) await close();
  });

  /** The past of a log, as a system reads it. */
  function pastOf(store: MemoryEventStore): { past: Past; snapshots: Snapshots; close: () => Promise<void> } {
    const given = {
      store,
      codec,
      models: live.models,
      databaseUrl: live.url,
      partitions: PARTITIONS,
      bounds: { most: 1_000 },
    };
    const snapshots = Snapshots.open(given);
    const folded = new FoldedReads({
      read: live.read,
      store,
      decoded: new DecodedEvents(codec),
      freshness: new Progress({ pool: live.pool, store }),
    });
    return {
      past: new Past(folded, new SnapshotReads(snapshots, live.read.heavy)),
      snapshots,
      close: () => snapshots.stop(),
    };
  }

  const ofLog = (store: MemoryEventStore): QueryDefinition[] =>
    logQueries(
      ['audit'],
      {
        store,
        codec,
        events: definitions.events,
        aggregates: aggregatesOf(definitions.commands),
        resources: definitions.resources,
      },
      queries,
    ).filter(({ name }) => !name.startsWith('Diff') && !name.endsWith('Diff'));

  it('answers the same again by what its answer rested on, whatever has happened since, after a rebuild and an erasure', async () => {
    const seen = new Map<string, number>();
    const history = fc.array(stepOrMerge, { minLength: 10, maxLength: 60 });
    const places = fc.array(fc.nat(1_000), { minLength: PARTITIONS * 2, maxLength: PARTITIONS * 2 });
    const asked = fc.tuple(
      ...[...queries, ...ofLog(await storeOf([]))].map((query) =>
        fc.array(requestsOf(query), { minLength: 3, maxLength: 3 }),
      ),
    );
    await fc.assert(
      fc.asyncProperty(history, fc.nat(1_000), places, asked, async (steps, place, apart, requests) => {
        gone.clear();
        gone.add(idOf('dia'));
        const { events } = historyOf(steps);
        const then = Math.max(1, Math.floor((place * events.length) / 1_000));
        const store = await storeOf(events.slice(0, then));
        const at = (part: number): bigint => BigInt(Math.floor((part * (then + 1)) / 1_001));
        // Partitions apart, and the aliases apart from the rest.
        const vectorOf = (from: number) => Array.from({ length: PARTITIONS }, (_, n) => at(apart[from + n]!));
        const vectors = new Map(
          projections.map(({ name }) => [name, vectorOf(name === 'aliases' ? PARTITIONS : 0)] as const),
        );
        const apartPoint = pointAt(store, BigInt(then), vectors);
        await live.fill(store, apartPoint);
        const { past, snapshots, close } = pastOf(store);
        const registry = new Map([...queries, ...ofLog(store)].map((query) => [query.name, query]));
        const tokens: { query: QueryDefinition; asked: Asked; point: Point; answer: string }[] = [];
        for (const asked of requests.flat()) {
          const query = registry.get(asked.name)!;
          // Of what is refused nothing is answered that had a token.
          let point = pointFor(query, apartPoint);
          const answer = await answered(query, asked, apartPoint, async (_query, _parameters, work) => {
            if (query.projections.length === 0) return work(undefined, false);
            const found = await live.read.inSnapshot(query.projections, true, (read) => work(read, true));
            expect(found.isIncomplete).toBe(false);
            point = pointOfAnswer(apartPoint, query, found);
            return found.answer;
          });
          tokens.push({ query, asked, point, answer });
          if (!answer.startsWith('["Error')) seen.set(query.name, (seen.get(query.name) ?? 0) + 1);
        }
        // More happens, and everything is made anew.
        await appendTo(store, events.slice(then));
        await live.fill(store, pointAt(store, BigInt(events.length)));
        const again =
          (point: Point, from = past): Reading =>
          (query, parameters, work) =>
            query.projections.length === 0
              ? work(undefined, false)
              : from.asOf({ query, parameters, point, waitMs: 20_000 }, work);
        for (const { query, asked, point, answer } of tokens) {
          const found = await answered(query, asked, point, again(point));
          expect({ asked, point, found }).toEqual({ asked, point, found: answer });
        }
        // As of a position: what a system says that was fed with the events up to it and no others.
        const uniform = pointAt(store, at(place));
        const ofFresh: Reading = async (query, _parameters, work) =>
          (await fresh.read.inSnapshot(query.projections, true, (read) => work(read, true))).answer;
        const ofReadModels = tokens.filter(({ query }) => query.projections.length > 0);
        const compare = async (from: Past): Promise<void> => {
          await fresh.fill(store, uniform);
          for (const { query, asked } of ofReadModels) {
            const found = await answered(query, asked, uniform, again(uniform, from));
            expect({ asked, found }).toEqual({ asked, found: await answered(query, asked, uniform, ofFresh) });
          }
        };
        await compare(past);
        // One of them is erased: nothing is answered any more that only its key could tell.
        gone.add(idOf('cem'));
        await snapshots.dropHolding([idOf('cem')]);
        await live.fill(store, pointAt(store, BigInt(events.length)));
        const anew = pastOf(store);
        await compare(anew.past);
        await Promise.all([close(), anew.close()]);
      }),
      { numRuns: 4, endOnFailure: true },
    );
    // A law says nothing of questions that were only ever refused.
    for (const query of queries) expect([query.name, (seen.get(query.name) ?? 0) > 1]).toEqual([query.name, true]);
  }, 240_000);
});
