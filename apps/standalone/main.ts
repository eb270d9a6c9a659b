import { join } from 'node:path';
import { projections, queries } from '#analytical/index.js';
import { eventContracts } from '#contracts/index.js';
import { commands, resources } from '#operational/index.js';
import { auditQueries } from '#platform/audit/audit.queries.js';
import { StoreFreshness } from '#platform/audit/store-freshness.js';
import { CommandPipeline } from '#platform/command-handling/command-pipeline.js';
import { ResourceReader } from '#platform/command-handling/resource-reader.js';
import { LocalBus } from '#platform/event-bus/local/local-bus.adapter.js';
import { PostgresEventStore } from '#platform/event-store/postgres/postgres-event-store.adapter.js';
import { PostgresCursorKeys } from '#platform/http/cursor-keys/postgres-cursor-keys.adapter.js';
import { createHttpApp } from '#platform/http/create-http-app.js';
import { portFrom, serve } from '#platform/http/serve.js';
import { EventCatalogue } from '#platform/kernel/event-catalogue.js';
import { startEmbeddedPostgres, type EmbeddedPostgres } from '#platform/postgres/embedded/embedded-postgres.js';
import { ProjectionHost } from '#platform/projections/running/projection-host.js';
import { PlaintextCodec } from '#platform/privacy/plaintext-codec.js';
import { welcome } from './welcome.js';

// All of Yad in one process: what `npm start` runs. The database comes with it unless DATABASE_URL names another.
const dataDir = process.env['YAD_DATA'] ?? join(process.cwd(), '.data');
let embedded: EmbeddedPostgres | undefined;
try {
  const port = portFrom('PORT', 3000);
  const named = process.env['DATABASE_URL'];
  if (!named) embedded = await startEmbeddedPostgres({ dataDir: join(dataDir, 'postgres'), log: console.log });
  const url = named ?? embedded!.url;
  const codec = new PlaintextCodec(new EventCatalogue(eventContracts));
  const store = await PostgresEventStore.connect({ url });
  const cursorKeys = await PostgresCursorKeys.connect(url);
  const pipeline = new CommandPipeline({ store, codec });
  const bus = new LocalBus(store);
  const host = await ProjectionHost.start({
    bus,
    store,
    codec,
    projections,
    databaseUrl: url,
    onError: (error) => console.error('read models:', error),
  });
  const aggregates = [...new Set(commands.map(({ on }) => on))];
  const app = await createHttpApp({
    commands,
    gateway: pipeline,
    commandSecret: store.identity.lastingKeyFor('commands'),
    resources,
    reader: new ResourceReader(store, codec),
    queries: [...queries, ...auditQueries({ store, codec, aggregates })],
    read: host.readModels,
    freshness: new StoreFreshness(store, host.progress),
    cursorKeys,
    readiness: { store: () => store.checkWritable(), 'read models': () => host.ready() },
  });
  const close = async (): Promise<void> => {
    await host.stop();
    await bus.close();
    await cursorKeys.close();
    await store.close();
    await embedded?.stop();
  };
  const address = await serve(app, { port, close });
  console.log(welcome(address, named ? 'the database that DATABASE_URL names' : dataDir));
} catch (error) {
  await embedded?.stop();
  const { code, message } = error as { code?: string; message: string };
  console.error(code === 'EADDRINUSE' ? `${message}: stop what listens there, or set PORT to another` : error);
  process.exit(1);
}
