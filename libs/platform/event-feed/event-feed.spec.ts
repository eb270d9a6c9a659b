import { describe, expect, it, jest } from '@jest/globals';
import fc from 'fast-check';
import { MemoryEventStore } from '#platform/event-store/memory/memory-event-store.adapter.js';
import { isOfTypes, type EventTypes } from '#platform/event-store/event-store.js';
import { InvalidInput, Overloaded, PositionLost } from '#platform/kernel/errors.js';
import { derivedId, newId } from '#platform/kernel/ids.js';
import { anEvent } from '#test/conformance/event-store/event-store.conformance.js';
import { EventFeed, type EventFeedOptions, type FeedPage, type FeedQuestion } from './event-feed.js';
import type { FeedEvent } from './feed-event.js';
import { placeOf, placeText } from './place.js';

const TYPES = ['crm.a.one', 'crm.a.two', 'crm.b.one', 'crm.b.one-more'];
const CUSTOMERS = ['ann', 'bob', 'cat'].map((name) => derivedId(name));
const never = new AbortController().signal;

/** Counts what is asked of the log. */
class WatchedStore extends MemoryEventStore {
  asked = 0;
  override head() {
    this.asked++;
    return super.head();
  }
  override readAll(...given: Parameters<MemoryEventStore['readAll']>) {
    this.asked++;
    return super.readAll(...given);
  }
}

const setUp = (options: EventFeedOptions = {}) => {
  const store = new WatchedStore();
  const feed = new EventFeed(store, options);
  const happen = async (type = TYPES[0]!, subject = CUSTOMERS[0]!, data = '{}') => {
    const stream = { aggregate: 'thing', aggregateId: newId() };
    await store.append([
      { commandId: newId(), fingerprint: null, events: [anEvent(stream, 0, { type, subject, data })] },
    ]);
  };
  const ask = (more: Partial<FeedQuestion> = {}): FeedQuestion => ({
    place: { position: 0n },
    limit: 100,
    bytes: 1_000_000,
    ...more,
  });
  return { store, feed, happen, ask };
};
const next = ({ identity, through }: FeedPage) => placeOf(placeText(identity, through))!;
const positionsOf = (events: readonly FeedEvent[]): bigint[] => events.map(({ position }) => position);

describe('the log by position', () => {
  it('is whole, in order and without doubles, whatever is asked for in pages of whatever size', async () => {
    const happenings = fc.array(fc.tuple(fc.constantFrom(...TYPES), fc.constantFrom(...CUSTOMERS)), { maxLength: 40 });
    const question = fc.record({
      types: fc.option(
        fc.record({
          names: fc.subarray(TYPES),
          beginnings: fc.subarray(['crm.a.', 'crm.b.', 'crm.']),
        }) as fc.Arbitrary<EventTypes>,
        { nil: undefined },
      ),
      subject: fc.option(fc.constantFrom(...CUSTOMERS), { nil: undefined }),
      limit: fc.integer({ min: 1, max: 7 }),
      bytes: fc.constantFrom(1, 10, 1_000_000),
    });
    await fc.assert(
      // Between the parts the log is forked: its positions have holes then.
      fc.asyncProperty(
        fc.array(happenings, { minLength: 1, maxLength: 3 }),
        question,
        fc.integer({ min: 1, max: 9 }),
        async (parts, asked, look) => {
          const { store, feed, happen } = setUp({ look });
          for (const [at, part] of parts.entries()) {
            if (at > 0) store.failOver((await store.head()).position);
            for (const [type, subject] of part) await happen(type, subject);
          }
          const { position: head } = await store.head();
          const seen: bigint[] = [];
          let place: FeedQuestion['place'] = { position: 0n };
          for (let [more, pages] = [true, 0]; more; pages++) {
            expect(pages).toBeLessThan(200);
            const page = await feed.page({ place, ...asked });
            expect(page.after).toBe(place.position);
            more = page.through < page.head;
            if (more) expect(page.through).toBeGreaterThan(page.after);
            for (const { position } of page.events)
              expect(position > page.after && position <= page.through).toBe(true);
            seen.push(...positionsOf(page.events));
            place = next(page);
          }
          expect(place.position).toBe(head);
          const all = await store.readAll({ after: 0n, limit: 1_000 });
          const { types, subject } = asked;
          const wanted = all.filter(
            (event) => (!types || isOfTypes(types, event.type)) && (subject ?? event.subject) === event.subject,
          );
          expect(seen).toEqual(wanted.map(({ position }) => position));
        },
      ),
    );
  });

  it('looks at so many events and no more for one page, and says how far it came', async () => {
    const { feed, happen, ask } = setUp({ look: 10 });
    for (let i = 0; i < 35; i++) await happen(i === 33 ? 'crm.b.one' : 'crm.a.one');
    const types = { names: ['crm.b.one'], beginnings: [] };
    const pages: [bigint, number][] = [];
    for (let page = await feed.page(ask({ types })); ; page = await feed.page(ask({ types, place: next(page) }))) {
      pages.push([page.through, page.events.length]);
      if (page.through >= page.head) break;
    }
    expect(pages).toEqual([
      [10n, 0],
      [20n, 0],
      [30n, 0],
      [35n, 1],
    ]);
  });

  it('gives the event as it is published, the personal fields beside the others byte for byte', async () => {
    const { store, feed, ask } = setUp();
    const event = anEvent({ aggregate: 'order', aggregateId: newId() }, 0, {
      type: 'crm.sales.order.placed',
      data: '{"total":1.50,  "note":"سلام"}',
      personalData: '{"sealed":0,"parts":{"profile":{"name": "یاد"}}}',
      meta: { actor: 'a 50 %\tb', correlationId: 'c' },
    });
    const bare = { ...event, id: newId(), revision: 1, data: '{ }', meta: { actor: 'b' } };
    await store.append([{ commandId: newId(), fingerprint: null, events: [event, bare] }]);
    const { events, identity } = await feed.page(ask());
    expect(events[0]!.text).toContain(
      ',"data":{"total":1.50,  "note":"سلام","personalData":{"sealed":0,"parts":{"profile":{"name": "یاد"}}}}}',
    );
    expect(JSON.parse(events[1]!.text).data).toEqual({ personalData: JSON.parse(event.personalData!) });
    const [{ recordedAt, commandId }] = (await store.readAll({ after: 0n, limit: 1 })) as [any];
    expect(JSON.parse(events[0]!.text)).toEqual({
      specversion: '1.0',
      id: event.id,
      source: `urn:uuid:${identity.id}`,
      type: event.type,
      subject: event.subject,
      time: event.occurredAt.toISOString(),
      datacontenttype: 'application/json',
      dataschema: 'urn:yad:schema:crm.sales.order.placed:1',
      recordedtime: recordedAt.toISOString(),
      correlationid: 'c',
      yadversion: '1',
      yadposition: '1',
      yadaggregate: 'order',
      yadaggregateid: event.aggregateId,
      yadrevision: '0',
      yadcommandid: commandId,
      yadordinal: '0',
      yadincarnation: '1',
      yadactor: 'a 50 %25%09b',
      data: expect.anything(),
    });
  });
});

describe('who waits at the end of the log', () => {
  it('is told as soon as something of what was asked for happens, and of how far was looked at else', async () => {
    const { feed, happen, ask } = setUp();
    await happen();
    const types = { names: ['crm.b.one'], beginnings: [] };
    const waiting = feed.awaited(ask({ types }), 5_000, never);
    await happen('crm.a.one');
    await happen('crm.b.one');
    const { after, through, events } = await waiting;
    expect([after, through, positionsOf(events)]).toEqual([0n, 3n, [3n]]);
    const nothing = feed.awaited(ask({ types, place: { position: 3n } }), 60, never);
    await happen('crm.a.one');
    expect(await nothing).toMatchObject({ after: 3n, through: 4n, head: 4n, events: [] });
  });

  it('sleeps through what it does not want, and need not look there again, however much that was', async () => {
    const { store, feed, happen, ask } = setUp({ mostEvents: 3 });
    await happen();
    const types = { names: ['crm.b.one'], beginnings: [] };
    const rare = ask({ types, place: { position: 1n } });
    const [timed, told] = [feed.awaited(rare, 150, never), feed.awaited(rare, 5_000, never)];
    await new Promise((resolve) => setTimeout(resolve, 20));
    const readTypes = jest.spyOn(store, 'readTypes');
    for (let i = 0; i < 30; i++) await happen('crm.a.one');
    expect(await timed).toMatchObject({ after: 1n, through: 31n, head: 31n, events: [] });
    await happen('crm.b.one');
    const page = await told;
    expect([page.after, page.through, positionsOf(page.events)]).toEqual([1n, 32n, [32n]]);
    expect(readTypes).not.toHaveBeenCalled();
    feed.close();
  });

  it('costs the log what one costs, if it were a thousand', async () => {
    const { store, feed, happen, ask } = setUp();
    await happen();
    const wait = () => feed.awaited(ask({ place: { position: 1n } }), 5_000, never);
    await feed.awaited(ask(), 1, never);
    const before = store.asked;
    const waiting = Promise.all(Array.from({ length: 1_000 }, wait));
    await happen();
    const pages = await waiting;
    expect(pages.every(({ through, events }) => through === 2n && events.length === 1)).toBe(true);
    // Written once for all of them.
    expect(new Set(pages.map(({ events }) => events[0])).size).toBe(1);
    expect(store.asked - before).toBeLessThan(10);
    feed.close();
  });

  it('misses nothing and gets nothing twice, however little of the end is kept, from wherever it follows', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.record({ mostEvents: fc.integer({ min: 1, max: 5 }), mostCharacters: fc.integer({ min: 1, max: 200 }) }),
        fc.integer({ min: 0, max: 5 }),
        fc.integer({ min: 1, max: 4 }),
        async (kept, start, limit) => {
          const { feed, happen, ask } = setUp(kept);
          for (let i = 0; i < 5; i++) await happen();
          const stop = new AbortController();
          const seen: bigint[] = [];
          const following = (async () => {
            for await (const page of feed.follow(ask({ place: { position: BigInt(start) }, limit }), stop.signal)) {
              seen.push(...positionsOf(page.events));
              if (page.through === 30n) stop.abort();
            }
          })();
          for (let i = 5; i < 30; i++) {
            await happen(undefined, undefined, JSON.stringify('x'.repeat(i)));
            if (i % 3 === 0) await new Promise((resolve) => setImmediate(resolve));
          }
          await following;
          expect(seen).toEqual(Array.from({ length: 30 - start }, (_, i) => BigInt(start + i + 1)));
          feed.close();
        },
      ),
      { numRuns: 40 },
    );
  });

  it('is let go when the feed closes or nobody listens any more, and nothing is read on for nobody', async () => {
    const { store, feed, happen, ask } = setUp({ idleMs: 20 });
    await happen();
    const gone = new AbortController();
    const left = feed.awaited(ask({ place: { position: 1n } }), 5_000, gone.signal);
    gone.abort();
    expect(await left).toMatchObject({ through: 1n, events: [] });
    await new Promise((resolve) => setTimeout(resolve, 60));
    const { asked } = store;
    await happen();
    expect(store.asked).toBe(asked);
    const followed: FeedPage[] = [];
    const following = (async () => {
      for await (const page of feed.follow(ask(), never)) followed.push(page);
    })();
    const waiting = feed.awaited(ask({ place: { position: 2n } }), 5_000, never);
    await new Promise((resolve) => setTimeout(resolve, 20));
    feed.close();
    await following;
    expect(await waiting).toMatchObject({ through: 2n, events: [] });
    expect(followed.flatMap(({ events }) => events)).toHaveLength(2);
  });

  it('is refused where too many wait or follow, and taken again when they have gone', async () => {
    const { feed, happen, ask } = setUp({ mostWaiting: 1, mostFollowing: 1 });
    const gone = new AbortController();
    const waiting = feed.awaited(ask(), 5_000, gone.signal);
    await expect(feed.awaited(ask(), 5_000, never)).rejects.toThrow(Overloaded);
    const first = feed.follow(ask(), gone.signal);
    await first.next();
    await expect(feed.follow(ask(), never).next()).rejects.toThrow(Overloaded);
    gone.abort();
    await Promise.all([waiting, first.return(undefined)]);
    await happen();
    expect((await feed.awaited(ask(), 5_000, never)).events).toHaveLength(1);
    expect((await feed.follow(ask(), never).next()).value).toMatchObject({ through: 1n });
    feed.close();
  });
});

describe('a place that is not in the log', () => {
  const lost = async (asking: Promise<unknown>) => {
    const error = await asking.then(
      () => undefined,
      (reason: unknown) => reason,
    );
    if (!(error instanceof PositionLost)) throw new Error(`not lost: ${String(error)}`);
    return error.goOnAfter;
  };

  it('is told with where to go on: after a fork, above the head, in a hole, of another log', async () => {
    const { store, feed, happen, ask } = setUp();
    for (let i = 0; i < 9; i++) await happen();
    const at = (position: bigint, more = {}) => feed.page(ask({ place: { position, ...more } }));
    expect(await lost(at(10n))).toBe(9n);
    store.failOver(5n);
    expect(await lost(at(9n))).toBe(5n);
    expect((await at(5n)).events).toEqual([]);
    await happen();
    const { beginsAt, number } = store.identity.current;
    expect(positionsOf((await at(5n)).events)).toEqual([beginsAt]);
    expect(await lost(at(9n))).toBe(5n);
    expect(await lost(at(1_000n))).toBe(5n);
    expect(await lost(at(beginsAt + 1n))).toBe(beginsAt);
    expect(await lost(at(3n, { incarnation: 1, log: newId() }))).toBe(0n);
    // As `next` has it: what was read in this incarnation is there, whatever its position says by itself.
    expect(positionsOf((await at(3n, { incarnation: number, log: store.identity.id })).events)).toHaveLength(3);
    await expect(at(3n, { incarnation: number + 1 })).rejects.toThrow(InvalidInput);
  });

  it('is told to those who wait and follow when the fork comes', async () => {
    const { store, feed, happen, ask } = setUp();
    for (let i = 0; i < 9; i++) await happen();
    const following = feed.follow(ask(), never);
    await following.next();
    const further = lost(following.next());
    const waiting = lost(feed.awaited(ask({ place: { position: 9n } }), 5_000, never));
    const kept = feed.awaited(ask({ place: { position: 4n } }), 5_000, never);
    expect(positionsOf((await kept).events)).toHaveLength(5);
    await new Promise((resolve) => setTimeout(resolve, 10));
    store.failOver(5n);
    expect(await Promise.all([further, waiting])).toEqual([5n, 5n]);
    const again = feed.awaited(ask({ place: { position: 5n } }), 5_000, never);
    await happen();
    expect(positionsOf((await again).events)).toEqual([store.identity.current.beginsAt]);
    feed.close();
  });
});
