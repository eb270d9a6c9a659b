import { beforeAll, describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { aggregate } from '#platform/kernel/aggregate.js';
import { TestClock } from '#platform/kernel/clock.js';
import { InvalidInput, NotFound } from '#platform/kernel/errors.js';
import { plaintext } from '#test/fixtures/stored-form.fixture.js';
import { defineEvent, open, personal } from '#platform/kernel/event-contract.js';
import { newId } from '#platform/kernel/ids.js';
import { MemoryEventStore } from '#platform/event-store/memory/memory-event-store.adapter.js';
import type { LogQueryContext } from '#platform/projections/definition/query.js';
import { auditQueries } from './audit.queries.js';

const counted = defineEvent({
  type: 't.counter.counted',
  version: 2,
  fields: { by: open(z.number()), who: personal(z.string().optional()) },
  earlier: { 1: { fields: { n: open(z.number()) }, upcast: ({ n }) => ({ by: n }) } },
});
const Counter = aggregate<{ total: number }>()({
  name: 'counter',
  initial: { total: 0 },
  events: { counted },
  evolve: { counted: ({ total }, { by }) => ({ total: total + by }) },
});

describe("the auditors' API", () => {
  const clock = new TestClock();
  const store = new MemoryEventStore(clock);
  const codec = plaintext([counted]);
  const queries = auditQueries({ store, codec, events: [counted], aggregates: [Counter] });
  const ask = async (name: string, parameters: object, context: Partial<LogQueryContext> = {}): Promise<any> => {
    const definition = queries.find((each) => each.name === name)!;
    const answer = await definition.run(definition.parameters.parse(parameters), { now: clock.now(), ...context });
    for (const item of definition.paged ? (answer as any).items : [answer]) definition.answer.parse(item);
    return answer;
  };
  const [ada, eve] = [newId(), newId()];
  const stream = { aggregate: 'counter', id: ada };

  beforeAll(async () => {
    for (let revision = 0; revision < 5; revision++) {
      for (const id of [ada, eve]) {
        clock.set(`2026-03-0${revision + 1}T00:00:00Z`);
        const first = revision === 0;
        const data = first ? '{"n":1}' : `{"by":${revision}}`;
        const event = {
          id: newId(),
          aggregate: 'counter',
          aggregateId: id,
          revision,
          type: counted.type,
          schemaVersion: first ? 1 : 2,
          occurredAt: new Date('2025-01-01T00:00:00Z'),
          subject: id,
          data,
          personalData: `{"sealed":0,"parts":{${first ? '' : '"profile":{"who":"Ada"},'}"reason":{"reason":"r"}}}`,
          meta: { actor: 'a' },
        };
        await store.append([{ commandId: newId(), fingerprint: null, events: [event] }]);
      }
    }
  });

  it('lists the events of a stream in pages, upcast, personal fields in place', async () => {
    const first = await ask('EventsOfStream', { ...stream, limit: '3' });
    expect(first.items.map(({ data }: any) => data)).toEqual([{ by: 1 }, { by: 1, who: 'Ada' }, { by: 2, who: 'Ada' }]);
    expect(first.items[1]).toMatchObject({
      position: '3',
      actor: 'a',
      reason: 'r',
      recordedAt: '2026-03-02T00:00:00.000Z',
    });
    const second = await ask('EventsOfStream', { ...stream, limit: '3' }, { after: first.next });
    expect(second.items.map(({ revision }: any) => revision)).toEqual([3, 4]);
    expect(second.next).toBeUndefined();
    await expect(ask('EventsOfStream', { aggregate: 'counter', id: newId() })).rejects.toThrow(NotFound);
  });

  it('shows an event that only a newer version of the software knows, by its envelope and as it is stored', async () => {
    const later = new MemoryEventStore(clock);
    const append = (type: string, schemaVersion: number, revision: number) =>
      later.append([
        {
          commandId: newId(),
          fingerprint: null,
          events: [
            {
              ...{ id: newId(), aggregate: 'counter', aggregateId: ada, revision, type, schemaVersion, subject: ada },
              occurredAt: new Date('2025-01-01T00:00:00Z'),
              ...{ data: '{"by":7}', personalData: null, meta: { actor: 'a' } },
            },
          ],
        },
      ]);
    await append('t.counter.reset', 1, 0);
    await append(counted.type, 3, 1);
    await append(counted.type, 2, 2);
    const of = auditQueries({ store: later, codec, events: [counted], aggregates: [Counter] });
    const definition = of.find(({ name }) => name === 'EventsOfCustomer')!;
    const { items } = (await definition.run(definition.parameters.parse({ id: ada }), { now: clock.now() })) as any;
    expect(items.map(({ type, schemaVersion, known, data }: any) => [type, schemaVersion, known, data])).toEqual([
      ['t.counter.reset', 1, false, { by: 7 }],
      [counted.type, 3, false, { by: 7 }],
      [counted.type, 2, true, { by: 7 }],
    ]);
    for (const item of items) definition.answer.parse(item);
    // Typed: what is known has the data of its type.
    expect(definition.answer.safeParse({ ...items[2], data: { by: 'seven' } }).success).toBe(false);
  });

  it('lists the events of a customer and of a span of time', async () => {
    const { items } = await ask('EventsOfCustomer', { id: eve });
    expect(items.map(({ position }: any) => position)).toEqual(['2', '4', '6', '8', '10']);
    const span = { from: '2026-03-02T00:00:00Z', to: '2026-03-04T00:00:00Z', limit: 3 };
    const page = await ask('EventsOfSpan', span);
    expect(page.items.map(({ position }: any) => position)).toEqual(['3', '4', '5']);
    const rest = await ask('EventsOfSpan', span, { after: page.next });
    expect(rest.items.map(({ position }: any) => position)).toEqual(['6']);
    expect(await ask('EventAtPosition', { position: '4' })).toMatchObject({ subject: eve, revision: 1 });
    await expect(ask('EventAtPosition', { position: '44' })).rejects.toThrow(NotFound);
  });

  it('ends a page before its events are too many bytes, and goes on at the next', async () => {
    const big = new MemoryEventStore(clock);
    const of = auditQueries({ store: big, codec, events: [counted], aggregates: [Counter] });
    const who = 'x'.repeat(900_000);
    for (let revision = 0; revision < 5; revision++) {
      const event = {
        ...{
          id: newId(),
          aggregate: 'counter',
          aggregateId: ada,
          revision,
          type: counted.type,
          schemaVersion: 2,
          occurredAt: new Date(),
          subject: ada,
        },
        ...{
          data: `{"by":${revision}}`,
          personalData: JSON.stringify({ sealed: 0, parts: { profile: { who } } }),
          meta: { actor: 'a' },
        },
      };
      await big.append([{ commandId: newId(), fingerprint: null, events: [event] }]);
    }
    const asked = { EventsOfStream: stream, EventsOfCustomer: { id: ada }, EventsOfSpan: {} };
    for (const [name, parameters] of Object.entries(asked)) {
      const definition = of.find((each) => each.name === name)!;
      const pages: number[][] = [];
      let after: any;
      do {
        const page: any = await definition.run(definition.parameters.parse(parameters), { after, now: clock.now() });
        pages.push(page.items.map(({ revision }: any) => revision));
        after = page.next;
      } while (after);
      expect({ name, pages }).toEqual({ name, pages: [[0, 1], [2, 3], [4]] });
    }
    // Folded page by page, as no page holds them all.
    const state = of.find(({ name }) => name === 'StateAsOf')!;
    expect(await state.run(stream, { now: new Date() })).toMatchObject({
      revision: 4,
      state: { total: 10 },
    });
  });

  it.each([
    [{}, 4, 11],
    [{ revision: 2 }, 2, 4],
    [{ position: '6' }, 2, 4],
    [{ at: '2026-03-02T12:00:00Z' }, 1, 2],
    [{ at: '2026-03-03T00:00:00Z' }, 2, 4],
  ])('shows an aggregate as of %j', async (bound, revision, total) => {
    expect(await ask('StateAsOf', { ...stream, ...bound })).toMatchObject({ revision, state: { total } });
  });

  it('says that it does not know what lies beyond the last, instead of answering with the last', async () => {
    const nothing = (name: string, parameters: object) => expect(ask(name, parameters)).rejects;
    await nothing('StateAsOf', { ...stream, revision: 5 }).toThrow(`counter-${ada} has no revision 5: its last is 4`);
    await nothing('StateAsOf', { ...stream, position: '11' }).toThrow('there is no position 11: the last is 10');
    await nothing('StateAsOf', { ...stream, at: '2026-03-05T00:00:00.001Z' }).toMatchObject({
      issues: [{ pointer: '/at', message: 'is ahead of the clock: it is 2026-03-05T00:00:00.000Z' }],
    });
    // The newest of all is no stream's own: the position is known, and the stream as it was by then.
    expect(await ask('StateAsOf', { ...stream, position: '10' })).toMatchObject({ revision: 4, position: '9' });
    await nothing('EventsOfCustomer', { id: newId() }).toThrow(NotFound);
    const span = { from: '2026-03-04T00:00:00Z', to: '2026-03-02T00:00:00Z' };
    await nothing('EventsOfSpan', span).toMatchObject({ issues: [{ pointer: '/to', message: 'is before from' }] });
  });

  it('says when there was nothing, and when too much is asked', async () => {
    await expect(ask('StateAsOf', { ...stream, at: '2026-01-01T00:00:00Z' })).rejects.toThrow(NotFound);
    await expect(ask('StateAsOf', { aggregate: 'case', id: newId() })).rejects.toThrow(NotFound);
    await expect(ask('StateAsOf', { ...stream, revision: 1, position: '1' })).rejects.toThrow(InvalidInput);
  });
});
