import { afterAll, afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { MemoryEventStore } from '#platform/event-store/memory/memory-event-store.adapter.js';
import type { EventStore } from '#platform/event-store/event-store.js';
import { newId } from '#platform/kernel/ids.js';
import { createPool } from '#platform/postgres/pool.js';
import { createTestDatabase } from '../../../../test/support/postgres.js';
import { append, positionsOf } from '../../../../test/conformance/event-bus/event-bus.conformance.js';
import { until } from '../../../../test/conformance/event-bus/test-consumer.js';
import { PARTITIONER, type BusMessage, type BusPublisher, type LogFork } from '../event-bus.js';
import { MemoryRelayState } from './memory-relay-state.js';
import { PostgresRelayState } from './postgres-relay-state.js';
import { Relay, type RelayOptions } from './relay.js';
import type { RelayState } from './relay-state.js';

const log = { warn: (): void => {} };
const PARTITIONS = 4;

/** A topic in memory; `before` may wait or throw. */
class Topic implements BusPublisher {
  readonly partitions = PARTITIONS;
  readonly messages: BusMessage[] = [];
  /** Numbers of incarnations whose beginning was told, and how many messages were there before. */
  readonly forks: { number: number; after: number }[] = [];
  underWay = 0;
  before: (messages: readonly BusMessage[]) => Promise<void> | void = () => {};

  async publish(messages: readonly BusMessage[]): Promise<void> {
    expect(++this.underWay).toBe(1);
    await this.before(messages);
    await new Promise((resolve) => setImmediate(resolve));
    this.messages.push(...messages);
    this.underWay--;
  }
  async tellForks(forks: readonly LogFork[]): Promise<void> {
    for (const { number } of forks) this.forks.push({ number, after: this.messages.length });
  }
  async close(): Promise<void> {}

  /** Without repeats, per partition, in the order of their first coming. */
  byPartition(): Map<number, bigint[]> {
    const seen = new Map<number, bigint[]>();
    for (const { partition, event, previous } of this.messages) {
      const list = seen.get(partition) ?? [];
      const last = list.at(-1) ?? 0n;
      if (event.position <= last) continue;
      expect(previous).toBe(last);
      seen.set(partition, [...list, event.position]);
    }
    return seen;
  }
}

const sorted = (map: ReadonlyMap<number, unknown>): unknown[] => [...map].toSorted(([a], [b]) => a - b);

async function expectHeads(state: RelayState, store: EventStore): Promise<void> {
  const expected = [...(await positionsOf(store, PARTITIONS))].map(([p, list]) => [p, list.at(-1)!] as const);
  expect(sorted(await state.heads())).toEqual(sorted(new Map(expected)));
}

/** What messages say of all partitions is how the log was divided up to there. */
async function expectTrueHeads(messages: readonly BusMessage[], store: EventStore): Promise<void> {
  const all = await positionsOf(store, PARTITIONS);
  const told = messages.flatMap(({ published }) => published ?? []);
  expect(told.at(-1)!.position).toBe(messages.at(-1)!.event.position);
  for (const { position, heads } of told) {
    const ends = [...all].map(([p, list]): [number, bigint] => [p, list.filter((at) => at <= position).at(-1) ?? 0n]);
    expect(sorted(heads)).toEqual(sorted(new Map(ends.filter(([, at]) => at > 0n))));
  }
}

function relaySpecs(name: string, newState: () => Promise<RelayState>): void {
  describe(`relay, state ${name}`, () => {
    let store: MemoryEventStore;
    let topic: Topic;
    let state: RelayState;
    const relays: Relay[] = [];
    afterEach(() => {
      for (const relay of relays.splice(0)) relay.close();
    });
    beforeEach(async () => {
      store = new MemoryEventStore();
      topic = new Topic();
      state = await newState();
    });

    const start = (publisher: BusPublisher = topic, leaseMs = 300, own = state, bounds: Partial<RelayOptions> = {}) => {
      const relay = new Relay({ store, publisher, state: own, leaseMs, log, ...bounds });
      relays.push(relay);
      const ended = relay.run();
      ended.catch(() => {});
      return { relay, ended };
    };
    const published = async (): Promise<boolean> => (await state.position()) === (await store.head()).position;

    it('publishes all in order, then records position and heads', async () => {
      await append(store, 2500);
      const { relay, ended } = start();
      for (let i = 0; i < 10; i++) await append(store, 10);
      await until('all is published', published);
      expect(sorted(topic.byPartition())).toEqual(sorted(await positionsOf(store, PARTITIONS)));
      expect(topic.messages).toHaveLength(2600);
      await expectTrueHeads(topic.messages, store);
      await expectHeads(state, store);
      relay.close();
      await ended;
      expect(relay.status).toEqual({ role: 'ended', position: 2600n });
    });

    it('reads and sends no more than it has room for, by the size of the events', async () => {
      await append(store, 60, JSON.stringify({ text: 'x'.repeat(1_000_000) }));
      let read = 0;
      let sent = 0;
      let most = { inOneSend: 0, ahead: 0 };
      const follow = store.subscribeAll.bind(store);
      store.subscribeAll = async function* (...given) {
        for await (const page of follow(...given)) {
          read += page.length;
          yield page;
        }
      };
      topic.before = async (messages) => {
        // Time enough to read all, were there room.
        await new Promise((resolve) => setTimeout(resolve, 30));
        sent += messages.length;
        most = {
          inOneSend: Math.max(most.inOneSend, messages.length),
          ahead: Math.max(most.ahead, read - sent),
        };
      };
      const { relay, ended } = start(topic, 5000, state, {
        readAheadCharacters: 4_000_000,
        batchCharacters: 2_500_000,
      });
      await until('all is published', published);
      expect(sent).toBe(60);
      expect(most.inOneSend).toBe(2);
      // Four megabytes and a page of eight.
      expect(most.ahead).toBeLessThanOrEqual(12);
      relay.close();
      await ended;
    });

    it('is never ahead of what is on the bus, and a stop waits for the send under way', async () => {
      await append(store, 10);
      let release: (() => void) | undefined;
      topic.before = () => new Promise((resolve) => (release = resolve));
      const { relay, ended } = start();
      await until('a send is under way', () => release !== undefined);
      expect(await state.position()).toBe(0n);
      expect([...(await state.heads())]).toEqual([]);
      relay.close();
      release!();
      await ended;
      expect(topic.messages).toHaveLength(10);
      expect(await state.position()).toBe(10n);
      const next = start();
      topic.before = () => {};
      await append(store, 5);
      await until('the next takes over at once', published);
      expect(topic.messages).toHaveLength(15);
      next.relay.close();
      await next.ended;
    });

    it('killed between sending and recording, causes repeats only, with the same chain', async () => {
      let killed = false;
      // What it sent is on the bus; of a dead process nothing more is heard.
      const dying = start(topic, 300, {
        acquire: (...args) => state.acquire(...args),
        checkpoint: (...args) => {
          killed ||= topic.messages.length > 0;
          return killed ? dead() : state.checkpoint(...args);
        },
        release: dead,
        heads: () => state.heads(),
        position: () => state.position(),
        published: () => state.published(),
        rewind: dead,
      });
      await append(store, 100);
      await until('it was killed after a send', () => killed);
      dying.relay.close();
      const before = topic.messages.length;
      await dying.ended;
      const next = start();
      await until('the next has published all', published);
      expect(topic.messages.length).toBe(before + 100);
      expect(sorted(topic.byPartition())).toEqual(sorted(await positionsOf(store, PARTITIONS)));
      next.relay.close();
      await next.ended;
    });

    it('is one at a time: the second waits, takes over, and fences the first', async () => {
      let stuck: (() => void) | undefined;
      const slow = new Topic();
      const first = start(slow);
      await until('the first leads', () => first.relay.status.role === 'active');
      const second = start();
      await append(store, 20);
      await until('the first has published', published);
      expect(topic.messages).toHaveLength(0);
      expect(second.relay.status.role).toBe('waiting');
      // The first stands still, as a paused process does: it neither renews nor knows that time goes by.
      const renew = state.checkpoint.bind(state);
      slow.before = () => new Promise((resolve) => (stuck = resolve));
      let paused = true;
      state.checkpoint = (lease, ...rest) =>
        paused && lease.holder === holderOf(first.relay) ? hang() : renew(lease, ...rest);
      await append(store, 20);
      await until('the second leads', () => second.relay.status.role === 'active');
      await until('the second has published', published);
      expect(topic.messages).toHaveLength(20);
      paused = false;
      await until('the first is in a send', () => stuck !== undefined);
      stuck!();
      await until('the first has noticed', () => first.relay.status.role === 'waiting');
      await append(store, 20);
      await until('the second goes on', published);
      expect(topic.messages).toHaveLength(40);
      // What the first still sent were repeats.
      expect(slow.messages).toHaveLength(40);
      await expectHeads(state, store);
      for (const { relay } of [first, second]) relay.close();
      await Promise.all([first.ended, second.ended]);
    });

    it('ends with the error when publishing can never succeed', async () => {
      topic.before = () => {
        throw new Error('MESSAGE_TOO_LARGE');
      };
      const { relay, ended } = start();
      await append(store, 1);
      await expect(ended).rejects.toThrow('MESSAGE_TOO_LARGE');
      expect(relay.status.role).toBe('ended');
      expect(await state.position()).toBe(0n);
    });

    it('after a failover that lost what was published, goes on from where the log was forked', async () => {
      await append(store, 60);
      const { relay, ended } = start();
      await until('all is published', published);
      const lost = topic.messages.slice(50);
      store.failOver(50n);
      await until('the record is taken back', async () => (await state.position()) === 50n);
      for (const [, head] of await state.heads()) expect(head).toBeLessThanOrEqual(50n);
      await append(store, 40);
      await until('all that is in the log now is published', published);
      const sent = topic.messages.slice(60);
      const there = await store.readAll({ after: 50n, limit: 100 });
      expect(sent.map(({ event }) => event.position)).toEqual(there.map(({ position }) => position));
      // What consumers are told to hold before a message is in the log: they can reach it by reading the store.
      for (const { previous } of sent) expect(lost.some(({ event }) => event.position === previous)).toBe(false);
      await expectHeads(state, store);
      relay.close();
      await ended;
    });

    it('started after the failover, comes to the same', async () => {
      await append(store, 60);
      const first = start();
      await until('all is published', published);
      first.relay.close();
      await first.ended;
      store.failOver(50n);
      await append(store, 40);
      const { relay, ended } = start();
      await until('all is published again', published);
      const there = await store.readAll({ after: 50n, limit: 100 });
      expect(topic.messages.slice(60).map(({ event }) => event.id)).toEqual(there.map(({ id }) => id));
      await expectHeads(state, store);
      relay.close();
      await ended;
    });

    it('tells each fork of the log before anything that comes after it, and on record once', async () => {
      await append(store, 60);
      const first = start();
      await until('all is published', published);
      expect(topic.forks).toEqual([]);
      store.failOver(50n);
      await append(store, 10);
      await until('all is published again', published);
      expect(topic.forks).toEqual([{ number: 2, after: 60 }]);
      first.relay.close();
      await first.ended;
      // Two at once, while nobody leads, of which the second loses nothing.
      store.failOver(55n);
      store.failOver((await store.head()).position);
      const second = start();
      await until('both are told', () => topic.forks.length === 3);
      expect(topic.forks.slice(1)).toEqual([
        { number: 3, after: 70 },
        { number: 4, after: 70 },
      ]);
      await append(store, 10);
      await until('all is published', published);
      second.relay.close();
      await second.ended;
      const third = start();
      await append(store, 10);
      await until('the next has published', published);
      expect(topic.forks).toHaveLength(3);
      // Another topic, perhaps: who reads it has heard of none.
      const sent = topic.messages.length;
      await state.rewind(1n);
      await until('all is published once more', async () => topic.messages.length > sent && (await published()));
      const told = topic.forks.slice(3).map(({ number, after }) => [number, after >= sent]);
      expect(told.slice(-3)).toEqual([2, 3, 4].map((number) => [number, true]));
      third.relay.close();
      await third.ended;
    });

    it('tells a fork again where it was killed before that was on record', async () => {
      await append(store, 10);
      const first = start();
      await until('all is published', published);
      first.relay.close();
      await first.ended;
      store.failOver(5n);
      const dying = start(
        topic,
        300,
        Object.assign(Object.create(state) as RelayState, { checkpoint: dead, release: dead }),
      );
      await until('the fork is told', () => topic.forks.length === 1);
      dying.relay.close();
      await dying.ended;
      const { relay, ended } = start();
      await until('it is told again', () => topic.forks.length === 2);
      relay.close();
      await ended;
    });

    it('rewound, publishes again from there, and whoever led before is fenced', async () => {
      await append(store, 60);
      const { relay, ended } = start();
      await until('all is published', published);
      await state.rewind(31n);
      await until('it is published again', async () => topic.messages.length >= 90 && (await published()));
      await expectHeads(state, store);
      expect(topic.messages.slice(60).map(({ event }) => event.position)).toEqual(
        Array.from({ length: 30 }, (_, n) => BigInt(31 + n)),
      );
      for (const { previous } of topic.messages.slice(60)) expect(previous).toBeLessThanOrEqual(60n);
      await state.rewind(100n);
      await append(store, 1);
      await until('a rewind beyond the end changes nothing', published);
      // Once more perhaps, by the one that did not know yet that it was fenced.
      expect(topic.messages.slice(90).every(({ event }) => event.position === 61n)).toBe(true);
      relay.close();
      await ended;
    });

    it.each([3, 8])('refuses to go on in %d partitions when the log was published in four', async (partitions) => {
      await append(store, 300);
      const first = start();
      await until('all is published', published);
      first.relay.close();
      await first.ended;
      await append(store, 10);
      const { ended } = start(Object.assign(new Topic(), { partitions }));
      await expect(ended).rejects.toThrow('YAD_PARTITIONS as before');
      expect(await state.position()).toBe(300n);
    });

    it('goes on when its state was away for a while', async () => {
      const real = state.checkpoint.bind(state);
      let failures = 0;
      state.checkpoint = (...args) => (failures++ < 3 ? Promise.reject(new Error('away')) : real(...args));
      const { relay, ended } = start();
      await append(store, 50);
      await until('all is recorded', published);
      await expectHeads(state, store);
      relay.close();
      await ended;
    });
  });
}

const holderOf = (relay: Relay): string => (relay as unknown as { holder: string }).holder;
const hang = (): Promise<boolean> => new Promise((resolve) => setTimeout(() => resolve(false), 1500));

relaySpecs('in memory', async () => new MemoryRelayState());

const LOG = newId();
const PLACEMENT = { partitions: PARTITIONS, partitioner: PARTITIONER };

describe('with PostgreSQL', () => {
  const made: { drop(): Promise<void>; state?: PostgresRelayState }[] = [];
  afterAll(async () => {
    for (const { state, drop } of made) {
      await state?.close();
      await drop();
    }
  });
  relaySpecs('in PostgreSQL', async () => {
    const database = await createTestDatabase();
    const state = await PostgresRelayState.connect(database.url);
    made.push({ ...database, state });
    return state;
  });

  it('is of one log: a relay of another does not publish over it', async () => {
    const database = await createTestDatabase();
    const state = await PostgresRelayState.connect(database.url);
    made.push({ ...database, state });
    const lease = await state.acquire('a', 10_000, LOG, PLACEMENT);
    await state.release(lease!);
    const other = newId();
    await expect(state.acquire('b', 10_000, other, PLACEMENT)).rejects.toThrow(
      `of the log ${LOG}, and this is ${other}`,
    );
    expect(await state.acquire('c', 10_000, LOG, PLACEMENT)).toBeDefined();
  });

  it('does not go on where an older version published, which divided the log in another way', async () => {
    const database = await createTestDatabase();
    const state = await PostgresRelayState.connect(database.url);
    const pool = createPool(database.url, { role: 'admin', max: 1 });
    made.push({
      drop: async () => {
        await pool.end();
        await database.drop();
      },
      state,
    });
    await pool.query(`update relay.state set position = 7; insert into relay.heads values (5, 7)`);
    const store = new MemoryEventStore();
    await append(store, 10);
    const topic = new Topic();
    const run = (): Promise<void> => new Relay({ store, publisher: topic, state, leaseMs: 1, log }).run();
    await expect(run()).rejects.toThrow(
      'partitions are told by murmur2, but the log was published up to 7 by an older',
    );
    expect(topic.messages).toEqual([]);
    // As the error says: all of it, elsewhere.
    await state.rewind(1n);
    const relay = new Relay({ store, publisher: topic, state, log });
    const ended = relay.run();
    await until('all is published', async () => (await state.position()) === 10n);
    expect(topic.messages).toHaveLength(10);
    expect(await state.acquire('a', 1, store.identity.id, PLACEMENT)).toBeUndefined();
    relay.close();
    await ended;
    expect(await state.acquire('a', 1, store.identity.id, { ...PLACEMENT, partitions: 9 })).toMatchObject({
      placement: PLACEMENT,
    });
  });

  it('gives the lease to one of many that ask at once', async () => {
    const database = await createTestDatabase();
    const state = await PostgresRelayState.connect(database.url);
    made.push({ ...database, state });
    const leases = await Promise.all(Array.from({ length: 10 }, () => state.acquire(newId(), 10_000, LOG, PLACEMENT)));
    expect(leases.filter((lease) => lease !== undefined)).toHaveLength(1);
  });
});

async function dead(): Promise<never> {
  throw new Error('killed');
}
