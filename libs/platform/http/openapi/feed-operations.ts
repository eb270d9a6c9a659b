import { z } from 'zod';
import { Id } from '#platform/kernel/ids.js';
import { Position } from '#platform/kernel/position.js';
import { CLOUD_EVENT_ATTRIBUTES } from '#platform/schemas/cloud-event.js';
import type { JsonSchema, SchemaComponents } from '#platform/schemas/components.js';
import { MAY_FOLLOW, MOST_EVENTS, MOST_WAIT } from '../feed-request.js';
import { problems } from './shared.js';

const attributes = CLOUD_EVENT_ATTRIBUTES.filter(({ topicOnly }) => !topicOnly).map(
  ({ name, schema, description, required }) => {
    const { type: _text, ...more } = schema;
    const of = z.string().meta({ ...more, description });
    return [name, required ? of : of.optional()] as const;
  },
);

const CloudEvent = z
  .strictObject({
    ...Object.fromEntries(attributes),
    datacontenttype: z.literal('application/json'),
    data: z
      .record(z.string(), z.unknown())
      .describe('The event itself, as the schema that `dataschema` names has it: `GET /v1/schemas/:type/:version`.'),
  })
  .meta({ id: 'CloudEvent', description: 'An event as it is published: CloudEvents 1.0, structured JSON.' });

const EventPage = z
  .strictObject({
    log: Id.describe('Which log this is; the `source` of its events.'),
    incarnation: z
      .int()
      .min(1)
      .describe('Which incarnation of it: another begins where it goes on without its last events.'),
    after: Position.describe('Where this page begins, exclusive.'),
    through: Position.describe('Up to here all was looked at, whether it is of what was asked for or not.'),
    head: Position.describe('The last position of the log.'),
    more: z.boolean().describe('There are events after `through`.'),
    next: z.string().describe('The `after` of the next page: `through`, and which log and incarnation it is of.'),
    events: z.array(CloudEvent),
  })
  .meta({ id: 'EventPage' });

const parameter = (name: string, description: string, schema: JsonSchema, more: JsonSchema = {}): JsonSchema => ({
  name,
  in: 'query',
  required: false,
  description,
  schema,
  ...more,
});

/** The operation that gives the log by position. */
export function feedOperations({
  components,
}: {
  readonly components: SchemaComponents;
}): [path: string, operation: JsonSchema][] {
  const page = components.schemaOf(EventPage, 'output');
  const event = components.schemaOf(CloudEvent, 'output');
  return [
    [
      '/v1/events',
      {
        operationId: 'EventFeed',
        summary: 'The events of the log after a position, in order',
        description: [
          'For services that follow the log: to begin, to fill a gap, to come back after longer than the topic keeps.',
          'Hand `next` back as `after`, also where a page has no events: it tells how far was looked at. With `wait` an',
          'answer comes as soon as there is something. With `Accept: text/event-stream` events come as they happen, each',
          'under its position as `id`; `event: progress` says how far the log was looked at, `event: problem` is the last.',
          'With `Accept: application/cloudevents-batch+json` the answer is the list of events alone, and the rest is in headers',
          '(`Yad-Next`, `Yad-Through`, `Yad-More` and so on). A position whose event the log has lost is 410, and `goOnAfter` says where to go on.',
          `For the roles ${MAY_FOLLOW.join(', ')}, with a key or token that says what personal values are for: events have them.`,
        ].join(' '),
        tags: ['events'],
        parameters: [
          parameter(
            'after',
            'Events after this position, or after the `next` of a page; from the beginning without it.',
            {
              type: 'string',
              pattern: '^\\d{1,19}(\\.\\d{1,9}\\.[0-9a-f-]{36})?$',
              default: '0',
            },
          ),
          parameter(
            'incarnation',
            'The incarnation of the log in which the position was read, as `yadincarnation` of the event says; `next` tells it by itself.',
            { type: 'integer', minimum: 1, maximum: 999_999_999 },
          ),
          parameter(
            'types',
            'Of these types alone, between commas; what ends with a dot is the beginning of types. Also those that this Yad does not know.',
            { type: 'array', maxItems: 50, items: { type: 'string', pattern: '^[a-z][a-z0-9.-]{0,99}$' } },
            { style: 'form', explode: false },
          ),
          parameter('subject', 'About this customer alone.', { $ref: '#/components/schemas/Id' }),
          parameter('limit', 'Events in one page at most; fewer where they are large.', {
            type: 'integer',
            minimum: 1,
            maximum: MOST_EVENTS,
            default: 500,
          }),
          parameter('wait', 'Seconds to wait where there is nothing yet. A stream needs none.', {
            type: 'integer',
            minimum: 0,
            maximum: MOST_WAIT,
            default: 0,
          }),
          {
            name: 'Last-Event-ID',
            in: 'header',
            required: false,
            description: 'The `id` of the last event that a stream brought; goes before `after`. Such as `1234`.',
            schema: { type: 'string' },
          },
        ],
        responses: {
          200: {
            description: 'The events, and how far the log was looked at',
            content: {
              'application/json': { schema: page, example },
              'application/cloudevents-batch+json': {
                schema: { type: 'array', items: event },
                example: example.events,
              },
              'text/event-stream': {
                schema: { type: 'string' },
                example: `id: 1234\ndata: ${JSON.stringify(example.events[0])}\n\n`,
              },
            },
          },
          ...problems(400, 401, 403, 410, 414, 429, 431, 500, 503),
        },
      },
    ],
  ];
}

const log = '0198f3a0-1b2c-7d3e-8f40-0000000000ff';
const id = '0198f3a0-1b2c-7d3e-8f40-123456789abc';
const example = {
  log,
  incarnation: 1,
  after: '1233',
  through: '1234',
  head: '1234',
  more: false,
  next: `1234.1.${log}`,
  events: [
    {
      specversion: '1.0',
      id: '0198f3a0-1b2c-7d3e-8f40-00000000000a',
      source: `urn:uuid:${log}`,
      type: 'crm.sales.order.confirmed',
      subject: id,
      time: '2011-12-09T12:50:00.000Z',
      datacontenttype: 'application/json',
      dataschema: 'urn:yad:schema:crm.sales.order.confirmed:1',
      recordedtime: '2026-01-15T12:00:00.000Z',
      yadversion: '1',
      yadposition: '1234',
      yadaggregate: 'order',
      yadaggregateid: id,
      yadrevision: '1',
      yadcommandid: '0198f3a0-1b2c-7d3e-8f40-00000000000c',
      yadordinal: '0',
      yadincarnation: '1',
      yadactor: 'shop',
      data: { orderId: id },
    },
  ],
};
