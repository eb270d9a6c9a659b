import { join } from 'node:path';
import { projections } from '#analytical/index.js';
import { eventContracts } from '#contracts/index.js';
import { PostgresEventStore } from '#platform/event-store/postgres/postgres-event-store.adapter.js';
import { EventCatalogue } from '#platform/kernel/event-catalogue.js';
import { runningEmbedded } from '#platform/postgres/embedded/running-embedded.js';
import { openProjectionAdmin } from '#platform/projections/prepare.js';
import type { ProjectionAdmin } from '#platform/projections/projection-admin.js';
import { PlaintextCodec } from '#platform/privacy/plaintext-codec.js';
import { Stopped } from './exit-codes.js';

/** The database to work on: DATABASE_URL, else that of the Yad which runs on YAD_DATA (.data). */
export function databaseUrl(): string {
  const url = process.env['DATABASE_URL'];
  if (url) return url;
  const dataDir = join(process.env['YAD_DATA'] ?? '.data', 'postgres');
  const found = runningEmbedded(dataDir);
  if (found) return found;
  throw new Error(`no Yad is running on ${dataDir}: start it with npm start, or name a database in DATABASE_URL`);
}

function partitionsOfBus(): number {
  const text = process.env['YAD_PARTITIONS'] ?? '6';
  if (!/^[1-9]\d{0,3}$/.test(text)) throw new Error(`YAD_PARTITIONS: '${text}' is not a number of partitions`);
  return Number(text);
}

/** Opens the store and the read models for work that Ctrl-C stops in order; a second one ends the process at once. */
export async function withAdmin(work: (admin: ProjectionAdmin, signal: AbortSignal) => Promise<void>): Promise<void> {
  const url = databaseUrl();
  const partitions = partitionsOfBus();
  const stop = new AbortController();
  const handlers = (['SIGINT', 'SIGTERM'] as const).map((name) => {
    const handler = (): void => {
      console.error('\nstopping in order; once more stops at once');
      stop.abort(new Stopped(name));
    };
    process.once(name, handler);
    return () => process.off(name, handler);
  });
  try {
    const store = await PostgresEventStore.connect({ url });
    try {
      const codec = new PlaintextCodec(new EventCatalogue(eventContracts));
      const options = { store, codec, projections, databaseUrl: url, partitions };
      const { admin, close } = await openProjectionAdmin(options);
      await work(admin, stop.signal).finally(close);
    } finally {
      await store.close();
    }
  } catch (error) {
    // What fails because it was stopped is no failure of its own.
    throw stop.signal.aborted ? stop.signal.reason : error;
  } finally {
    for (const off of handlers) off();
  }
}
