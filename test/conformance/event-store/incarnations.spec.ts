import { afterAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { PostgresEventStore } from '#platform/event-store/postgres/postgres-event-store.adapter.js';
import { LogMoved } from '#platform/event-store/postgres/attachment.js';
import { LogIdentity } from '#platform/event-store/log-identity.js';
import { TestClock } from '#platform/kernel/clock.js';
import { ClocksApart, PositionLost } from '#platform/kernel/errors.js';
import { EventFeed, type FeedPage } from '#platform/event-feed/event-feed.js';
import { placeOf, placeText, shortPlaceText } from '#platform/event-feed/place.js';
import { createTestDatabase } from '../../support/postgres.js';
import { aRequest, thing } from './event-store.conformance.js';

const closes: (() => Promise<unknown>)[] = [];
afterAll(async () => {
  for (const close of closes.toReversed()) await close();
});

async function aLog(): Promise<{ url: string; sql: (text: string) => Promise<any[]> }> {
  const database = await createTestDatabase();
  const client = new pg.Client({ connectionString: database.url });
  client.on('error', () => {});
  await client.connect();
  closes.push(
    () => database.drop(),
    () => client.end(),
  );
  return { url: database.url, sql: async (text) => (await client.query(text)).rows };
}

async function open(url: string, options: { ownClock?: TestClock } = {}): Promise<PostgresEventStore> {
  const store = await PostgresEventStore.connect({ url, ...options });
  closes.push(() => store.close());
  return store;
}

/** What an operator of PostgreSQL may do and Yad may not. */
const past = (text: string): string => `begin; set local session_replication_role = replica; ${text}; commit`;
const cut = `select pg_terminate_backend(pid) from pg_stat_activity
  where datname = current_database() and application_name like 'yad store%'`;

/** Another connection than the one that was cut: the pool needs a moment to notice. */
async function insist<T>(work: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await work();
    } catch (error) {
      if (tries === 20) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

describe('incarnations of a log', () => {
  it('gives each log an identity of its own, the same to every process', async () => {
    const [one, other] = [await aLog(), await aLog()];
    const stores = await Promise.all([open(one.url), open(one.url), open(other.url)]);
    const [a, b, c] = stores.map(({ identity }) => identity);
    expect(a!.id).toBe(b!.id);
    expect(a!.keyFor('x')).toEqual(b!.keyFor('x'));
    expect(c!.id).not.toBe(a!.id);
    expect(c!.keyFor('x')).not.toEqual(a!.keyFor('x'));
    expect(a!.current).toMatchObject({ number: 1, forkedAt: 0n, beginsAt: 1n });
  });

  it('begins another on a new timeline, far above the last position, before anything is appended', async () => {
    const { url, sql } = await aLog();
    const store = await open(url);
    await store.append([aRequest(thing('kept'), 0, 3)]);
    const told: LogIdentity[] = [];
    store.onIncarnation((identity) => told.push(identity));
    await sql(past('update store.incarnations set timeline = timeline + 1'));
    await sql(cut);
    const [outcome] = await insist(() => store.append([aRequest(thing('kept'), 3)]));
    expect(told).toHaveLength(1);
    expect(told[0]!.current).toMatchObject({ number: 2, forkedAt: 3n, follows: 3n });
    if (outcome?.kind !== 'stored') throw new Error('not stored');
    expect(outcome.position).toBe(told[0]!.current.beginsAt);
    expect(outcome.position).toBeGreaterThan(1_700_000_000n * 1_000_000n);
    // Readers cross the hole, by position and by time.
    const events = await store.readAll({ after: 0n, limit: 10 });
    expect(events.map(({ position }) => position)).toEqual([1n, 2n, 3n, outcome.position]);
    for (const [at, event] of events.entries()) {
      const found = await store.positionAt(event.recordedAt);
      expect(events.findIndex(({ position }) => position === found)).toBeGreaterThanOrEqual(at);
    }
    expect(await store.positionAt(new Date(events[0]!.recordedAt.getTime() - 1))).toBe(0n);
    expect(await store.readSubjects([events[0]!.subject], { after: 2n, limit: 9 })).toEqual(events.slice(2));
    // A second process comes to the same, and begins nothing.
    expect((await open(url)).identity.incarnations).toEqual(told[0]!.incarnations);
  });

  it('a store that is closed when it notices a new timeline opens nothing that stays open', async () => {
    const { url, sql } = await aLog();
    const store = await PostgresEventStore.connect({ url });
    await store.append([aRequest(thing('kept'))]);
    await sql(past('update store.incarnations set timeline = timeline + 1'));
    const noticed = store.refreshIdentity();
    await store.close();
    expect((await noticed).current.number).toBe(2);
    // What came too late finds the store closed, and no new connections.
    await expect(store.head()).rejects.toThrow();
    await expect(store.append([aRequest(thing('late'))])).rejects.toThrow();
    const left = `select pid from pg_stat_activity
      where datname = current_database() and application_name like 'yad store%'`;
    await insist(async () => expect(await sql(left)).toEqual([]));
  });

  it('two processes that notice a new timeline at once begin one incarnation', async () => {
    const { url, sql } = await aLog();
    const stores = await Promise.all([1, 2, 3].map(() => open(url)));
    await sql(past('update store.incarnations set timeline = timeline + 1'));
    await sql(cut);
    await Promise.all(stores.map((store, n) => insist(() => store.append([aRequest(thing(`racing-${n}`))]))));
    expect(stores.map(({ identity }) => identity.current.number)).toEqual([2, 2, 2]);
  });

  it('a server that does not tell its timeline is told by an event that it has lost', async () => {
    const { url, sql } = await aLog();
    const [store, other] = [await open(url), await open(url)];
    await store.append([aRequest(thing('kept')), aRequest(thing('lost'), 0, 2)]);
    await sql(past('delete from store.events where position > 1'));
    await sql(cut);
    const [outcome] = await insist(() => store.append([aRequest(thing('after'))]));
    expect(store.identity.current).toMatchObject({ number: 2, forkedAt: 1n });
    expect(outcome).toMatchObject({ position: store.identity.current.beginsAt });
    expect([1n, 2n, 3n].map((position) => store.identity.isLost(position))).toEqual([false, true, true]);
    // Who knew the lost events too finds the reason on record.
    await insist(() => other.head());
    expect((await sql('select count(*)::int as n from store.incarnations'))[0].n).toBe(2);
  });

  it('positions that were given twice before anybody noticed are told, and nothing of before is relied on', async () => {
    const { url, sql } = await aLog();
    const store = await open(url);
    await store.append([aRequest(thing('first'), 0, 2)]);
    await sql(past(`update store.events set id = gen_random_uuid() where position = 2`));
    await sql(cut);
    await insist(() => store.head());
    expect(store.identity.current).toMatchObject({ number: 2, forkedAt: 0n, follows: 2n });
    expect(await sql('select reason from store.incarnations where number = 2')).toEqual([
      { reason: 'positions were given twice' },
    ]);
    expect(store.identity.isLost(1n, 1)).toBe(true);
    expect(store.identity.isLost(1n, 2)).toBe(false);
  });

  it('a log found in another database waits for a word, and serves nothing until then', async () => {
    const { url, sql } = await aLog();
    const store = await open(url);
    await store.append([aRequest(thing('moved'))]);
    await sql(past(`update store.incarnations set system = 'elsewhere'`));
    await expect(PostgresEventStore.connect({ url })).rejects.toThrow('yad log continue');
    await sql(cut);
    const refusal = async (): Promise<unknown> => store.head().catch((error: unknown) => error);
    let error = await refusal();
    for (let tries = 0; !(error instanceof LogMoved) && tries < 20; tries++) error = await refusal();
    expect(error).toBeInstanceOf(LogMoved);
    await sql(`select store.begin_incarnation('continued', null)`);
    expect(await insist(() => store.head())).toMatchObject({ position: 1n });
    expect(store.identity.current.number).toBe(2);
  });

  it('a dump restored beside the old database is told apart, though the server is the same', async () => {
    const { url, sql } = await aLog();
    await open(url);
    await sql('alter table store.events rename to was; create table store.events (like store.was including all)');
    await expect(PostgresEventStore.connect({ url })).rejects.toThrow('the log was written in the database');
  });
});

describe('the feed over incarnations', () => {
  const ask = (position: bigint, more = {}) => ({ place: { position }, limit: 2, bytes: 1_000_000, ...more });
  const never = new AbortController().signal;
  const positionsOf = ({ events }: FeedPage) => events.map(({ position }) => position);
  const lost = (asking: Promise<unknown>) =>
    asking.then(
      () => undefined,
      (error: unknown) => (error instanceof PositionLost ? error.goOnAfter : error),
    );

  it('tells who follows and who comes back where to go on, and crosses the hole', async () => {
    const { url, sql } = await aLog();
    const store = await open(url);
    const feed = new EventFeed(store);
    closes.push(async () => feed.close());
    await store.append([aRequest(thing('kept'), 0, 3), aRequest(thing('lost'), 0, 2)]);
    const follower = feed.follow(ask(3n), never);
    expect(positionsOf((await follower.next()).value)).toEqual([4n, 5n]);
    const further = lost(follower.next());
    await sql(past('delete from store.events where position > 3'));
    await sql(cut);
    await insist(() => store.append([aRequest(thing('after'), 0, 2)]));
    expect(await further).toBe(3n);
    const { beginsAt } = store.identity.current;
    expect(await lost(feed.awaited(ask(5n), 50, never))).toBe(3n);
    const page = await feed.page(ask(3n));
    expect([page.through, page.head, positionsOf(page)]).toEqual([
      beginsAt + 1n,
      beginsAt + 1n,
      [beginsAt, beginsAt + 1n],
    ]);
    // By type too, where the span that is looked at ends before the hole, or in it.
    for (const look of [1, 2, 3, 1_000]) {
      const narrow = new EventFeed(store, { look });
      const types = { names: [], beginnings: ['test.'] };
      const seen: bigint[] = [];
      for (let at = ask(1n, { types }); ;) {
        const part = await narrow.page(at);
        seen.push(...positionsOf(part));
        if (part.through >= part.head) break;
        at = ask(part.through, { types });
      }
      expect(seen).toEqual([2n, 3n, beginsAt, beginsAt + 1n]);
    }
  });

  it('lets who has read anew go on where positions had been given twice, by the whole place', async () => {
    const { url, sql } = await aLog();
    const store = await open(url);
    const feed = new EventFeed(store);
    await store.append([aRequest(thing('first'), 0, 4)]);
    await sql(past(`update store.events set id = gen_random_uuid() where position = 4`));
    await sql(cut);
    await insist(() => store.head());
    expect(await lost(feed.page(ask(2n)))).toBe(0n);
    const seen: bigint[] = [];
    for (let place = placeOf('0')!; ;) {
      const page = await feed.page({ ...ask(0n), place });
      seen.push(...positionsOf(page));
      expect(shortPlaceText(page.identity, page.through)).toBe(placeText(page.identity, page.through));
      place = placeOf(placeText(page.identity, page.through))!;
      if (page.through >= page.head) break;
    }
    expect(seen).toEqual([1n, 2n, 3n, 4n]);
  });
});

describe('times of record', () => {
  it('come from the database, whatever the clock of the process', async () => {
    const { url, sql } = await aLog();
    const store = await open(url, { ownClock: new TestClock(new Date(Date.now() + 240_000)) });
    await store.append([aRequest(thing('a'))]);
    await store.append([aRequest(thing('b')), aRequest(thing('c'))]);
    const [{ apart }] = await sql(
      `select max(abs(extract(epoch from clock_timestamp() - recorded_at)))::float as apart from store.events`,
    );
    expect(apart).toBeLessThan(60);
  });

  it.each([2, -2])('a process whose clock is %i hours off records nothing', async (hours) => {
    const { url } = await aLog();
    const store = await open(url, { ownClock: new TestClock(new Date(Date.now() + hours * 3_600_000)) });
    await expect(store.append([aRequest(thing('a'))])).rejects.toBeInstanceOf(ClocksApart);
    await expect(store.append([aRequest(thing('b')), aRequest(thing('c'))])).rejects.toBeInstanceOf(ClocksApart);
    expect(await store.head()).toEqual({ position: 0n, recordedAt: null });
  });
});
