import { accessLogQuery } from '#platform/audit/access-log.query.js';
import { usualTopic } from '#platform/event-bus/event-bus.js';
import { MemoryEventStore } from '#platform/event-store/memory/memory-event-store.adapter.js';
import { openApiDocument } from '#platform/http/openapi/document.js';
import { asyncApiDocument } from '#platform/schemas/asyncapi.js';
import type { PastReads } from '#platform/projections/as-of/past-reads.js';
import { codecOf } from '#platform/runtime/codec.js';
import { aggregatesOf, logQueries } from '#platform/runtime/composition.js';
import { definitions } from '../definitions.js';

/** The AsyncAPI document of the topic as it is set unless told otherwise. */
export function topicDocument(): Record<string, any> {
  const { events, documentWords } = definitions;
  const { name: topic, partitions } = usualTopic;
  return asyncApiDocument({ events, topic, partitions, samples: documentWords?.samples });
}

/** The document needs the definition alone. */
const nothingNoted = { page: async () => [] };
const nothingRead: PastReads = { asOf: () => Promise.reject(new Error('nothing is asked here')) };

/** The OpenAPI document of all that Yad serves, commands, read models and the auditors' API. */
export function apiDocument(): Record<string, any> {
  const { commands, resources, queries, events, documentWords } = definitions;
  // The document needs the definitions alone; nothing is asked of this store.
  const log = { store: new MemoryEventStore(), codec: codecOf(events), folded: nothingRead };
  return openApiDocument({
    words: documentWords,
    commands,
    resources,
    published: events,
    feed: true,
    snapshots: true,
    queries: [
      ...queries,
      ...logQueries(
        ['commands', 'read-models', 'audit'],
        { ...log, events, resources, aggregates: aggregatesOf(commands) },
        queries,
      ),
      accessLogQuery(nothingNoted),
    ],
  });
}
