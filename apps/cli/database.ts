import { join } from 'node:path';
import type { EmbeddedLogin } from '#platform/postgres/embedded/logins.js';
import { runningEmbedded } from '#platform/postgres/embedded/running-embedded.js';
import type { AsOf } from '#platform/projections/as-of/as-of.js';
import { openProjectionAdmin, openSnapshots, type AdminOptions } from '#platform/projections/prepare.js';
import type { ProjectionAdmin } from '#platform/projections/projection-admin.js';
import type { Snapshots } from '#platform/projections/snapshots/snapshots.js';
import { codecOf } from '#platform/runtime/codec.js';
import { databasesOf, type Databases } from '#platform/runtime/connections.js';
import { readSettings, type Environment } from '#platform/runtime/environment.js';
import { snapshotsOf } from '#platform/runtime/snapshots.js';
import { openDatabases } from '#platform/runtime/databases.js';
import { connectStore } from '#platform/runtime/open-store.js';
import { definitions } from '../definitions.js';
import { Stopped } from './exit-codes.js';

/**
 * The databases to work on: those that the settings name, else that of the Yad which runs on YAD_DATA (.data).
 * @param login of the embedded server; where the settings name a database, they name the login, too
 */
export function databases(
  environment: Environment = readSettings(process.env),
  login: EmbeddedLogin = 'apps',
): Databases {
  const { DATABASE_URL, STORE_URL, READ_MODELS_URL, KEYS_URL, YAD_DATA } = environment;
  if (DATABASE_URL || (STORE_URL && READ_MODELS_URL && KEYS_URL)) return databasesOf(environment);
  const embedded = runningEmbedded(join(YAD_DATA, 'postgres'), login);
  if (embedded) return databasesOf(environment, embedded);
  throw new Error(`no Yad is running on ${YAD_DATA}: start it with npm start, or name a database in DATABASE_URL`);
}

/** Opens the store and the read models for work that Ctrl-C stops in order; a second one ends the process at once. */
export async function withAdmin(work: (admin: ProjectionAdmin, signal: AbortSignal) => Promise<void>): Promise<void> {
  await withReadModels(async (options, _environment, signal) => {
    const { admin, close } = await openProjectionAdmin(options);
    await work(admin, signal).finally(close);
  });
}

/** The same for work on snapshots. */
export async function withSnapshots(
  work: (snapshots: Snapshots, points: AsOf, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  await withReadModels(async (options, environment, signal) => {
    const { bounds } = snapshotsOf(environment);
    const onError = (error: unknown): void => console.error(`yad: ${(error as Error).message}`);
    const { snapshots, points } = await openSnapshots({ ...options, bounds, onError });
    await work(snapshots, points, signal).finally(() => snapshots.stop());
  });
}

async function withReadModels(
  work: (options: AdminOptions, environment: Environment, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const environment = readSettings(process.env);
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
    const opened = await openDatabases(databases(environment), ['store', 'readModels']);
    const { readModels: databaseUrl } = opened;
    const store = await connectStore(opened);
    try {
      const { projections, events } = definitions;
      const codec = codecOf(events);
      const partitions = environment.YAD_PARTITIONS;
      await work({ store, codec, projections, databaseUrl, partitions }, environment, stop.signal);
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
