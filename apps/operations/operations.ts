import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { eventContracts } from '#contracts/index.js';
import { commands, resources } from '#operational/index.js';
import { auditQueries } from '#platform/audit/audit.queries.js';
import { StoreFreshness } from '#platform/audit/store-freshness.js';
import { CommandPipeline } from '#platform/command-handling/command-pipeline.js';
import { ResourceReader } from '#platform/command-handling/resource-reader.js';
import type { EventStore } from '#platform/event-store/event-store.js';
import { createHttpApp, type HttpAppOptions } from '#platform/http/create-http-app.js';
import { EventCatalogue } from '#platform/kernel/event-catalogue.js';
import type { Aggregate } from '#platform/kernel/aggregate.js';
import { PlaintextCodec } from '#platform/privacy/plaintext-codec.js';

/** Every event of the published language, to decode with. */
export const codec = new PlaintextCodec(new EventCatalogue(eventContracts));

/** Every aggregate that some command decides on. */
export const aggregates: readonly Aggregate[] = [...new Set(commands.map(({ on }) => on))];

/** The writing side over HTTP: all commands, and the auditors' API on the log. It reads no read model. */
export function operationsApp(
  store: EventStore,
  options: Partial<HttpAppOptions> = {},
): Promise<NestFastifyApplication> {
  return createHttpApp({
    commands,
    gateway: new CommandPipeline({ store, codec }),
    commandSecret: store.identity.lastingKeyFor('commands'),
    resources,
    reader: new ResourceReader(store, codec),
    queries: auditQueries({ store, codec, aggregates }),
    read: { rows: () => Promise.reject(new Error('this app has no read models')) },
    freshness: new StoreFreshness(store),
    readiness: { store: () => store.checkWritable() },
    ...options,
  });
}
