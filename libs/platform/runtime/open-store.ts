import { setTimeout as sleep } from 'node:timers/promises';
import type { EventStore } from '#platform/event-store/event-store.js';
import type { KurrentEventStore } from '#platform/event-store/kurrentdb/kurrentdb-event-store.adapter.js';
import type { SeenEvent } from '#platform/event-store/log-identity.js';
import { PostgresEventStore } from '#platform/event-store/postgres/postgres-event-store.adapter.js';
import type { Log } from '#platform/observability/log.js';
import { LogWitness } from '#platform/witness/log-witness.js';
import type { Databases } from './connections.js';
import type { Lifecycle } from './lifecycle.js';

/** How long an app waits at its start for a KurrentDB that cannot be reached yet. */
const PATIENCE_MS = 30_000;
const AGAIN_MS = 1_000;

export interface ConnectStoreOptions {
  /** What somebody else has seen in the log. */
  readonly seen?: SeenEvent;
  readonly log?: Pick<Log, 'warn' | 'error'>;
  readonly patienceMs?: number;
}

/**
 * Connects to the log: on the engine that is named, or else on PostgreSQL.
 * @throws LogMoved, NotMigrated, ServerTooOld
 */
export function connectStore(
  { store: url, eventStore }: Pick<Databases, 'store' | 'eventStore'>,
  options: ConnectStoreOptions = {},
): Promise<EventStore> {
  const { seen } = options;
  return eventStore === undefined
    ? PostgresEventStore.connect({ url, seen })
    : connectKurrent({ url: eventStore, indexUrl: url }, options);
}

/** @throws ServerTooOld, NotMigrated */
export async function connectKurrent(
  { url, indexUrl }: { url: string; indexUrl: string },
  { seen, log, patienceMs = PATIENCE_MS }: ConnectStoreOptions = {},
): Promise<KurrentEventStore> {
  // Its client takes some forty megabytes, which a process on PostgreSQL, or an import, has no use for.
  const [{ KurrentEventStore }, { isTransient }] = await Promise.all([
    import('#platform/event-store/kurrentdb/kurrentdb-event-store.adapter.js'),
    import('#platform/event-store/kurrentdb/errors.js'),
  ]);
  const until = performance.now() + patienceMs;
  const onTrouble = (trouble: unknown): void => log?.error('the index of the log', { trouble });
  for (let tries = 0; ; tries++) {
    try {
      return await KurrentEventStore.connect({ url, indexUrl, seen, onTrouble });
    } catch (error) {
      if (!isTransient(error) || performance.now() + AGAIN_MS > until) throw error;
      if (tries === 0) log?.warn(`waiting for the KurrentDB of the log (EVENT_STORE): ${(error as Error).message}`);
      await sleep(AGAIN_MS);
    }
  }
}

/**
 * Opens the log, and holds it against what the database of the keys knows of it, where that is another one: in one
 * database both would be put back together.
 * @throws LogMoved, AnotherLogsKeys, NotMigrated, ServerTooOld
 */
export async function openStore(
  databases: Pick<Databases, 'store' | 'keys' | 'eventStore'>,
  lifecycle: Lifecycle,
  log: Pick<Log, 'warn' | 'error'>,
): Promise<EventStore> {
  const { store: url, keys, eventStore } = databases;
  if (keys === url && eventStore === undefined) {
    return lifecycle.opened('event store', connectStore(databases, { log }));
  }
  const witness = await lifecycle.opened('witness', LogWitness.open(keys));
  const store = await lifecycle.opened('event store', connectStore(databases, { seen: witness.seen, log }));
  const { current } = store.identity;
  if (
    witness.seen &&
    current.number > witness.seen.incarnation &&
    store.identity.isLost(witness.seen.position, witness.seen.incarnation)
  ) {
    log.warn(
      `the log lacks what it had up to ${witness.seen.position}: it goes on from ${current.forkedAt} as incarnation ${current.number}`,
    );
  }
  await witness.watch(store, (trouble) => log.error('the witness of the log', { trouble }));
  lifecycle.onStop('watch of the witness', () => witness.rest());
  return store;
}
