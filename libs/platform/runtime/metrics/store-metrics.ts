import type { AppendObserver } from '#platform/event-store/appender.js';
import type { EventStore } from '#platform/event-store/event-store.js';
import type { Clock } from '#platform/kernel/clock.js';
import type { Metrics, Sample } from '#platform/observability/metrics.js';
import { openPools } from '#platform/postgres/pool.js';

/** How far the log is, and which incarnation of it this is. */
export function measureStore(metrics: Metrics, store: Pick<EventStore, 'head' | 'identity'>): void {
  metrics.pull(
    'store',
    {
      head: { name: 'yad_store_head_position', help: 'The last position of the log.' },
      incarnation: {
        name: 'yad_store_incarnation',
        help: 'How often the log has gone on without events that it lost (failover, restore).',
      },
    },
    async () => ({
      head: [[{}, Number((await store.head()).position)]],
      incarnation: [[{}, store.identity.current.number]],
    }),
  );
}

/** The appends of all commands of a process. @returns what is to be told of each */
export function measureAppends(metrics: Metrics): AppendObserver {
  const seconds = metrics.histogram('yad_append_duration_seconds', 'How long one append to the log took.');
  const sizes = [1, 2, 5, 10, 25, 50, 100, 250, 500, 1_000];
  const commands = metrics.histogram('yad_append_commands', 'Commands in one append.', [], sizes);
  const events = metrics.histogram('yad_append_events', 'Events in one append.', [], sizes);
  const failures = metrics.counter('yad_append_failures_total', 'Appends that the database did not do.');
  return ({ requests, ms, failed }) => {
    seconds.observe(ms / 1000);
    commands.observe(requests.length);
    let count = 0;
    for (const request of requests) count += request.events.length;
    events.observe(count);
    if (failed) failures.inc();
  };
}

/** The connections of this process to its databases, by what they are for. */
export function measurePools(metrics: Metrics): void {
  metrics.pull(
    'pools',
    {
      connections: {
        name: 'yad_db_connections',
        help: 'Connections of a pool, by whether somebody has them.',
        labels: ['pool', 'state'],
      },
      most: { name: 'yad_db_connections_max', help: 'Connections that a pool may have.', labels: ['pool'] },
      waiting: { name: 'yad_db_connections_waiting', help: 'Who waits for a connection.', labels: ['pool'] },
    },
    () => {
      const pools = openPools();
      return {
        connections: pools.flatMap(({ name: pool, total, idle }): Sample[] => [
          [{ pool, state: 'in-use' }, total - idle],
          [{ pool, state: 'idle' }, idle],
        ]),
        most: pools.map(({ name: pool, most }): Sample => [{ pool }, most]),
        waiting: pools.map(({ name: pool, waiting }): Sample => [{ pool }, waiting]),
      };
    },
  );
}

/** How old the first event after a position is, in seconds; 0 where there is none. */
export async function ageAfter(store: Pick<EventStore, 'readAll'>, position: bigint, clock: Clock): Promise<number> {
  const [next] = await store.readAll({ after: position, limit: 1 });
  return next ? Math.max(0, (clock.now().getTime() - next.recordedAt.getTime()) / 1000) : 0;
}
