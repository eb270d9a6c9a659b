import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import fc from 'fast-check';
import { z } from 'zod';
import * as contact from '#contracts/contacts/contact.events.js';
import * as service from '#contracts/service/case.events.js';
import type { QueryDefinition } from '#platform/projections/definition/query.js';
import type { JsonSchema } from '../../test/golden/sample.js';
import { askAll, createReadModelTables, type ReadModelTables } from '../../test/support/read-model-tables.js';
import { idOf } from '#test/fixtures/read-models.fixture.js';
import { CustomerHistory, caseAbout } from '#test/fixtures/customer-history.fixture.js';
import { projections, queries } from './index.js';
import { bounds } from './customers/own-page.js';

const [dee, ben, cem] = ['dee', 'ben', 'cem'].map(idOf) as [string, string, string];
const lists = queries.filter(({ paged }) => paged);

/** Dee has things that nobody else has: whatever a list can be filtered by finds her, or something of hers. */
function past(): CustomerHistory {
  const of = new CustomerHistory();
  of.onContact(
    'dee',
    '2025-12-01',
    contact.contactRegistered({
      kind: 'organisation',
      status: 'identified',
      stage: 'prospect',
      name: { full: 'dee' },
      tags: ['wholesale', 'trade-fair'],
      owner: 'lena',
    }),
  );
  of.sell('D-1', dee, '2026-01-03', '70', 'EUR');
  const order = of.sell('D-2', dee, '2026-01-04', '71');
  of.sell('B-1', ben, '2026-01-05', '5');
  of.refund('D-3', dee, '2026-01-06', '7', order);
  of.openCase('lost', dee);
  const at = { aggregate: 'case', aggregateId: idOf('lost'), subject: dee, on: '2026-01-06T09:00:00Z' };
  const about = { ...caseAbout(dee), number: 'D-4', assignee: 'omid', status: 'assigned' } as const;
  of.add(at, service.caseAssigned(about));
  return of;
}

const statusOf = (name: string) => (name === 'dee' ? 'identified' : 'active');

// Its figures are reckoned over all that a customer bought, and so are others after a merge: the law of what is shown
// holds for them.
const RECKONED = ['RfmCustomers'];

/** All texts in the events, which are what a filter can ask for. */
const words = (value: unknown): string[] =>
  typeof value === 'string' ? [value] : typeof value === 'object' && value ? Object.values(value).flatMap(words) : [];

/** The values that are tried of a parameter: those that it names, else all that stand in the events. */
function valuesOf(schema: JsonSchema, of: CustomerHistory): string[] {
  if (schema['enum']) return schema['enum'];
  if (schema['type'] === 'integer' || schema['type'] === 'number') return ['1', '2', '3', '4', '5'];
  const events = of.events.flatMap(({ type, occurredAt, data }) => [type, occurredAt.toISOString(), ...words(data)]);
  const formed = schema['pattern'] || schema['format'] || schema['$ref'];
  // What has no form of its own is asked for by words, and not by ids and times.
  return [
    ...new Set(['true', 'false', dee, ben, '2026-01-01', '2027-01-01', '2027-01-01T00:00:00Z', ...events]),
  ].filter((text) => formed || !/^[\d-]{8}|\./.test(text));
}

const parametersOf = (list: QueryDefinition): [string, JsonSchema][] =>
  Object.entries<JsonSchema>((z.toJSONSchema(list.parameters, { io: 'input' }) as JsonSchema)['properties']).filter(
    ([name]) => name !== 'limit' && name !== 'id',
  );

/** What an item of a list is the item of. */
const keyOf = (item: any): string =>
  String(item.id ?? item.customer ?? (item.day && `${item.day} ${item.currency}`) ?? item.position);

// Each asks every list for everything, some hundred times.
jest.setTimeout(120_000);

let read: ReadModelTables;
const usual = { ...bounds };
afterEach(() => void Object.assign(bounds, usual));

beforeAll(async () => {
  read = await createReadModelTables(projections);
});
afterAll(() => read.drop());

/** What a list answers to one parameter, of one customer where its path names one; undefined: the value is refused. */
async function answer(list: QueryDefinition, id: string, name: string, value: string): Promise<any[] | undefined> {
  const { shape } = list.parameters;
  const given: Record<string, string> = {
    ...('id' in shape && { id }),
    ...('currency' in shape && !shape['currency'].safeParse(undefined).success && { currency: 'GBP' }),
    [name]: value,
  };
  if (!list.parameters.safeParse(given).success) return undefined;
  return askAll(list, read, given).catch((error) => {
    if (error.kind === 'invalid-input' || error.kind === 'not-found') return undefined;
    throw error;
  });
}

async function everything(of: CustomerHistory, id: string, values: CustomerHistory = of): Promise<Map<string, any[]>> {
  await read.fold(of.events);
  const found = new Map<string, any[]>();
  for (const list of lists.filter(({ name }) => !RECKONED.includes(name))) {
    for (const [name, schema] of parametersOf(list)) {
      for (const value of valuesOf(schema, values)) {
        const items = await answer(list, id, name, value);
        if (items) found.set(JSON.stringify([list.name, name, value]), items);
      }
    }
  }
  return found;
}

describe('every filter of every list', () => {
  it('has something to find', async () => {
    const found = await everything(past(), dee);
    for (const list of lists.filter(({ name }) => !RECKONED.includes(name))) {
      for (const [name] of parametersOf(list)) {
        const some = [...found].some(([key, items]) => key.startsWith(`["${list.name}","${name}"`) && items.length > 0);
        // A new filter that nothing in these events meets: give Dee something that it finds.
        expect([list.name, name, some]).toEqual([list.name, name, true]);
      }
    }
  });

  it.each([
    ['a merge', [['dee', 'ben']], ben],
    [
      'a merge of a merge',
      [
        ['dee', 'ben'],
        ['ben', 'cem'],
      ],
      cem,
    ],
    [
      'merges in the other order',
      [
        ['ben', 'cem'],
        ['dee', 'ben'],
      ],
      cem,
    ],
  ])('finds the survivor of %s by what came with the other, and all as before when it is undone', async (...row) => {
    const [, merges, survivor] = row as [string, [string, string][], string];
    const before = await everything(past(), dee);
    const merged = past();
    for (const [from, into] of merges) merged.merge(from, into, statusOf(from));
    const after = await everything(merged, survivor, past());
    for (const [key, items] of before) {
      const [list, , value] = JSON.parse(key);
      const found = new Set(after.get(key)?.map(keyOf));
      const gone = new Set(merges.map(([from]) => idOf(from)));
      const wanted = items.map(keyOf).map((id) => (gone.has(id) ? survivor : id));
      expect([key, wanted.filter((id) => !found.has(id))]).toEqual([key, []]);
      // Nobody is shown twice: who was merged is no customer any more.
      if (list === 'Customers' && value !== 'merged') expect([...gone].filter((id) => found.has(id))).toEqual([]);
    }
    for (const [from, into] of merges.toReversed()) {
      merged.unmerge(from, into, statusOf(from));
    }
    const undone = await everything(merged, dee, past());
    const plain = (items: any[] | undefined) =>
      items
        ?.filter(({ type }) => !/\.(un)?merged$/.test(type))
        .map(({ lastEventAt: _at, ...item }) => item)
        // By the latest event, the order is another now.
        .toSorted((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
    for (const [key, items] of before) {
      if (JSON.parse(key)[0] === 'CustomerTimeline' && JSON.parse(key)[1] !== 'type') continue;
      expect([key, plain(undone.get(key))]).toEqual([key, plain(items)]);
    }
  });

  it('finds what the list shows, of the customer and of the contacts merged into it, and finds no other', async () => {
    const merged = past();
    merged.merge('dee', 'ben', 'identified');
    await read.fold(merged.events);
    let tried = 0;
    for (const list of lists) {
      const all = (await answer(list, ben, 'limit', '100'))!;
      for (const [name] of parametersOf(list)) {
        const shown = (item: any): string[] =>
          [item, ...(item.mergedFrom ?? [])]
            .flatMap((each) => each[name] ?? each[`${name}s`] ?? [])
            .filter((value) => typeof value !== 'object')
            .map(String);
        for (const value of new Set(all.flatMap(shown))) {
          const found = await answer(list, ben, name, value);
          // Asked for by its beginning, and by whose it is now: other things than what an item shows under the name.
          if (found === undefined || name === 'type' || name === 'contact') continue;
          const wanted = all.filter((item) => shown(item).includes(value));
          expect([list.name, name, value, found.map(keyOf).toSorted()]).toEqual([
            list.name,
            name,
            value,
            wanted.map(keyOf).toSorted(),
          ]);
          tried++;
        }
      }
    }
    expect(tried).toBeGreaterThan(30);
  });

  it('shows what each merged contact brought along, and merged contacts by themselves when asked for', async () => {
    const merged = past();
    merged.merge('dee', 'ben', 'identified');
    await read.fold(merged.events);
    const customers = lists.find(({ name }) => name === 'Customers')!;
    const [found, ...others] = await askAll(customers, read, { tag: 'trade-fair', owner: 'lena' });
    expect(others).toEqual([]);
    expect(found).toMatchObject({
      id: ben,
      status: 'active',
      mergedFrom: [{ id: dee, status: 'identified', tags: ['wholesale', 'trade-fair'], owner: 'lena' }],
    });
    // One filter is met by the one contact, the other by the other.
    expect((await askAll(customers, read, { tag: 'trade', owner: 'lena' })).map(({ id }) => id)).toEqual([ben]);
    expect((await askAll(customers, read, { tag: 'vip', owner: 'lena' })).map(({ id }) => id)).toEqual([]);
    expect(await askAll(customers, read, { status: 'merged', tag: 'wholesale' })).toMatchObject([
      { id: dee, status: 'merged', mergedFrom: [] },
    ]);
    expect(await askAll(customers, read, { status: 'merged', tag: 'trade' })).toEqual([]);
  });

  it.each([
    ['few', {}],
    ['some', { lookedUp: 0 }],
    ['many', { few: 1, lookedUp: 0, many: 1 }],
  ])('walks by pages through exactly those who have it, in every order, where %s are merged', async (_size, given) => {
    Object.assign(bounds, given);
    const names = Array.from({ length: 9 }, (_, n) => `c${n}`);
    const tagged = fc.record({
      kind: fc.constantFrom('person' as const, 'organisation' as const),
      tag: fc.constantFrom('a', 'b'),
      owner: fc.option(fc.constantFrom('x', 'y')),
    });
    const who = fc.constantFrom(...names);
    const model = fc.record({
      people: fc.array(tagged, { minLength: names.length, maxLength: names.length }),
      merges: fc.array(fc.tuple(who, who, fc.boolean()), { maxLength: 14 }),
    });
    const customers = lists.find(({ name }) => name === 'Customers')!;
    await fc.assert(
      fc.asyncProperty(model, async ({ people, merges }) => {
        const of = new CustomerHistory();
        for (const [n, { kind, tag, owner }] of people.entries()) {
          const about = { kind, status: 'active', stage: 'customer' } as const;
          of.onContact(
            names[n]!,
            `2026-01-0${(n % 3) + 2}`,
            contact.contactRegistered({ ...about, name: { full: names[n]! }, tags: [tag], owner: owner ?? undefined }),
          );
        }
        // Into whom each was merged; some merges are undone.
        const into = new Map<string, string>();
        const root = (name: string): string => (into.has(name) ? root(into.get(name)!) : name);
        for (const [from, to, undo] of merges) {
          if (undo && into.has(from)) {
            of.unmerge(from, into.get(from)!);
            into.delete(from);
          } else if (!into.has(from) && !into.has(to) && from !== to) {
            of.merge(from, to);
            into.set(from, to);
          }
        }
        await read.fold(of.events);
        for (const filters of [{ tag: 'a' }, { owner: 'x' }, { kind: 'organisation' }, { tag: 'b', owner: 'y' }]) {
          const has = (filter: 'tag' | 'owner' | 'kind', value: string) =>
            new Set(names.filter((_, n) => people[n]![filter] === value).map(root));
          const sets = Object.entries(filters).map(([filter, value]) => has(filter as 'tag' | 'owner' | 'kind', value));
          const wanted = names.filter((name) => sets.every((set) => set.has(name)));
          for (const sort of ['id', 'name', 'recency']) {
            const all = await askAll(customers, read, { ...filters, sort, limit: '1000' });
            expect(all.map(({ name }) => name).toSorted()).toEqual(wanted);
            const order = sort === 'recency' ? ({ lastEventAt }: any) => lastEventAt : (item: any) => item[sort];
            const keys = all.map(order);
            expect(keys).toEqual(sort === 'recency' ? keys.toSorted().toReversed() : keys.toSorted());
            for (const limit of ['1', '2']) {
              expect(await askAll(customers, read, { ...filters, sort, limit })).toEqual(all);
            }
          }
        }
      }),
      { numRuns: 12 },
    );
  });
});
