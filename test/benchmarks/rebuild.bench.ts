import { projections } from '#analytical/index.js';
import { eventContracts } from '#contracts/index.js';
import { CommandPipeline } from '#platform/command-handling/command-pipeline.js';
import type { EventStore } from '#platform/event-store/event-store.js';
import { PostgresEventStore } from '#platform/event-store/postgres/postgres-event-store.adapter.js';
import { EventCatalogue } from '#platform/kernel/event-catalogue.js';
import { openProjectionAdmin } from '#platform/projections/prepare.js';
import { PlaintextCodec } from '#platform/privacy/plaintext-codec.js';
import { writeHistory } from './history.js';
import type { Row } from './measure.js';

const PAGE = 1_000;

/** A rebuild of all read models from a realistic log, beside a paged read of that log that decodes nothing. */
export async function rebuildBenchmark(databaseUrl: string, events: number): Promise<Row> {
  const store = await PostgresEventStore.connect({ url: databaseUrl });
  try {
    const codec = new PlaintextCodec(new EventCatalogue(eventContracts));
    await writeHistory(new CommandPipeline({ store, codec }), events);
    const { admin, close } = await openProjectionAdmin({ store, codec, projections, databaseUrl, partitions: 6 });
    try {
      const count = await rawRead(store);
      const before = await timed(() => rawRead(store));
      const took = await timed(() => admin.rebuild([], { swap: 'never', compare: false }));
      const after = await timed(() => rawRead(store));
      const baseline = count / ((before + after) / 2);
      return {
        name: 'rebuild',
        value: count / took,
        unit: 'events/s',
        baseline,
        ratio: count / took / baseline,
        note: `raw paged read of the same ${count} events; ${admin.names.length} read models`,
      };
    } finally {
      await close();
    }
  } finally {
    await store.close();
  }
}

async function rawRead(store: EventStore): Promise<number> {
  let count = 0;
  for (let after = 0n; ;) {
    const page = await store.readAll({ after, limit: PAGE });
    if (page.length === 0) return count;
    count += page.length;
    after = page.at(-1)!.position;
  }
}

/** Seconds. */
async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return (performance.now() - start) / 1000;
}
