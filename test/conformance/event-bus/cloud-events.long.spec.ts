import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import ajv2020 from 'ajv/dist/2020.js';
import ajvFormats from 'ajv-formats';
import { CloudEvent, Kafka } from 'cloudevents';
import kafkajs from 'kafkajs';
import { eventContracts } from '#contracts/index.js';
import { partitionOf } from '#platform/event-bus/event-bus.js';
import { KafkaPublisher } from '#platform/event-bus/kafka/kafka-publisher.adapter.js';
import { MemoryRelayState } from '#platform/event-bus/relay/memory-relay-state.js';
import { Relay } from '#platform/event-bus/relay/relay.js';
import { PostgresEventStore } from '#platform/event-store/postgres/postgres-event-store.adapter.js';
import type { StoredEvent } from '#platform/kernel/envelope.js';
import { newId } from '#platform/kernel/ids.js';
import { asyncApiDocument } from '#platform/schemas/asyncapi.js';
import { CLOUD_EVENT_ATTRIBUTES } from '#platform/schemas/cloud-event.js';
import { publishedEvents } from '#test/fixtures/published-events.fixture.js';
import { runJava } from '../../support/java.js';
import { describeWithKafka } from '../../support/kafka.js';
import { createTestDatabase } from '../../support/postgres.js';
import { until } from './test-consumer.js';

const PARTITIONS = 6;

/** A customer whose events are in a partition: each has some. */
function subjectIn(partition: number): string {
  let id = newId();
  while (partitionOf(id, PARTITIONS) !== partition) id = newId();
  return id;
}

/** A message as the Java client has read it. */
interface Message {
  readonly partition: number;
  readonly key: string;
  readonly headers: Record<string, string>;
  readonly value: string;
}

// Read by others than us: the plain Java client, and the SDK of CloudEvents.
describeWithKafka('the topic, as services of others read it', (brokers) => {
  const topic = `yad.test.${newId()}`;
  let store: PostgresEventStore;
  let database: Awaited<ReturnType<typeof createTestDatabase>>;
  let events: readonly StoredEvent[];
  let messages: readonly Message[];
  let byPosition: ReadonlyMap<string, Message>;

  beforeAll(async () => {
    database = await createTestDatabase();
    store = await PostgresEventStore.connect({ url: database.url });
    const log = { warn: (): void => {} };
    const publisher = new KafkaPublisher({ store, brokers, topic, partitions: PARTITIONS, log });
    const state = new MemoryRelayState();
    const relay = new Relay({ store, publisher, state, log });
    const running = relay.run();
    const metas = [
      { actor: 'shop' },
      { actor: 'Zoë یاد 😀, "50%"', onBehalfOf: 'a\tb\u0085', correlationId: newId(), causationId: newId() },
    ];
    const past = publishedEvents(
      Array.from({ length: 4 * PARTITIONS }, (_, nth) => subjectIn(nth % PARTITIONS)),
      { marked: false },
    );
    const requests = past.map(({ commandId, position, recordedAt: _recorded, ordinal: _ordinal, ...event }) => ({
      commandId,
      fingerprint: null,
      events: [{ ...event, meta: metas[Number(position) % metas.length]! }],
    }));
    for (let at = 0; at < requests.length; at += 97) await store.append(requests.slice(at, at + 97));
    events = await store.readAll({ after: 0n, limit: 10_000 });
    expect(events.length).toBeGreaterThan(1_500);
    await until('all is published', async () => (await state.position()) === events.at(-1)!.position, 60_000);
    relay.close();
    await running;
    await publisher.close();
    messages = (await runJava('Consume', [brokers.join(','), topic])).map((line) => JSON.parse(line) as Message);
    byPosition = new Map(messages.map((message) => [message.headers['ce_yadposition']!, message]));
  });
  afterAll(async () => {
    await store?.close();
    await database?.drop();
    const admin = new kafkajs.Kafka({ brokers, logLevel: kafkajs.logLevel.NOTHING }).admin();
    await admin.connect();
    await admin.deleteTopics({ topics: [topic] }).catch(() => {});
    await admin.disconnect();
  });

  const decoded = (text: unknown): string => decodeURIComponent(text as string);

  it('holds each event once, in order within its partition, which is that of its customer', () => {
    expect(messages.length).toBe(events.length);
    const held = Array.from({ length: PARTITIONS }, () => '0');
    for (const { partition, key, headers } of messages) {
      expect(partition).toBe(partitionOf(key, PARTITIONS));
      expect(headers['ce_yadprevious']).toBe(held[partition]);
      held[partition] = headers['ce_yadposition']!;
    }
    expect([...byPosition.keys()].map(BigInt).toSorted((a, b) => Number(a - b))).toEqual(
      events.map(({ position }) => position),
    );
    expect(held.every((position) => position !== '0')).toBe(true);
  });

  describe('by the SDK of CloudEvents', () => {
    const read = (event: StoredEvent): CloudEvent<any> => {
      const { key, headers, value } = byPosition.get(String(event.position))!;
      const found = Kafka.toEvent({ key, headers, value, body: value, timestamp: '' } as never) as CloudEvent<any>;
      expect(found.validate()).toBe(true);
      return found;
    };

    it('is a valid event each, with the attributes of the log', () => {
      for (const event of events) {
        const found = read(event);
        expect(found).toMatchObject({
          specversion: '1.0',
          datacontenttype: 'application/json',
          id: event.id,
          source: `urn:uuid:${store.identity.id}`,
          type: event.type,
          subject: event.subject,
          partitionkey: event.subject,
          time: event.occurredAt.toISOString(),
          dataschema: `urn:yad:schema:${event.type}:${event.schemaVersion}`,
          recordedtime: event.recordedAt.toISOString(),
          yadversion: String(event.schemaVersion),
          yadposition: String(event.position),
          yadaggregate: event.aggregate,
          yadaggregateid: event.aggregateId,
          yadrevision: String(event.revision),
          yadcommandid: event.commandId,
          yadordinal: String(event.ordinal),
          yadincarnation: '1',
        });
        const { actor, onBehalfOf, correlationId, causationId } = event.meta;
        expect(decoded(found['yadactor'])).toBe(actor);
        if (onBehalfOf !== undefined) expect(decoded(found['yadonbehalfof'])).toBe(onBehalfOf);
        expect([found['correlationid'], found['causationid']]).toEqual([correlationId, causationId]);
      }
    });

    it('has the event for its data, its personal fields beside the open ones', () => {
      for (const event of events) {
        const { personalData, ...open } = read(event).data;
        expect(open).toEqual(JSON.parse(event.data));
        expect(personalData ?? null).toEqual(event.personalData === null ? null : JSON.parse(event.personalData));
      }
    });
  });

  it('has each message as the AsyncAPI document says: headers and value by its type and version', () => {
    const document = asyncApiDocument({ events: eventContracts, topic, partitions: PARTITIONS });
    const ajv = new ajv2020.Ajv2020({ strict: false, allErrors: true });
    (ajvFormats as any).default(ajv);
    ajv.addSchema(document, 'asyncapi');
    const byType = new Map<string, string>(
      // Without the one that is no event: a fork of the log is told in `log-forks.long.spec.ts`.
      Object.entries<any>(document['components'].messages).flatMap(([key, { headers }]) =>
        headers.allOf ? [[headers.allOf[1].properties.ce_dataschema.const, key] as const] : [],
      ),
    );
    for (const { headers, value } of messages) {
      const key = byType.get(headers['ce_dataschema']!);
      const at = `asyncapi#/components/messages/${key}`;
      for (const [part, what] of [
        ['headers', headers],
        ['payload', JSON.parse(value)],
      ] as const) {
        const validate = ajv.getSchema(`${at}/${part}`)!;
        if (!validate(what)) throw new Error(`${key}: ${ajv.errorsText(validate.errors)} in ${JSON.stringify(what)}`);
      }
    }
    expect(new Set(messages.map(({ headers }) => headers['ce_dataschema'])).size).toBeGreaterThan(70);
  });

  it('has the attributes that are documented, and two of its own', () => {
    const documented = CLOUD_EVENT_ATTRIBUTES.map(({ name }) => `ce_${name}`);
    const required = CLOUD_EVENT_ATTRIBUTES.filter((each) => each.required).map(({ name }) => `ce_${name}`);
    const known = new Set([...documented, 'content-type', 'ce_yadframe', 'ce_yadheads']);
    for (const { headers } of messages) {
      expect(Object.keys(headers).filter((name) => !known.has(name))).toEqual([]);
      expect(required.filter((name) => !(name in headers))).toEqual([]);
    }
  });
});
