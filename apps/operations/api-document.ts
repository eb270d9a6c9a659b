import { auditQueries } from '#platform/audit/audit.queries.js';
import { MemoryEventStore } from '#platform/event-store/memory/memory-event-store.adapter.js';
import { openApiDocument } from '#platform/http/openapi/document.js';
import { codecOf } from '#platform/runtime/codec.js';
import { aggregatesOf } from '#platform/runtime/composition.js';
import { definitions } from '../definitions.js';

/** The OpenAPI document of all that Yad serves, commands, read models and the auditors' API. */
export function apiDocument(): Record<string, any> {
  const { commands, resources, queries, events, documentWords } = definitions;
  // The document needs the definitions alone; nothing is asked of this store.
  const log = { store: new MemoryEventStore(), codec: codecOf(events) };
  return openApiDocument({
    words: documentWords,
    commands,
    resources,
    queries: [...queries, ...auditQueries({ ...log, aggregates: aggregatesOf(commands) })],
  });
}
