import { KafkaPublisher } from '#platform/event-bus/kafka/kafka-publisher.adapter.js';
import { PostgresRelayState } from '#platform/event-bus/relay/postgres-relay-state.js';
import { Relay } from '#platform/event-bus/relay/relay.js';
import type { EventStore } from '#platform/event-store/event-store.js';
import { consoleLog, type Log } from '#platform/observability/log.js';
import { busLogOf } from './bus-log.js';
import { awaitDatabases } from './await-databases.js';
import { openDatabases } from './databases.js';
import { openStore } from './open-store.js';
import type { Tracing } from '#platform/observability/tracing.js';
import { tracePublishing } from './traces.js';
import type { Lifecycle } from './lifecycle.js';
import type { Databases, KafkaSettings } from './connections.js';

export interface RelayOptions {
  /** That of the log, where the relay's record lies, too, and that which knows what the log had. */
  readonly databases: Pick<Databases, 'store' | 'keys' | 'eventStore'>;
  readonly kafka: KafkaSettings;
  readonly partitions: number;
  readonly log?: Log;
  readonly tracing?: Tracing | undefined;
}

export interface RunningRelay {
  readonly relay: Relay;
  readonly state: PostgresRelayState;
  readonly store: EventStore;
  readonly publisher: KafkaPublisher;
  /** Resolves when the relay has ended, to the error where it was not told to. */
  readonly ended: Promise<unknown>;
}

/** How long a stopping relay may wait for the send that is under way; what it breaks off is sent again by the next. */
const LAST_SEND_MS = 5_000;

/** Wires a relay and starts it. */
export async function startRelay(
  { databases, kafka, partitions, log: to = consoleLog, tracing }: RelayOptions,
  lifecycle: Lifecycle,
): Promise<RunningRelay> {
  const { store: database } = databases;
  const all = { ...databases, readModels: database };
  await awaitDatabases(all, ['store', 'keys'], { log: to });
  await openDatabases(all, ['store', 'keys'], to);
  const store = await openStore(databases, lifecycle, to);
  const state = await lifecycle.opened('relay state', PostgresRelayState.connect(database));
  const log = busLogOf(to);
  const { brokers, signIn, topic, settings } = kafka;
  const publisher = new KafkaPublisher({
    store,
    brokers: [...brokers],
    clientId: 'yad-relay',
    ...signIn,
    topic,
    partitions,
    settings,
    log,
  });
  lifecycle.onStop('kafka', () => publisher.close());
  const relay = new Relay({
    store,
    publisher,
    state,
    log,
    onPublished: tracing && tracePublishing(tracing, topic),
  });
  let stopping = false;
  const ended = publisher
    .open()
    .then(() => relay.run())
    .then(
      () => (stopping ? undefined : new Error('the relay has ended')),
      (error: unknown) => (stopping ? undefined : error),
    );
  lifecycle.onStop('relay', async () => {
    stopping = true;
    relay.close();
    // A send that cannot end, as Kafka is away, is broken off by the publisher's end, which comes next.
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, LAST_SEND_MS)));
    await Promise.race([ended, late]);
    clearTimeout(timer);
  });
  return { relay, state, store, publisher, ended };
}
