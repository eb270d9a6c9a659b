import { projections, queries } from '#analytical/index.js';
import { eventContracts } from '#contracts/index.js';
import { commands, resources } from '#operational/index.js';
import { auditQueries } from '#platform/audit/audit.queries.js';
import { StoreFreshness } from '#platform/audit/store-freshness.js';
import { CommandPipeline } from '#platform/command-handling/command-pipeline.js';
import { ResourceReader } from '#platform/command-handling/resource-reader.js';
import { LocalBus } from '#platform/event-bus/local/local-bus.adapter.js';
import type { EventStore } from '#platform/event-store/event-store.js';
import { PostgresEventStore } from '#platform/event-store/postgres/postgres-event-store.adapter.js';
import { createHttpApp } from '#platform/http/create-http-app.js';
import { PostgresCursorKeys } from '#platform/http/cursor-keys/postgres-cursor-keys.adapter.js';
import { conformingClient } from './conforming-client.js';
import { EventCatalogue } from '#platform/kernel/event-catalogue.js';
import { ProjectionHost } from '#platform/projections/running/projection-host.js';
import { PlaintextCodec } from '#platform/privacy/plaintext-codec.js';
import { createTestDatabase } from './postgres.js';

export type Client = Awaited<ReturnType<typeof conformingClient>>;

/** All of Yad in this process, on a database of its own and a real port: what apps/standalone/main.ts composes. */
export interface System {
  readonly url: string;
  readonly databaseUrl: string;
  readonly store: EventStore;
  readonly host: ProjectionHost;
  /** Speaks HTTP over the port, and holds every answer against the document that the system serves. */
  readonly client: Client;
  /** What the read models had trouble with; nothing, in a run without faults. */
  readonly troubles: readonly unknown[];
  /** Position of the last event in the store. */
  head(): Promise<bigint>;
  stop(): Promise<void>;
}

/** Boots a system on a new database. */
export async function startSystem(): Promise<System> {
  const database = await createTestDatabase();
  const { url: databaseUrl } = database;
  const codec = new PlaintextCodec(new EventCatalogue(eventContracts));
  const store = await PostgresEventStore.connect({ url: databaseUrl });
  const pipeline = new CommandPipeline({ store, codec });
  const bus = new LocalBus(store);
  const troubles: unknown[] = [];
  const host = await ProjectionHost.start({
    bus,
    store,
    codec,
    projections,
    databaseUrl,
    onError: (error) => troubles.push(error),
  });
  const aggregates = [...new Set(commands.map(({ on }) => on))];
  const cursorKeys = await PostgresCursorKeys.connect(databaseUrl);
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
    readiness: { store: () => store.head() },
  });
  await app.listen(0, '127.0.0.1');
  const url = (await app.getUrl()).replace('[::1]', '127.0.0.1');
  return {
    url,
    databaseUrl,
    store,
    host,
    client: await clientAt(url),
    troubles,
    head: async () => (await store.head()).position,
    stop: async () => {
      await app.close();
      await cursorKeys.close();
      await host.stop();
      await bus.close();
      await store.close();
      await database.drop();
    },
  };
}

/** A client of the Yad that answers at an address, in whichever process. */
export function clientAt(url: string): Promise<Client> {
  const inject = async (given: string | Sent): Promise<unknown> => {
    const { method, url: path, headers, payload } = typeof given === 'string' ? { ...get, url: given } : given;
    const answer = await fetch(`${url}${path}`, { method, headers, body: payload });
    const text = await answer.text();
    return {
      statusCode: answer.status,
      headers: Object.fromEntries(answer.headers),
      json: () => JSON.parse(text) as unknown,
    };
  };
  return conformingClient({ inject } as any);
}

interface Sent {
  method: string;
  url: string;
  headers?: Record<string, string>;
  payload?: string;
}
const get = { method: 'GET', headers: undefined, payload: undefined };
