import { projections, queries } from '#analytical/index.js';
import { eventContracts } from '#contracts/index.js';
import { KafkaBus } from '#platform/event-bus/kafka/kafka-bus.adapter.js';
import { PostgresRelayState } from '#platform/event-bus/relay/postgres-relay-state.js';
import { PostgresEventStore } from '#platform/event-store/postgres/postgres-event-store.adapter.js';
import { PostgresCursorKeys } from '#platform/http/cursor-keys/postgres-cursor-keys.adapter.js';
import { createHttpApp } from '#platform/http/create-http-app.js';
import { portFrom, required, serve, wholeFrom } from '#platform/http/serve.js';
import { EventCatalogue } from '#platform/kernel/event-catalogue.js';
import { ProjectionHost } from '#platform/projections/running/projection-host.js';
import { PlaintextCodec } from '#platform/privacy/plaintext-codec.js';

const url = required('DATABASE_URL');
const store = await PostgresEventStore.connect({ url });
const cursorKeys = await PostgresCursorKeys.connect(url);
const relay = await PostgresRelayState.connect(url);
const bus = new KafkaBus({
  store,
  brokers: required('KAFKA_BROKERS').split(','),
  clientId: 'yad-analytics',
  topic: process.env['YAD_TOPIC'],
  partitions: wholeFrom('YAD_PARTITIONS', 6, 10_000),
  published: {
    heads: () => relay.heads(),
    eventAt: async (position) => (await store.readAll({ after: position - 1n, through: position, limit: 1 }))[0],
  },
});
const host = await ProjectionHost.start({
  bus,
  store,
  codec: new PlaintextCodec(new EventCatalogue(eventContracts)),
  projections,
  databaseUrl: url,
  published: () => relay.published(),
  onError: (error) => console.error('read models:', error),
});
const app = await createHttpApp({
  queries,
  read: host.readModels,
  freshness: host.progress,
  cursorKeys,
  readiness: { store: () => store.head(), 'read models': () => host.ready(), kafka: async () => bus.note },
});
const close = async (): Promise<void> => {
  await host.stop();
  await bus.close();
  await relay.close();
  await cursorKeys.close();
  await store.close();
};
console.log(`analytics answers on ${await serve(app, { port: portFrom('PORT', 3001), close })}`);
