import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import { LocalBus } from '#platform/event-bus/local/local-bus.adapter.js';
import { PostgresEventStore } from '#platform/event-store/postgres/postgres-event-store.adapter.js';
import { storedForm } from '#test/fixtures/stored-form.fixture.js';
import { newId } from '#platform/kernel/ids.js';
import { connect, createPool, type Pool } from '#platform/postgres/pool.js';
import { ProjectionHost } from '#platform/projections/running/projection-host.js';
import { createTestDatabase } from '../../support/postgres.js';
import { codec, counted, counts, PARTITIONS, subjectOf, timeline } from './fixture.js';

const SECONDS = 20;

describe('swaps under load', () => {
  let database: Awaited<ReturnType<typeof createTestDatabase>>;
  let store: PostgresEventStore;
  let bus: LocalBus;
  let host: ProjectionHost;
  let pool: Pool;
  const troubles: unknown[] = [];

  beforeAll(async () => {
    database = await createTestDatabase();
    store = await PostgresEventStore.connect({ url: database.url });
    bus = new LocalBus(store, { partitions: PARTITIONS });
    host = await ProjectionHost.start({
      bus,
      store,
      codec,
      projections: [counts(), timeline()],
      databaseUrl: database.url,
      onError: (error) => troubles.push(error),
    });
    pool = createPool(database.url, { max: 4 });
  });
  afterAll(async () => {
    await host.stop();
    await bus.close();
    await store.close();
    await pool.end();
    await database.drop();
  });

  it('hold up no reader, lose no event and end, while people read the views in long transactions', async () => {
    const run = { done: false };
    let written = 0;
    const writers = Array.from({ length: 4 }, async (_, writer) => {
      while (!run.done) {
        const event = counted({ amount: '1.00', day: '2026-01-01' });
        await store.append(
          Array.from({ length: 10 }, () => ({
            commandId: newId(),
            fingerprint: null,
            events: [
              {
                id: newId(),
                aggregate: 'thing',
                aggregateId: newId(),
                revision: 0,
                type: event.contract.type,
                schemaVersion: event.contract.version,
                occurredAt: new Date(),
                subject: subjectOf((writer * 1000 + written) % 500),
                ...storedForm(event),
                meta: { actor: 'test' },
              },
            ],
          })),
        );
        written += 10;
        await sleep(20);
      }
    });
    // As psql or a dashboard would: a transaction that has read the view and goes on for up to two seconds.
    const people = Array.from({ length: 2 }, async (_, person) => {
      const client = await connect(database.url, { role: 'admin', applicationName: `analyst ${person}` });
      for (let i = 0; !run.done; i++) {
        await client.query('begin');
        await client.query('select count(*) from analytics.entries');
        await client.query('select count(*) from analytics.counts_by_day');
        await sleep((i * 337) % 2_000);
        await client.query('commit');
        await sleep((i * 211) % 500);
      }
      await client.end();
    });
    let [most, slowest] = [0, 0];
    const reader = (async () => {
      while (!run.done) {
        const began = performance.now();
        const { rows } = await pool.query<{ n: number }>('select count(*)::int as n from analytics.entries');
        slowest = Math.max(slowest, performance.now() - began);
        expect(rows[0]!.n).toBeGreaterThanOrEqual(most);
        most = rows[0]!.n;
        await sleep(10);
      }
    })();
    let [swaps, rounds] = [0, 0];
    // Two rounds at least: how many fit into the time is a matter of the machine and of when people look.
    for (const until = Date.now() + SECONDS * 1000; Date.now() < until || rounds < 2; rounds++) {
      for (const result of await host.admin.rebuild()) {
        expect(result).toMatchObject({ swapped: true, comparison: { equal: true } });
        swaps++;
      }
      await host.admin.swapBack('test-timeline');
      swaps++;
    }
    run.done = true;
    await Promise.all([...writers, ...people, reader]);
    const { position } = await store.head();
    expect(await host.progress.waitFor(position, ['test-counts', 'test-timeline'], 20_000)).toBe(position);
    const { projections, log } = await host.admin.verifyAll();
    expect(projections.map(({ comparison, failure }) => comparison?.equal ?? failure)).toEqual([true, true]);
    expect(log).toMatchObject({ holesInAll: 0, streamsInAll: 0, events: written });
    expect((await host.admin.swaps()).length).toBe(swaps);
    console.log(
      `${written} events, ${swaps} swaps, slowest read ${Math.round(slowest)} ms, ${troubles.length} troubles: ${troubles.map(String).join(' · ')}`,
    );
    expect(slowest).toBeLessThan(3_000);
  });
});
