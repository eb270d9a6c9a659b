import { expect, it } from '@jest/globals';
import fc from 'fast-check';
import { MessageAuthenticator } from '#platform/event-bus/kafka/message-authenticator.js';
import { toKafkaMessage } from '#platform/event-bus/kafka/cloud-event.js';
import { FeedEvent } from '#platform/event-feed/feed-event.js';
import { MemoryEventStore } from '#platform/event-store/memory/memory-event-store.adapter.js';
import type { StoredEvent } from '#platform/kernel/envelope.js';
import { newId } from '#platform/kernel/ids.js';
import { CLOUD_EVENT_ATTRIBUTES } from '#platform/schemas/cloud-event.js';

/** What stands on the topic alone: where a message stands there, and what Yad's own readers know it by. */
const TOPIC_ONLY = ['yadprevious', 'yadframe', 'yadheads'];

it('topic and feed give the same attributes and the same data, those that the documents name', () => {
  const store = new MemoryEventStore();
  const authenticator = new MessageAuthenticator(store);
  const text = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 12 });
  const told = fc.option(text, { nil: undefined });
  const arbitrary = fc.record({
    meta: fc.record({ actor: text, onBehalfOf: told, correlationId: told, causationId: told }),
    fields: fc.dictionary(fc.string({ maxLength: 5 }), fc.string({ unit: 'grapheme' }), { maxKeys: 3 }),
    name: told,
    occurredAt: fc.date({
      min: new Date('1000-01-01T00:00:00Z'),
      max: new Date('9999-01-01T00:00:00Z'),
      noInvalidDate: true,
    }),
  });
  fc.assert(
    fc.property(arbitrary, ({ meta, fields, name, occurredAt }) => {
      const event: StoredEvent = {
        position: 7n,
        aggregate: 'order',
        aggregateId: newId(),
        revision: 3,
        id: newId(),
        type: 'crm.sales.order.placed',
        schemaVersion: 2,
        occurredAt,
        recordedAt: new Date('2026-01-15T12:00:00.123Z'),
        subject: newId(),
        commandId: newId(),
        ordinal: 1,
        data: JSON.stringify(fields),
        personalData: name === undefined ? null : `{"sealed":0,"parts":{"profile":${JSON.stringify({ name })}}}`,
        meta,
      };
      const { headers, value, key } = toKafkaMessage({ event, partition: 0, previous: 3n }, authenticator);
      const onTopic = Object.entries(headers!)
        .filter(([header]) => header.startsWith('ce_'))
        .map(([header, said]) => [header.slice('ce_'.length), String(said)] as const)
        .filter(([attribute]) => !TOPIC_ONLY.includes(attribute));
      const inFeed = new FeedEvent(event, store.identity).text;
      const { data, datacontenttype, ...attributes } = JSON.parse(inFeed);
      expect(attributes).toEqual(Object.fromEntries(onTopic));
      expect([datacontenttype, attributes.subject]).toEqual([headers!['content-type'], key]);
      expect(inFeed.endsWith(`,"data":${String(value)}}`)).toBe(true);
      expect(data).toEqual(JSON.parse(String(value)));
      const named = CLOUD_EVENT_ATTRIBUTES.filter(({ topicOnly }) => !topicOnly);
      const required = named.filter(({ required: always }) => always).map(({ name: each }) => each);
      expect(Object.keys(attributes)).toEqual(expect.arrayContaining(required));
      expect(named.map(({ name: each }) => each)).toEqual(expect.arrayContaining(Object.keys(attributes)));
    }),
  );
});
