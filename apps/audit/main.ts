import { eventContracts } from '#contracts/index.js';
import { commands } from '#operational/index.js';
import { auditQueries } from '#platform/audit/audit.queries.js';
import { StoreFreshness } from '#platform/audit/store-freshness.js';
import { PostgresEventStore } from '#platform/event-store/postgres/postgres-event-store.adapter.js';
import { PostgresCursorKeys } from '#platform/http/cursor-keys/postgres-cursor-keys.adapter.js';
import { createHttpApp } from '#platform/http/create-http-app.js';
import { portFrom, required, serve } from '#platform/http/serve.js';
import { EventCatalogue } from '#platform/kernel/event-catalogue.js';
import { PlaintextCodec } from '#platform/privacy/plaintext-codec.js';

// The auditors' API by itself: the log, and nothing else.
const url = required('DATABASE_URL');
const store = await PostgresEventStore.connect({ url });
const cursorKeys = await PostgresCursorKeys.connect(url);
const aggregates = [...new Set(commands.map(({ on }) => on))];
const app = await createHttpApp({
  queries: auditQueries({ store, codec: new PlaintextCodec(new EventCatalogue(eventContracts)), aggregates }),
  freshness: new StoreFreshness(store),
  cursorKeys,
  readiness: { store: () => store.head() },
});
const close = async (): Promise<void> => {
  await cursorKeys.close();
  await store.close();
};
console.log(`audit answers on ${await serve(app, { port: portFrom('PORT', 3002), close })}`);
