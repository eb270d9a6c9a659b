import { LOG_FORKED } from '#platform/kernel/log-forked.js';
import { schemaId } from '#platform/kernel/published-event.js';
import { PERSONAL_DATA, type EventContract } from '#platform/kernel/event-contract.js';
import { CLOUD_EVENT_ATTRIBUTES } from './cloud-event.js';
import { exampleOf, SchemaComponents, type JsonSchema, type Samples } from './components.js';
import { eventName, eventSchemaIn, logForkedSchemaIn } from './event-schemas.js';

export interface PublishedTopic {
  readonly events: readonly EventContract<any>[];
  /** Name of the topic as the system is set. */
  readonly topic: string;
  readonly partitions: number;
  /** What a person would write into a field of this name whose schema tells no example. */
  readonly samples?: Samples;
}

const ABOUT = [
  'Every event of the log, in order by customer, at least once. Each message is a **CloudEvents 1.0** event in binary',
  'mode: attributes are headers (`ce_<name>`), the value is the event itself. A consumer that keeps the highest',
  '`yadposition` that it has taken in each partition drops what it holds already, and sees by `yadprevious` when',
  'something is missing, which `GET /v1/events` gives. The guide for consumers: docs/guides/consumers.md.',
].join(' ');

/** The AsyncAPI 3.1 document of the topic: one message a version of an event. The same contracts give the same bytes. */
export function asyncApiDocument({ events, topic, partitions, samples = {} }: PublishedTopic): JsonSchema {
  const components = new SchemaComponents();
  const schemas: JsonSchema = {};
  const messages: JsonSchema = {};
  for (const contract of events) {
    for (const [version, { breaks }] of contract.versions) {
      const key = `${eventName(contract.type)}.v${version}`;
      if (messages[key]) throw new Error(`two events are named ${key}`);
      const schema = eventSchemaIn(components, contract, version);
      schemas[key] = schema;
      messages[key] = {
        name: contract.type,
        title: schema['title'],
        summary: `${contract.type}, version ${version}${version < contract.version ? ', of earlier: written no more' : ''}`,
        ...(breaks && { description: breaks }),
        contentType: 'application/json',
        headers: {
          allOf: [
            { $ref: '#/components/schemas/CloudEventHeaders' },
            {
              type: 'object',
              properties: {
                ce_type: { const: contract.type },
                ce_dataschema: { const: schemaId(contract.type, version) },
              },
            },
          ],
        },
        payload: { $ref: `#/components/schemas/${key}` },
        bindings: { kafka: { key: { type: 'string', format: 'uuid' }, bindingVersion: '0.5.0' } },
        ...exampleFor(schema, components, samples),
      };
    }
  }
  const forked = logForkedSchemaIn(components);
  schemas['LogForked.v1'] = forked;
  messages['LogForked.v1'] = {
    name: LOG_FORKED,
    title: forked['title'],
    summary: 'The log goes on without its last events: told in every partition, at least once',
    description:
      'No event of the log: it has no key, no customer and no position. What came above `forkedAt` and below `beginsAt` is to be undone; docs/guides/consumers.md tells how.',
    contentType: 'application/json',
    headers: { $ref: '#/components/schemas/LogForkedHeaders' },
    payload: { $ref: '#/components/schemas/LogForked.v1' },
    bindings: { kafka: { bindingVersion: '0.5.0' } },
    ...exampleFor(forked, components, samples),
  };
  return {
    asyncapi: '3.1.0',
    info: {
      title: 'Yad: events',
      version: '1.0.0',
      description: ABOUT,
      license: { name: 'Apache-2.0', url: 'https://www.apache.org/licenses/LICENSE-2.0' },
    },
    defaultContentType: 'application/json',
    servers: {
      kafka: {
        host: '{brokers}',
        protocol: 'kafka',
        description: 'The brokers that the relay publishes to (`KAFKA_BROKERS`)',
        variables: { brokers: { default: 'localhost:9092' } },
      },
    },
    channels: {
      events: {
        address: topic,
        title: 'Events',
        description: `All events, keyed by customer: murmur2 of the key names the partition, as in Kafka's own clients. Retention and limits: docs/guides/kafka.md.`,
        servers: [{ $ref: '#/servers/kafka' }],
        messages: Object.fromEntries(
          Object.keys(messages).map((key) => [key, { $ref: `#/components/messages/${key}` }]),
        ),
        bindings: { kafka: { topic, partitions, bindingVersion: '0.5.0' } },
      },
    },
    operations: {
      publishEvents: {
        action: 'send',
        channel: { $ref: '#/channels/events' },
        summary: 'Yad publishes what has happened',
      },
    },
    components: {
      messages,
      schemas: { ...components.all(), CloudEventHeaders: headers, LogForkedHeaders: forkedHeaders, ...schemas },
    },
  };
}

const headers: JsonSchema = {
  type: 'object',
  description: 'The attributes of a CloudEvents 1.0 event in binary mode; all are text.',
  properties: Object.fromEntries(
    CLOUD_EVENT_ATTRIBUTES.map(({ name, schema, description }) => [`ce_${name}`, { ...schema, description }]),
  ),
  required: CLOUD_EVENT_ATTRIBUTES.filter(({ required }) => required).map(({ name }) => `ce_${name}`),
};

const OF_FORKS = new Set(['specversion', 'source', 'time', 'yadversion', 'yadincarnation']);
const forkedHeaders: JsonSchema = {
  type: 'object',
  description: 'The attributes of what tells a fork.',
  properties: {
    ce_id: { type: 'string', description: 'Of the incarnation and the partition: the same where it is told again.' },
    ce_type: { const: LOG_FORKED },
    ce_dataschema: { const: schemaId(LOG_FORKED, 1) },
    ...Object.fromEntries(
      CLOUD_EVENT_ATTRIBUTES.filter(({ name }) => OF_FORKS.has(name)).map(({ name, schema, description }) => [
        `ce_${name}`,
        { ...schema, description },
      ]),
    ),
  },
  required: ['ce_id', 'ce_type', 'ce_dataschema', ...[...OF_FORKS].map((name) => `ce_${name}`)],
};

function exampleFor(schema: JsonSchema, components: SchemaComponents, samples: Samples): JsonSchema {
  const payload = exampleOf(schema, components, samples) as JsonSchema;
  // Of the two forms of personal data the plain one is first.
  const name = payload[PERSONAL_DATA] ? 'with personal data' : 'plain';
  return { examples: [{ name, payload }] };
}
