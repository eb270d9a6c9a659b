import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { LocalBus } from '#platform/event-bus/local/local-bus.adapter.js';
import { PositionLost } from '#platform/kernel/errors.js';
import { ProjectionHost } from '#platform/projections/running/projection-host.js';
import { until } from '../event-bus/test-consumer.js';
import { codec, counted, counts, expectedCounts, noted, PARTITIONS, timeline, World } from './fixture.js';

let world: World;
const closes: (() => Promise<unknown>)[] = [];
beforeEach(async () => {
  world = await World.create();
});
afterEach(async () => {
  await stop();
  await world.close();
});

async function stop(): Promise<void> {
  for (const close of closes.splice(0).toReversed()) await close();
}

async function start(): Promise<ProjectionHost> {
  const bus = new LocalBus(world.store, { partitions: PARTITIONS, log: { warn: () => {} } });
  const { store, url: databaseUrl } = world;
  const host = await ProjectionHost.start({
    bus,
    store,
    codec,
    projections: [counts(), timeline()],
    databaseUrl,
  });
  closes.push(
    () => bus.close(),
    () => host.stop(),
  );
  return host;
}

/** The live rows are what a plain loop makes of the log as it is now. */
async function expectTrueRows(host: ProjectionHost): Promise<void> {
  const { position } = await world.store.head();
  expect(await host.progress.waitFor(position, ['test-counts', 'test-timeline'], 10_000)).toBe(position);
  const { rows } = await world.pool.query<{ key: string; total: string; amounts: string[] }>(
    `select subject || ' ' || day as key, total::text, amounts from analytics.counts_by_day`,
  );
  const sort = (entries: unknown[]): unknown[] => entries.toSorted((a, b) => (String(a) < String(b) ? -1 : 1));
  expect(sort(rows.map(({ key, total, amounts }) => [key, Number(total), amounts]))).toEqual(
    sort([...(await expectedCounts(world))].map(([key, { total, amounts }]) => [key, Number(total), amounts])),
  );
  const { rows: entries } = await world.pool.query<{ position: string }>(
    `select position::text from analytics.entries`,
  );
  const events = await world.store.readAll({ after: 0n, limit: 10_000 });
  expect(sort(entries.map((entry) => entry.position))).toEqual(sort(events.map((event) => String(event.position))));
}

const healed = (host: ProjectionHost) => (): Promise<boolean> =>
  host.ready().then(
    () => true,
    () => false,
  );

describe('events that the log has lost', () => {
  it('leave the read models that hold them, and nobody is told that they are there', async () => {
    const host = await start();
    for (let i = 0; i < 20; i++) await world.append(i % 4, counted({ amount: '1.10', day: '2026-01-01' }));
    const lost = await world.append(9, noted({ text: 'of a customer who is in no log' }));
    expect(await host.progress.waitFor(lost, ['test-counts', 'test-timeline'], 5_000)).toBe(lost);
    world.store.failOver(15n);
    await expect(host.progress.waitFor(lost, ['test-counts'], 5_000)).rejects.toBeInstanceOf(PositionLost);
    await until('the read models are rebuilt', healed(host));
    await expectTrueRows(host);
    await world.append(1, counted({ amount: '2.20', day: '2026-01-02' }));
    await expectTrueRows(host);
    expect(await world.rows('entries')).toHaveLength(16);
  });

  it('are found by a process that starts after the failover', async () => {
    const host = await start();
    for (let i = 0; i < 20; i++) await world.append(i % 4, counted({ amount: '1.10', day: '2026-01-01' }));
    expect(await host.progress.waitFor(20n, ['test-counts', 'test-timeline'], 5_000)).toBe(20n);
    await stop();
    world.store.failOver(10n);
    for (let i = 0; i < 20; i++) await world.append(i % 4, counted({ amount: '3.30', day: '2026-01-01' }));
    const second = await start();
    await until('the read models are rebuilt', healed(second));
    await expectTrueRows(second);
  });

  it('are found where nobody told of a failover: a checkpoint is beyond the end of the log', async () => {
    const host = await start();
    for (let i = 0; i < 20; i++) await world.append(i % 4, counted({ amount: '1.10', day: '2026-01-01' }));
    expect(await host.progress.waitFor(20n, ['test-counts', 'test-timeline'], 5_000)).toBe(20n);
    await stop();
    await world.pool.query(`update projections.checkpoints set position = 900 where projection = 'test-counts'`);
    await world.pool.query(`update analytics.counts_by_day set total = 999`);
    const second = await start();
    await until('the read models are rebuilt', healed(second));
    await expectTrueRows(second);
  });

  it('a log’s read models are not taken for those of another', async () => {
    await start();
    await stop();
    await world.pool.query(`update projections.settings set log_id = gen_random_uuid()`);
    await expect(start()).rejects.toThrow('the read models were made of the log');
  });

  it('whatever is lost whenever, the read models come to what the log holds', async () => {
    const step = fc.oneof(
      { weight: 4, arbitrary: fc.record({ append: fc.integer({ min: 1, max: 9 }) }) },
      { weight: 1, arbitrary: fc.record({ lose: fc.integer({ min: 0, max: 12 }) }) },
      { weight: 1, arbitrary: fc.constant({ restart: true }) },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 3, maxLength: 12 }), async (steps) => {
        await stop();
        await world.reset();
        let host = await start();
        let n = 0;
        for (const each of steps) {
          if ('append' in each) {
            for (let i = 0; i < each.append; i++) {
              await world.append(n++ % 5, counted({ amount: `${n}.00`, day: '2026-01-01' }));
            }
          } else if ('lose' in each) {
            const events = await world.store.readAll({ after: 0n, limit: 10_000 });
            world.store.failOver(events.at(-1 - each.lose)?.position ?? 0n);
          } else {
            await stop();
            host = await start();
          }
        }
        await until('the read models are whole', healed(host));
        await expectTrueRows(host);
      }),
      {
        numRuns: 12,
        // Two losses in a row, whose looks at the builds overlap: the later look ended first, and nobody was ready again.
        examples: [[[{ lose: 0 }, { append: 1 }, { lose: 2 }, { append: 1 }]]],
      },
    );
  }, 120_000);
});
