// The relay as a process: from the event store to Kafka. Run two: one works, the other waits for its lease.
import type { Server } from 'node:http';
import { KafkaPublisher } from '#platform/event-bus/kafka/kafka-publisher.adapter.js';
import { PostgresRelayState } from '#platform/event-bus/relay/postgres-relay-state.js';
import { Relay } from '#platform/event-bus/relay/relay.js';
import { PostgresEventStore } from '#platform/event-store/postgres/postgres-event-store.adapter.js';
import { HealthCheck, serveHealth } from './health.js';
import { readSettings } from './settings.js';

/** How long a stopping relay may take before it is ended; what it had under way is sent again by the next. */
const GRACE_MS = 10_000;

async function main(): Promise<void> {
  const settings = readSettings(process.env);
  const store = await PostgresEventStore.connect({ url: settings.databaseUrl });
  const state = await PostgresRelayState.connect(settings.databaseUrl);
  const { brokers, topic, partitions } = settings;
  const publisher = new KafkaPublisher({ store, brokers, clientId: 'yad-relay', topic, partitions });
  const relay = new Relay({ store, publisher, state });

  let stopping = false;
  const stop = (): void => {
    if (stopping) return;
    stopping = true;
    console.log('relay: stopping');
    relay.close();
    // A send that cannot end (Kafka is away) is broken off; the events stay in the store for the next relay.
    setTimeout(() => void publisher.close(), GRACE_MS / 2).unref();
    setTimeout(() => process.exit(0), GRACE_MS).unref();
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);

  let server: Server | undefined;
  const check = new HealthCheck(relay, state, store, publisher).start();
  if (settings.port !== undefined) server = await serveHealth(settings.port, settings.host, check);
  console.log(`relay: store -> ${topic} (${partitions} partitions) on ${brokers.join(', ')}`);
  await publisher
    .open()
    .then(() => relay.run())
    .catch((error: unknown) => {
      if (!stopping) throw error;
    });
  server?.close();
  await Promise.all([publisher.close(), state.close(), store.close()]);
  console.log('relay: stopped');
}

main().then(
  () => process.exit(0),
  (error: unknown) => {
    // Exits, whatever is still open: a relay that does nothing must not look healthy.
    console.error('relay:', error);
    process.exit(1);
  },
);
