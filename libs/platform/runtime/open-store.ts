import { PostgresEventStore } from '#platform/event-store/postgres/postgres-event-store.adapter.js';
import type { Log } from '#platform/observability/log.js';
import { LogWitness } from '#platform/witness/log-witness.js';
import type { Databases } from './connections.js';
import type { Lifecycle } from './lifecycle.js';

/**
 * Opens the log, and holds it against what the database of the keys knows of it, where that is another one: in one
 * database both would be put back together.
 * @throws LogMoved, AnotherLogsKeys, NotMigrated
 */
export async function openStore(
  { store: url, keys }: Pick<Databases, 'store' | 'keys'>,
  lifecycle: Lifecycle,
  log: Pick<Log, 'warn' | 'error'>,
): Promise<PostgresEventStore> {
  if (keys === url) return lifecycle.opened('event store', PostgresEventStore.connect({ url }));
  const witness = await lifecycle.opened('witness', LogWitness.open(keys));
  const store = await lifecycle.opened('event store', PostgresEventStore.connect({ url, seen: witness.seen }));
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
