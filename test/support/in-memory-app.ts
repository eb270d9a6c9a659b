import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { definitions } from '#apps/definitions.js';
import { MemoryEventStore } from '#platform/event-store/memory/memory-event-store.adapter.js';
import { createHttpApp } from '#platform/http/create-http-app.js';
import { keysOfThisProcess } from '#platform/http/cursor-keys/cursor-keys.js';
import { servedBy } from '#platform/runtime/composition.js';
import { TrustingAuthenticator } from './trusting-authenticator.js';

/** The operations app on a store in memory: all commands, and the auditors' API. */
export function inMemoryOperations(): Promise<NestFastifyApplication> {
  const served = servedBy(definitions, ['commands', 'audit'], { store: new MemoryEventStore() });
  return createHttpApp({
    ...served,
    authenticator: new TrustingAuthenticator(),
    cursorKeys: keysOfThisProcess(),
    logger: false,
  });
}
