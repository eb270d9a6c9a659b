import { join } from 'node:path';
import { projections } from '#analytical/index.js';
import { eventContracts } from '#contracts/index.js';
import { PostgresEventStore } from '#platform/event-store/postgres/postgres-event-store.adapter.js';
import { EventCatalogue } from '#platform/kernel/event-catalogue.js';
import { runningEmbedded } from '#platform/postgres/embedded/running-embedded.js';
import { openProjectionAdmin } from '#platform/projections/prepare.js';
import type { ProjectionAdmin } from '#platform/projections/projection-admin.js';

/** The database to work on: DATABASE_URL, else that of the Yad which runs on YAD_DATA (.data). */
function databaseUrl(): string {
  const url = process.env['DATABASE_URL'];
  if (url) return url;
  const dataDir = join(process.env['YAD_DATA'] ?? '.data', 'postgres');
  const found = runningEmbedded(dataDir);
  if (found) return found;
  throw new Error(`no Yad is running on ${dataDir}: start it with npm start, or name a database in DATABASE_URL`);
}

/** Opens the store and the read models for work that Ctrl-C stops in order. */
export async function withAdmin(work: (admin: ProjectionAdmin, signal: AbortSignal) => Promise<void>): Promise<void> {
  const url = databaseUrl();
  const stop = new AbortController();
  process.once('SIGINT', () => stop.abort(new Error('stopped; the same command goes on where this left off')));
  const store = await PostgresEventStore.connect({ url });
  try {
    const partitions = Number(process.env['YAD_PARTITIONS'] ?? 6);
    const catalogue = new EventCatalogue(eventContracts);
    const { admin, close } = await openProjectionAdmin({ store, catalogue, projections, databaseUrl: url, partitions });
    await work(admin, stop.signal).finally(close);
  } finally {
    await store.close();
  }
}
