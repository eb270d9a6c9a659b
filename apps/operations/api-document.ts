import { queries } from '#analytical/index.js';
import { commands, resources } from '#operational/index.js';
import { auditQueries } from '#platform/audit/audit.queries.js';
import { MemoryEventStore } from '#platform/event-store/memory/memory-event-store.adapter.js';
import { openApiDocument } from '#platform/http/openapi/document.js';
import { aggregates, codec } from './operations.js';

/** The OpenAPI document of all that Yad serves, commands, read models and the auditors' door. */
export function apiDocument(): Record<string, any> {
  // The document needs the definitions alone; nothing is asked of this store.
  const store = new MemoryEventStore();
  return openApiDocument({
    commands,
    resources,
    queries: [...queries, ...auditQueries({ store, codec, aggregates })],
  });
}
