import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import {
  partitionOf,
  type Consumer,
  type Delivery,
  type EventBus,
  type Published,
} from '#platform/event-bus/event-bus.js';
import { LocalBus } from '#platform/event-bus/local/local-bus.adapter.js';
import { ProjectionHost } from '#platform/projections/running/projection-host.js';
import { codec, counted, counts, noted, PARTITIONS, subjectOf, timeline, World } from './fixture.js';

let world: World;
const hosts: ProjectionHost[] = [];
beforeEach(async () => {
  world = await World.create();
});
afterEach(async () => {
  for (const host of hosts.splice(0)) await host.stop();
  await world.close();
});

async function start(
  bus: EventBus,
  options: { published?: () => Promise<Published>; version?: number } = {},
): Promise<ProjectionHost> {
  const host = await ProjectionHost.start({
    bus,
    store: world.store,
    codec,
    projections: [counts(options.version), timeline()],
    databaseUrl: world.url,
    published: options.published,
  });
  hosts.push(host);
  return host;
}

/** A bus that loses everything: a dead broker, a topic gone. */
const deafBus: EventBus = {
  partitions: PARTITIONS,
  subscribe: async (_group: string, consumer: Consumer) => {
    await consumer.checkpoints([0, 1, 2, 3]);
    return { close: async () => {} };
  },
  close: async () => {},
};

describe('a projection host', () => {
  it('applies what the local bus brings; a reader can wait for its own write', async () => {
    const bus = new LocalBus(world.store, { partitions: PARTITIONS });
    const host = await start(bus);
    expect(await host.progress.current(['test-counts'])).toBe(0n);
    expect(await host.progress.recordedAt(0n)).toBeNull();
    for (let i = 0; i < 25; i++) await world.append(i % 4, counted({ amount: '1.10', day: '2026-01-01' }));
    const position = await world.append(1, noted({ text: 'last' }));
    expect(await host.progress.waitFor(position, ['test-counts', 'test-timeline'], 5_000)).toBe(position);
    expect(await host.progress.waitFor(position + 1n, ['test-counts'], 50)).toBeUndefined();
    expect(await host.progress.current(['test-counts', 'test-timeline'])).toBe(position);
    expect(await host.progress.recordedAt(position)).toEqual(new Date('2026-01-15T12:00:00Z'));
    const rows = await host.readModels.rows(
      `select day, total, last_position, last_at from counts_by_day where subject = $1`,
      [subjectOf(0)],
    );
    expect(rows).toEqual([{ day: '2026-01-01', total: '7.70', last_position: '25', last_at: expect.any(Date) }]);
    await expect(host.progress.current(['nobody'])).rejects.toThrow('the projection nobody has no live build');
    await bus.close();
  });

  it('only lags when the bus is dead: the store is read directly', async () => {
    const host = await start(deafBus);
    const position = await world.append(1, counted({ amount: '1.10', day: '2026-01-01' }));
    expect(await host.progress.waitFor(position, ['test-counts', 'test-timeline'], 8_000)).toBe(position);
    expect(await world.rows('entries')).toHaveLength(1);
  });

  it('counts a partition without news as far as the relay has come', async () => {
    let consumer: Consumer | undefined;
    const bus: EventBus = {
      ...deafBus,
      subscribe: async (_group, given) => {
        consumer = given;
        await given.checkpoints([0, 1, 2, 3]);
        return { close: async () => {} };
      },
    };
    const record = { position: 0n, heads: new Map<number, bigint>() };
    const host = await start(bus, { published: async () => record });
    const position = await world.append(1, counted({ amount: '1.00', day: '2026-01-01' }));
    const partition = partitionOf(subjectOf(1), PARTITIONS);
    const [event] = await world.store.readAll({ after: 0n, limit: 1 });
    const delivery: Delivery = { messages: [{ partition, event: event!, previous: 0n }], partitions: [partition] };
    await consumer!.deliver(delivery);
    // Applied, but the relay has not said that nothing else is at or below.
    expect(await host.progress.waitFor(position, ['test-counts'], 30)).toBeUndefined();
    record.position = 1n;
    record.heads.set(partition, 1n);
    expect(await host.progress.waitFor(position, ['test-counts'], 2_000)).toBe(position);

    // What a message says of the other partitions is as good, and needs no look at the database.
    const [next, other] = [await world.append(1, noted({ text: 'a' })), await world.append(2, noted({ text: 'b' }))];
    const heads = new Map([
      [partition, next],
      [partitionOf(subjectOf(2), PARTITIONS), other],
    ]);
    expect(heads.size).toBe(2);
    const [first, second] = await world.store.readAll({ after: position, limit: 2 });
    const published = { position: other, heads };
    const said = { partition, event: first!, previous: position, published };
    await consumer!.deliver({ messages: [said], partitions: [partition] });
    // The other partition's head is not applied, and where it begins nobody said.
    expect(await host.progress.waitFor(next, ['test-timeline'], 30)).toBeUndefined();
    const waiting = host.progress.waitFor(next, ['test-timeline'], 2_000);
    const [elsewhere] = [...heads.keys()].filter((each) => each !== partition);
    const message = { partition: elsewhere!, event: second!, previous: 0n };
    await consumer!.deliver({ messages: [message], partitions: [elsewhere!] });
    expect(await waiting).toBe(other);
  });

  it('refuses another number of partitions', async () => {
    await start(deafBus);
    const other = { ...deafBus, partitions: PARTITIONS + 1 };
    await expect(start(other)).rejects.toThrow('the bus has 5 partitions, but the read models were built with 4');
  });

  it('refuses read models whose checkpoints are of another partitioner', async () => {
    await start(deafBus);
    await world.pool.query(`update projections.settings set partitioner = null`);
    await expect(start(deafBus)).rejects.toThrow('by an older version of Yad, and they are told by murmur2 now');
    await world.pool.query(`update projections.settings set partitioner = 'murmur2'`);
    await start(deafBus);
  });

  it('builds a new version beside the old one and joins when it is live', async () => {
    const bus = new LocalBus(world.store, { partitions: PARTITIONS });
    const first = await start(bus);
    const before = await world.append(1, counted({ amount: '1.00', day: '2026-01-01' }));
    expect(await first.progress.waitFor(before, ['test-counts'], 5_000)).toBe(before);
    await first.stop();
    hosts.pop();
    await start(bus, { version: 2 });
    const host = hosts.at(-1)!;
    const after = await world.append(1, counted({ amount: '2.00', day: '2026-01-01' }));
    for (let i = 0; i < 100; i++) {
      const [live] = (await host.admin.builds('test-counts')).filter(({ status }) => status === 'live');
      if (live!.version === 2) break;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    expect(await host.progress.waitFor(after, ['test-counts'], 5_000)).toBe(after);
    const [row] = await host.readModels.rows(`select amounts from counts_by_day`);
    expect(row!.amounts).toEqual(['v2:1.00', 'v2:2.00']);
    await bus.close();
  });
});
