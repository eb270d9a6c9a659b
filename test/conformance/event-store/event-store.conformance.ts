import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { TestClock } from '#platform/kernel/clock.js';
import { streamName, type EventToAppend, type StoredEvent, type StreamId } from '#platform/kernel/envelope.js';
import { derivedId, fingerprint, newId } from '#platform/kernel/ids.js';
import type { AppendRequest, EventPage, EventStore, StreamRevision } from '#platform/event-store/event-store.js';

/** Whom a stream of these specs is about. */
export const subjectOf = (stream: StreamId): string => derivedId(streamName(stream));

/** An event as a command would place it. */
export const anEvent = (
  { aggregate, aggregateId }: StreamId,
  revision: number,
  more: Partial<EventToAppend> = {},
): EventToAppend => ({
  id: newId(),
  aggregate,
  aggregateId,
  revision,
  type: 'test.thing.happened',
  schemaVersion: 1,
  occurredAt: new Date('2026-01-15T12:00:00Z'),
  subject: subjectOf({ aggregate, aggregateId }),
  data: JSON.stringify({ revision, text: 'سلام "world" \u0000 \u2028' }),
  personalData: null,
  meta: { actor: 'spec' },
  ...more,
});

/** A command's append of `count` events to one stream from a revision on. */
export const aRequest = (stream: StreamId, from = 0, count = 1, commandId = newId()): AppendRequest => ({
  commandId,
  fingerprint: fingerprint(commandId),
  events: Array.from({ length: count }, (_, i) => anEvent(stream, from + i)),
});

const newStream = (): StreamId => ({ aggregate: 'thing', aggregateId: newId() });
/** The stream of a thing that is known by a word. */
export const thing = (word: string): StreamId => ({ aggregate: 'thing', aggregateId: derivedId(word) });

/** What engines promise differently. Whatever is not named here, all promise alike. */
export interface Capabilities {
  /** Dense: the positions of two events that follow each other are one apart, within an incarnation. */
  readonly positions: 'dense' | 'sparse';
  /** Given: events are recorded at the time of the clock that `open` is given; server: at the server's own. */
  readonly times: 'given' | 'server';
  /** Which types events may have: those of contracts have letters, digits, dots and dashes. */
  readonly eventTypes: RegExp;
}

export const ALL_CAPABILITIES: Capabilities = { positions: 'dense', times: 'given', eventTypes: /./ };

/** What every adapter of the event store promises. `open` gives an empty store, whose clock is the one given. */
export function eventStoreConformance(
  name: string,
  open: (clock: TestClock) => Promise<EventStore>,
  { positions, times, eventTypes }: Capabilities = ALL_CAPABILITIES,
): void {
  describe(`event store: ${name} (positions ${positions}, times ${times})`, () => {
    const isDense = positions === 'dense';
    const clock = new TestClock();
    let store: EventStore;
    beforeAll(async () => {
      store = await open(clock);
    });
    afterAll(() => store.close());

    const all = async (after = 0n): Promise<StoredEvent[]> => store.readAll({ after, limit: 1_000_000 });
    /** Positions of events, what lies right before and after them, and where `start` is. */
    const around = (start: bigint, stored: readonly StoredEvent[]): fc.Arbitrary<bigint> =>
      fc
        .tuple(fc.constantFrom(start, ...stored.map(({ position }) => position)), fc.constantFrom(-1n, 0n, 1n))
        .map(([position, beside]) => (position + beside < 0n ? 0n : position + beside));

    it('is empty at first', async () => {
      expect(await store.head()).toEqual({ position: 0n, recordedAt: null });
      expect(await all()).toEqual([]);
      expect(await store.readStream(newStream())).toEqual([]);
      expect(await store.readStream({ aggregate: 'thing', aggregateId: '' })).toEqual([]);
      expect(await store.readStream({ aggregate: 'thing', aggregateId: newId().toUpperCase() })).toEqual([]);
    });

    it('gives back what was stored, byte for byte', async () => {
      const stream = newStream();
      const event = anEvent(stream, 0, {
        personalData: '{"name":"یاد"}',
        meta: { actor: 'a', onBehalfOf: 'b "c"', correlationId: 'e', causationId: 'f' },
        occurredAt: new Date('2011-12-09T12:50:00.123Z'),
        data: '{"b":1.50,  "a":"x"}',
      });
      const commandId = newId();
      const [outcome] = await store.append([{ commandId, fingerprint: null, events: [event] }]);
      const [stored] = await store.readStream(stream);
      const { position } = await store.head();
      expect(outcome).toEqual({ kind: 'stored', position });
      const recordedAt = times === 'given' ? clock.now() : expect.any(Date);
      expect(stored).toEqual({ ...event, position, recordedAt, commandId, ordinal: 0 });
      expect(store.identity.positions).toBe(positions);
    });

    it('far dates keep their milliseconds, alone and in a batch', async () => {
      const dates = fc.array(
        fc.date({ min: new Date('0999-12-31T00:00:00Z'), max: new Date('9999-01-01T00:00:00Z'), noInvalidDate: true }),
        { minLength: 1, maxLength: 8 },
      );
      await fc.assert(
        fc.asyncProperty(dates, async (occurredAts) => {
          const requests = occurredAts.map((occurredAt) => {
            const request = aRequest(newStream());
            return { ...request, events: [{ ...request.events[0]!, occurredAt }] };
          });
          const { position } = await store.head();
          await store.append(requests);
          expect((await all(position)).map(({ occurredAt }) => occurredAt)).toEqual(occurredAts);
        }),
        { numRuns: 50 },
      );
    });

    it('gives positions in the order of the requests, and each outcome one from which on its events are there', async () => {
      const before = (await store.head()).position;
      const requests = Array.from({ length: 50 }, (_, i) => aRequest(newStream(), 0, 1 + (i % 3)));
      const outcomes = await store.append(requests);
      const stored = await all(before);
      expect(stored.map((event) => event.id)).toEqual(requests.flatMap(({ events }) => events.map(({ id }) => id)));
      const given = stored.map((event) => event.position);
      expect(given).toEqual([...new Set(given)].toSorted((a, b) => (a < b ? -1 : 1)));
      if (isDense) expect(given).toEqual(stored.map((_, i) => before + 1n + BigInt(i)));
      let last = -1;
      outcomes.forEach((outcome, i) => {
        last += requests[i]!.events.length;
        if (outcome.kind !== 'stored') throw new Error(outcome.kind);
        expect(outcome.position).toBeGreaterThanOrEqual(given[last]!);
        expect(outcome.position).toBeLessThanOrEqual(given.at(-1)!);
        if (isDense) expect(outcome.position).toBe(given[last]);
      });
    });

    it('refuses a revision that is taken, and one that leaves a gap, and takes no position for them', async () => {
      const stream = newStream();
      await store.append([aRequest(stream, 0, 2)]);
      const before = (await store.head()).position;
      expect(await store.append([aRequest(stream, 1)])).toEqual([{ kind: 'conflict', stream }]);
      expect(await store.append([aRequest(stream, 3)])).toEqual([{ kind: 'conflict', stream }]);
      expect((await store.head()).position).toBe(before);
      const [next] = await store.append([aRequest(stream, 2)]);
      expect(next).toEqual({ kind: 'stored', position: (await store.head()).position });
      if (isDense) expect(next).toEqual({ kind: 'stored', position: before + 1n });
    });

    it('settles each request of a batch by itself', async () => {
      const [taken, chained, fresh] = [newStream(), newStream(), newStream()];
      await store.append([aRequest(taken)]);
      const before = (await store.head()).position;
      const outcomes = await store.append([
        aRequest(taken, 0),
        aRequest(chained, 0),
        aRequest(chained, 1, 2),
        aRequest(chained, 9),
        aRequest(fresh, 0),
        aRequest(chained, 3),
      ]);
      expect(outcomes.map(({ kind }) => kind)).toEqual([
        'conflict',
        'stored',
        'stored',
        'conflict',
        'stored',
        'stored',
      ]);
      expect((await store.readStream(chained)).map(({ revision }) => revision)).toEqual([0, 1, 2, 3]);
      expect(await all(before)).toHaveLength(5);
    });

    it('stores the events of one command on several streams, all or none', async () => {
      const [one, two] = [newStream(), newStream()];
      await store.append([aRequest(two)]);
      const request = { commandId: newId(), fingerprint: null, events: [anEvent(one, 0), anEvent(two, 0)] };
      expect(await store.append([request])).toEqual([{ kind: 'conflict', stream: two }]);
      expect(await store.readStream(one)).toEqual([]);
      const right = { ...request, events: [anEvent(one, 0), anEvent(two, 1)] };
      expect(await store.append([right])).toMatchObject([{ kind: 'stored' }]);
      expect(await store.receipts([right.commandId])).toEqual(
        new Map([[right.commandId, expect.objectContaining({ ...one, revision: 0, events: 2 })]]),
      );
    });

    it('stores nothing that rests on a request of the same call which is not stored', async () => {
      const [taken, free] = [newStream(), newStream()];
      await store.append([aRequest(taken)]);
      const [late, known] = [aRequest(taken), aRequest(newStream())];
      await store.append([known]);
      // Its revision is the next one, but what it follows is not what its decision counted on.
      const follower = { ...aRequest(taken, 1), dependsOn: [late] };
      const reader = { ...aRequest(free), dependsOn: [follower] };
      const repeat = { ...aRequest(newStream()), dependsOn: [known] };
      const before = await store.head();
      expect(await store.append([late, follower, reader, known, repeat])).toMatchObject([
        { kind: 'conflict', stream: taken },
        { kind: 'conflict', stream: taken },
        { kind: 'conflict', stream: free },
        { kind: 'repeated' },
        { kind: 'conflict' },
      ]);
      expect(await store.head()).toEqual(before);
      const first = aRequest(free);
      expect(await store.append([first, { ...aRequest(free, 1), dependsOn: [first] }])).toMatchObject([
        { kind: 'stored' },
        { kind: 'stored' },
      ]);
    });

    it('stores nothing that looked at a stream which has moved on since', async () => {
      const [own, seen, empty] = [newStream(), newStream(), newStream()];
      await store.append([aRequest(seen, 0, 2)]);
      const looking = (...readSet: StreamRevision[]) => ({ ...aRequest(own), readSet });
      expect(await store.append([looking({ ...seen, revision: 0 })])).toEqual([{ kind: 'conflict', stream: seen }]);
      expect(await store.append([looking({ ...seen, revision: -1 })])).toEqual([{ kind: 'conflict', stream: seen }]);
      // What is moved in the same call was moved by a decision that came after, or is what the decision saw.
      const outcomes = await store.append([
        looking({ ...seen, revision: 1 }, { ...empty, revision: -1 }),
        aRequest(seen, 2),
        { ...aRequest(own, 1), readSet: [{ ...seen, revision: 2 }] },
        aRequest(empty),
      ]);
      expect(outcomes.map(({ kind }) => kind)).toEqual(['stored', 'stored', 'stored', 'stored']);
      // One that is refused for it takes none of its neighbours with it.
      const late = { ...aRequest(own, 2), readSet: [{ ...seen, revision: 1 }] };
      const [refused, stored] = await store.append([late, aRequest(newStream())]);
      expect([refused?.kind, stored?.kind]).toEqual(['conflict', 'stored']);
    });

    it('stores nothing that looked at a revision which is not there', async () => {
      const [own, seen] = [newStream(), newStream()];
      await store.append([aRequest(seen, 0, 2)]);
      // As a state does that was read from a server which has lost its last commits since.
      const late = { ...aRequest(own), readSet: [{ ...seen, revision: 5 }] };
      expect(await store.append([late])).toEqual([{ kind: 'conflict', stream: seen }]);
      const never = { ...aRequest(own), readSet: [{ ...newStream(), revision: 0 }] };
      expect((await store.append([never]))[0]!.kind).toBe('conflict');
      expect(await store.readStream(own)).toEqual([]);
      // What the same call brings is there.
      const reader = { ...aRequest(own), readSet: [{ ...seen, revision: 2 }] };
      expect(await store.append([aRequest(seen, 2), reader])).toMatchObject([{ kind: 'stored' }, { kind: 'stored' }]);
    });

    it('stores nothing that was decided in another incarnation of the log', async () => {
      const { number } = store.identity.current;
      const outcomes = await store.append([
        { ...aRequest(newStream()), incarnation: number + 1 },
        { ...aRequest(newStream()), incarnation: number },
      ]);
      expect(outcomes.map(({ kind }) => kind)).toEqual(['conflict', 'stored']);
    });

    it('reserves a key for one stream only', async () => {
      const [first, second] = [newStream(), newStream()];
      const key = fingerprint(newId());
      const claim = (stream: StreamId, revision: number, scope = 'identity') => ({
        ...aRequest(stream, revision),
        reserves: [{ scope, key, ...stream }],
      });
      expect(await store.append([claim(first, 0)])).toMatchObject([{ kind: 'stored' }]);
      const before = await store.head();
      const taken = { kind: 'taken', holder: first, reservation: { scope: 'identity', key, ...second } };
      expect(await store.append([claim(second, 0)])).toEqual([taken]);
      expect(await store.head()).toEqual(before);
      // The same key by the same stream, or in another scope, is no clash; and one that clashes hinders no other.
      const outcomes = await store.append([claim(first, 1), claim(second, 0), aRequest(second), claim(second, 1, 'x')]);
      expect(outcomes.map(({ kind }) => kind)).toEqual(['stored', 'taken', 'stored', 'stored']);
      const [third, fourth, fresh] = [newStream(), newStream(), fingerprint(newId())];
      const both = [third, fourth].map((stream) => ({
        ...aRequest(stream),
        reserves: [{ scope: 'identity', key: fresh, ...stream }],
      }));
      expect((await store.append(both)).map(({ kind }) => kind)).toEqual(['stored', 'taken']);
      const racing = await Promise.all(
        [1, 2, 3].map(async () => {
          const stream = newStream();
          return (await store.append([{ ...aRequest(stream), reserves: [{ scope: 'race', key, ...stream }] }]))[0]!
            .kind;
        }),
      );
      expect(racing.toSorted()).toEqual(['stored', 'taken', 'taken']);
    });

    it('answers a repeated command with its receipt and stores nothing', async () => {
      const stream = newStream();
      const request = aRequest(stream, 0, 3);
      const [first] = await store.append([request]);
      const before = await store.head();
      const [again] = await store.append([request]);
      if (first?.kind !== 'stored') throw new Error('the first was not stored');
      expect(again).toEqual({
        kind: 'repeated',
        receipt: {
          commandId: request.commandId,
          fingerprint: request.fingerprint,
          subject: request.events[0]!.subject,
          ...stream,
          revision: 2,
          position: first.position,
          events: 3,
        },
      });
      // Also where the repeat was decided anew, on the state that its first run left.
      const [later] = await store.append([aRequest(stream, 3, 1, request.commandId)]);
      expect(later?.kind).toBe('repeated');
      expect(await store.head()).toEqual(before);
    });

    it('does not store one command twice within a batch', async () => {
      const commandId = newId();
      const outcomes = await store.append([
        aRequest(newStream(), 0, 1, commandId),
        aRequest(newStream(), 0, 1, commandId),
      ]);
      expect(outcomes[0]!.kind).toBe('stored');
      expect(outcomes[1]!.kind).not.toBe('stored');
    });

    it('remembers commands that decided nothing', async () => {
      const commandId = newId();
      const receipt = {
        commandId,
        fingerprint: fingerprint('x'),
        subject: newId(),
        ...newStream(),
        revision: 4,
        position: 7n,
        events: 0,
      };
      expect(await store.keepReceipt(receipt)).toEqual(receipt);
      expect(await store.keepReceipt({ ...receipt, position: 9n })).toEqual(receipt);
      expect(await store.append([aRequest(newStream(), 0, 1, commandId)])).toEqual([{ kind: 'repeated', receipt }]);
    });

    it('keeps no second receipt of a command that has stored events', async () => {
      const request = aRequest(newStream(), 0, 2);
      await store.append([request]);
      const { commandId, fingerprint } = request;
      const nothing = {
        commandId,
        fingerprint,
        subject: newId(),
        ...newStream(),
        revision: 7,
        position: 1n,
        events: 0,
      };
      const standing = await store.keepReceipt(nothing);
      const [{ aggregate, aggregateId, subject }] = request.events as [EventToAppend];
      expect(standing).toMatchObject({ aggregate, aggregateId, subject, revision: 1, events: 2 });
      expect(await store.receipts([commandId])).toEqual(new Map([[commandId, standing]]));
    });

    it('reads by stream, by subject and by span, within bounds', async () => {
      const [one, two] = [newStream(), newStream()];
      await store.append([aRequest(one, 0, 3), aRequest(two, 0, 2), aRequest(one, 3)]);
      const stored = await store.readStream(one);
      expect(stored.map(({ revision }) => revision)).toEqual([0, 1, 2, 3]);
      expect(await store.readStream(one, { fromRevision: 1, limit: 2 })).toEqual(stored.slice(1, 3));
      expect(await store.readStream(one, { through: stored[2]!.position })).toEqual(stored.slice(0, 3));
      const subjects = [subjectOf(one), subjectOf(two)];
      const both = await store.readSubjects(subjects, { after: 0n, limit: 10 });
      expect(both).toEqual((await all()).slice(-6));
      expect(await store.readSubjects([subjects[1]!], { after: 0n, limit: 10 })).toEqual(both.slice(3, 5));
      expect(await store.readSubjects(subjects, { after: both[0]!.position, limit: 2 })).toEqual(both.slice(1, 3));
      expect(await store.readAll({ after: stored[0]!.position, through: stored[2]!.position, limit: 10 })).toEqual(
        stored.slice(1, 3),
      );
    });

    it('finds the events of types by their names and beginnings, page by page', async () => {
      const start = (await store.head()).position;
      const some = ['crm.a.one', 'crm.a.two', 'crm.b.one', 'crm.b.one-more', 'crm.b_one', 'crm%b.one'];
      const types = some.filter((type) => eventTypes.test(type));
      const drawn = fc.sample(fc.constantFrom(...types), 200);
      await store.append(
        drawn.map((type) => {
          const stream = newStream();
          return { ...aRequest(stream), events: [anEvent(stream, 0, { type })] };
        }),
      );
      const stored = await all(start);
      const span = fc.record({
        names: fc.subarray([...types, 'crm.a.', 'crm.unknown']),
        beginnings: fc.subarray(['crm.a.', 'crm.b.', 'crm.b_', 'crm%', 'x.']),
        after: around(start, stored),
        through: around(start, stored),
        limit: fc.oneof(fc.integer({ min: 1, max: 9 }), fc.constant(1000)),
      });
      await fc.assert(
        fc.asyncProperty(span, async ({ names, beginnings, after, through, limit }) => {
          const wanted = stored.filter(
            ({ position, type }) =>
              position > (after < start ? start : after) &&
              position <= through &&
              (names.includes(type) || beginnings.some((beginning) => type.startsWith(beginning))),
          );
          const asked = { after: after < start ? start : after, through, limit };
          expect(await store.readTypes({ names, beginnings }, asked)).toEqual(wanted.slice(0, limit));
        }),
      );
    });

    it('finds the events about a subject in whatever streams they are, page by page', async () => {
      // About the aggregate itself, about another, and both in one stream; two aggregates of one id.
      const ids = [newId(), newId(), newId()];
      const streams = ids.flatMap((aggregateId) => ['thing', 'part'].map((aggregate) => ({ aggregate, aggregateId })));
      const next = new Map(streams.map((stream) => [stream, 0]));
      const start = (await store.head()).position;
      const drawn = fc.sample(fc.tuple(fc.constantFrom(...streams), fc.constantFrom(undefined, ...ids)), 300);
      await store.append(
        drawn.map(([stream, other]) => {
          const revision = next.get(stream)!;
          next.set(stream, revision + 1);
          const subject = other ?? stream.aggregateId;
          return { ...aRequest(stream, revision), events: [anEvent(stream, revision, { subject })] };
        }),
      );
      const stored = await all(start);
      expect(stored).toHaveLength(300);
      const span = fc.record({
        subjects: fc.subarray(ids, { minLength: 1 }),
        after: around(start, stored),
        through: fc.option(around(start, stored), { nil: undefined }),
        limit: fc.oneof(fc.integer({ min: 1, max: 9 }), fc.constant(1000)),
      });
      await fc.assert(
        fc.asyncProperty(span, async ({ subjects, after, through, limit }) => {
          const wanted = stored.filter(
            ({ position, subject }) =>
              subjects.includes(subject) && position > after && position <= (through ?? position),
          );
          expect(await store.readSubjects(subjects, { after, through, limit })).toEqual(wanted.slice(0, limit));
        }),
      );
    });

    it('ends a page before it has more bytes than were asked for, and says that more follow', async () => {
      const start = (await store.head()).position;
      const subject = newId();
      const stream = { aggregate: 'thing', aggregateId: subject };
      // Runs of one letter are kept compressed, digits are not; large ones stand between small ones.
      const sizes = [10, 3_000, 9_000, 20, 50_000, 7_000, 30, 2_500, 100_000, 40];
      const textOf = (size: number, at: number): string =>
        at % 2 ? 'x'.repeat(size) : Array.from({ length: size }, (_, i) => (i * i * 7919) % 10).join('');
      await store.append(
        sizes.map((size, revision) => {
          const data = JSON.stringify({ text: textOf(size, revision), یاد: 'é' });
          const personalData = revision % 3 ? null : JSON.stringify({ name: 'ن'.repeat(revision) });
          return {
            ...aRequest(stream, revision),
            events: [anEvent(stream, revision, { subject, data, personalData })],
          };
        }),
      );
      const stored = await all(start);
      expect(stored.map(({ data }) => JSON.parse(data).text.length)).toEqual(sizes);
      const size = ({ data, personalData }: StoredEvent): number => Buffer.byteLength(data + (personalData ?? ''));
      const after = (read: number): bigint => stored[read - 1]?.position ?? start;
      const reads: Record<string, (read: number, limit: number, bytes: number) => Promise<EventPage>> = {
        readAll: (read, limit, bytes) => store.readAll({ after: after(read), limit, bytes }),
        readSubjects: (read, limit, bytes) => store.readSubjects([subject], { after: after(read), limit, bytes }),
        readStream: (read, limit, bytes) => store.readStream(stream, { fromRevision: read, limit, bytes }),
      };
      for (const [name, read] of Object.entries(reads)) {
        for (const [limit, bytes] of [
          [10, 20_000],
          [3, 1_000_000],
          [10, 1],
          [10, 1_000_000],
          [4, 60_000],
        ] as const) {
          const seen: StoredEvent[] = [];
          for (;;) {
            const page = await read(seen.length, limit, bytes);
            seen.push(...page);
            // Beside the first: what is small for its number may come on top.
            const bound = bytes + limit * Math.max(2048, bytes / limit);
            expect(page.slice(1).reduce((sum, event) => sum + size(event), 0)).toBeLessThanOrEqual(bound);
            if (page.cut) expect(page.length).toBeGreaterThan(0);
            if (!page.cut && page.length < limit) break;
          }
          expect({ name, limit, bytes, seen }).toEqual({ name, limit, bytes, seen: stored });
        }
      }
      expect(await store.readAll({ after: after(4), limit: 1, bytes: 1 })).toEqual(stored.slice(4, 5));
      expect((await store.readAll({ after: start, limit: 10, bytes: 60_000 })).length).toBeLessThan(9);
    });

    it('never records an event before the one that precedes it, and finds positions by time', async () => {
      const append = async (at: string): Promise<StoredEvent> => {
        clock.set(at);
        const stream = newStream();
        await store.append([aRequest(stream)]);
        return (await store.readStream(stream))[0]!;
      };
      const first = await append('2026-02-01T00:00:00Z');
      const second = await append('2026-01-31T00:00:00Z');
      const { recordedAt } = first;
      if (times === 'given') expect(second.recordedAt).toEqual(recordedAt);
      expect(second.recordedAt.getTime()).toBeGreaterThanOrEqual(recordedAt.getTime());
      expect(await store.head()).toEqual({ position: second.position, recordedAt: second.recordedAt });
      const third = await append('2026-02-03T00:00:00Z');
      if (times === 'given') expect(await store.positionAt(new Date('2026-02-02T00:00:00Z'))).toBe(second.position);
      expect(await store.positionAt(third.recordedAt)).toBe(third.position);
      expect(await store.positionAt(new Date('2001-01-01T00:00:00Z'))).toBe(0n);
      // Whichever way an event is read, it was recorded at the same time.
      const events = await all();
      expect(events.slice(-3)).toEqual([first, second, third]);
      for (const [at, event] of events.entries()) {
        expect(event.recordedAt.getTime()).toBeGreaterThanOrEqual(events[at - 1]?.recordedAt.getTime() ?? 0);
      }
    });

    describe('many streams in one read', () => {
      const revisionsOf = (events: readonly StoredEvent[]): number[] => events.map(({ revision }) => revision);

      it('are the same events as read one by one, each from its own revision on, in the order of the question', async () => {
        const streams = Array.from({ length: 40 }, newStream);
        await store.append(streams.map((stream, i) => aRequest(stream, 0, 1 + (i % 7))));
        const spans = streams.map((stream, i) => ({ ...stream, fromRevision: i % 3 })).toReversed();
        const found = await store.readStreams(spans, { limit: 100 });
        for (const [at, span] of spans.entries()) {
          const { fromRevision } = span;
          expect(found[at]).toEqual({ events: await store.readStream(span, { fromRevision }), more: false });
        }
      });

      it('may be no streams at all, unknown ones, the same twice, or none by their ids', async () => {
        const stream = newStream();
        await store.append([aRequest(stream, 0, 2)]);
        expect(await store.readStreams([], { limit: 10 })).toEqual([]);
        const unnamed = { aggregate: 'thing', aggregateId: '' };
        const spans = [unnamed, newStream(), stream, { ...unnamed, aggregateId: 'x' }, stream].map((each) => ({
          ...each,
          fromRevision: 1,
        }));
        const found = await store.readStreams(spans, { limit: 10 });
        expect(found.map(({ events, more }) => [revisionsOf(events), more])).toEqual([
          [[], false],
          [[], false],
          [[1], false],
          [[], false],
          [[1], false],
        ]);
      });

      it('say where more may follow: a stream as long as the limit', async () => {
        const [short, exact, long] = [newStream(), newStream(), newStream()];
        await store.append([aRequest(short, 0, 2), aRequest(exact, 0, 3), aRequest(long, 0, 8)]);
        const from = (fromRevision: number) => [short, exact, long].map((stream) => ({ ...stream, fromRevision }));
        const first = await store.readStreams(from(0), { limit: 3 });
        expect(first.map(({ events, more }) => [revisionsOf(events), more])).toEqual([
          [[0, 1], false],
          [[0, 1, 2], true],
          [[0, 1, 2], true],
        ]);
        const rest = await store.readStreams(from(3), { limit: 100 });
        expect(rest.map(({ events, more }) => [revisionsOf(events), more])).toEqual([
          [[], false],
          [[], false],
          [[3, 4, 5, 6, 7], false],
        ]);
      });

      it('are bounded in bytes together, and come to their end in any case', async () => {
        const streams = Array.from({ length: 4 }, newStream);
        const text = 'x'.repeat(3000);
        await store.append(
          streams.map((stream) => ({
            commandId: newId(),
            fingerprint: null,
            events: [0, 1, 2].map((revision) => anEvent(stream, revision, { data: JSON.stringify({ text }) })),
          })),
        );
        const read = new Map(streams.map((stream) => [stream, [] as number[]]));
        let open = streams;
        for (let calls = 1; open.length > 0; calls++) {
          expect(calls).toBeLessThan(20);
          const spans = open.map((stream) => ({ ...stream, fromRevision: read.get(stream)!.length }));
          const found = await store.readStreams(spans, { limit: 10, bytes: 7000 });
          const events = found.flatMap((each) => each.events);
          expect(events.length).toBeGreaterThan(0);
          expect(events.length).toBeLessThanOrEqual(2);
          found.forEach((each, at) => read.get(open[at]!)!.push(...revisionsOf(each.events)));
          open = open.filter((_, at) => found[at]!.more);
        }
        expect([...read.values()]).toEqual(streams.map(() => [0, 1, 2]));
      });

      it('tell the last revision of each, in the order of the question', async () => {
        const [one, two, none] = [newStream(), newStream(), newStream()];
        await store.append([aRequest(one, 0, 1), aRequest(two, 0, 5)]);
        const asked = [one, none, two, { aggregate: 'thing', aggregateId: '' }, one];
        expect(await store.lastRevisions(asked)).toEqual([0, -1, 4, -1, 0]);
        expect(await store.lastRevisions([])).toEqual([]);
      });
    });

    it('lets exactly one of many racing writers win a revision', async () => {
      const stream = newStream();
      const outcomes = await Promise.all(Array.from({ length: 20 }, () => store.append([aRequest(stream)])));
      expect(outcomes.flat().filter(({ kind }) => kind === 'stored')).toHaveLength(1);
      expect(await store.readStream(stream)).toHaveLength(1);
    });

    it('tells subscribers each event once, in order, those that were there and those that come', async () => {
      const start = (await store.head()).position;
      await store.append([aRequest(newStream(), 0, 5)]);
      const stop = new AbortController();
      const seen: bigint[] = [];
      const reading = (async () => {
        for await (const page of store.subscribeAll(start, { signal: stop.signal, limit: 3 })) {
          seen.push(...page.map(({ position }) => position));
          if (seen.length >= 25) stop.abort();
        }
      })();
      for (let i = 0; i < 10; i++) await store.append([aRequest(newStream(), 0, 2)]);
      await reading;
      expect(seen).toEqual((await all(start)).map(({ position }) => position));
      expect(seen).toHaveLength(25);
    });
  });
}
