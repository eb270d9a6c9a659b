import { z } from 'zod';
import { LocalBus } from '#platform/event-bus/local/local-bus.adapter.js';
import type { EventToAppend } from '#platform/kernel/envelope.js';
import { EventCatalogue } from '#platform/kernel/event-catalogue.js';
import { defineEvent, open } from '#platform/kernel/event-contract.js';
import { newId } from '#platform/kernel/ids.js';
import { PostgresEventStore } from '#platform/event-store/postgres/postgres-event-store.adapter.js';
import { bigint, count } from '#platform/projections/definition/columns.js';
import { on, projection, type Projection } from '#platform/projections/definition/projection.js';
import { table } from '#platform/projections/definition/table.js';
import { ProjectionHost } from '#platform/projections/running/projection-host.js';
import { PlaintextCodec } from '#platform/privacy/plaintext-codec.js';
import { withDatabase } from './databases.js';
import type { Row } from './measure.js';

const CUSTOMERS = 5_000;
const TYPES = 15;
const APPEND = 500;

const events = Array.from({ length: TYPES }, (_, n) =>
  defineEvent({ type: `bench.thing.happened-${n}`, fields: { amount: open(z.number()) } }),
);

/** A small projection as most are: one table with one row a customer, from a few of the types of events. */
function small(n: number): Projection {
  const Happened = table(`bench_${n}`, {
    about: 'What happened',
    columns: { times: count(), last_position: bigint() },
  });
  const own = [events[n % TYPES]!, events[(n + 1) % TYPES]!, events[(n + 7) % TYPES]!];
  return projection({
    name: `bench-${n}`,
    version: 1,
    tables: [Happened],
    on: own.map((event) =>
      on(event, ({ subject, position }) =>
        Happened.change({ subject }, (row) => ({ subject, times: (row?.times ?? 0) + 1, last_position: position })),
      ),
    ),
  });
}

const thirty = Array.from({ length: 30 }, (_, n) => small(n));

/**
 * How many events a second thirty small projections take that one process keeps, beside what two of them take: the same
 * log, the same bus, from the first event to the last checkpoint.
 */
export async function projectionsBenchmark(server: string, seconds: number): Promise<Row> {
  const total = seconds * 4_000;
  const rate = (kept: readonly Projection[]): Promise<number> =>
    withDatabase(server, (url) => rateOf(url, kept, total));
  // The small one before and after, as the machine may change meanwhile.
  const before = await rate(thirty.slice(0, 2));
  const value = await rate(thirty);
  const after = await rate(thirty.slice(0, 2));
  const baseline = (before + after) / 2;
  const note = `two of the same projections; ${total} events of ${TYPES} types about ${CUSTOMERS} customers, each projection handles three of them`;
  return { name: 'projections-30', value, unit: 'events/s', baseline, ratio: value / baseline, note };
}

async function rateOf(url: string, projections: readonly Projection[], total: number): Promise<number> {
  const store = await PostgresEventStore.connect({ url });
  const bus = new LocalBus(store);
  const codec = new PlaintextCodec(new EventCatalogue(events));
  const host = await ProjectionHost.start({ bus, store, codec, projections, databaseUrl: url });
  try {
    const names = projections.map(({ name }) => name);
    const warm = await append(store, 2_000);
    await host.progress.waitFor(warm, names, 60_000);
    const began = performance.now();
    const last = await append(store, total);
    const reached = await host.progress.waitFor(last, names, 300_000);
    if (reached === undefined) throw new Error(`the read models have not come to ${last}`);
    return (total * 1000) / (performance.now() - began);
  } finally {
    await host.stop();
    await bus.close();
    await store.close();
  }
}

/** Appends so many events, as fast as the store takes them. Resolves to the last position. */
async function append(store: PostgresEventStore, total: number): Promise<bigint> {
  const customers = Array.from({ length: CUSTOMERS }, () => newId());
  let last = 0n;
  for (let done = 0; done < total; done += APPEND) {
    const batch = Array.from({ length: Math.min(APPEND, total - done) }, (_, n) => ({
      commandId: newId(),
      fingerprint: null,
      events: [eventOf(customers[(done + n * 7) % CUSTOMERS]!, done + n)],
    }));
    for (const outcome of await store.append(batch)) {
      if (outcome.kind !== 'stored') throw new Error(`not stored: ${outcome.kind}`);
      if (outcome.position > last) last = outcome.position;
    }
  }
  return last;
}

function eventOf(subject: string, n: number): EventToAppend {
  const { type, version } = events[n % TYPES]!;
  return {
    id: newId(),
    aggregate: 'thing',
    aggregateId: newId(),
    revision: 0,
    type,
    schemaVersion: version,
    occurredAt: new Date(),
    subject,
    data: `{"amount":${n}}`,
    personalData: null,
    meta: { actor: 'bench' },
  };
}
