import type { JsonSchema } from './components.js';

/** One attribute of a published event (CloudEvents 1.0). On Kafka it is the header `ce_<name>`. */
export interface CloudEventAttribute {
  readonly name: string;
  readonly schema: JsonSchema;
  readonly description: string;
  readonly required: boolean;
  /** On the topic only: it says where a message stands there. */
  readonly topicOnly?: true;
}

const text = (more: JsonSchema = {}): JsonSchema => ({ type: 'string', ...more });
const uuid = text({ format: 'uuid' });
const instant = text({ format: 'date-time' });
const decimal = text({ pattern: '^\\d{1,19}$' });
const always = (name: string, schema: JsonSchema, description: string): CloudEventAttribute => ({
  name,
  schema,
  description,
  required: true,
});
const sometimes = (name: string, schema: JsonSchema, description: string): CloudEventAttribute => ({
  ...always(name, schema, description),
  required: false,
});

/** Every attribute that a consumer can go by, in the order in which they are written. All values are text. */
export const CLOUD_EVENT_ATTRIBUTES: readonly CloudEventAttribute[] = [
  always('specversion', text({ const: '1.0' }), 'The version of CloudEvents.'),
  always('id', uuid, 'Id of the event.'),
  always('source', text({ pattern: '^urn:uuid:' }), 'The log that it is of: `urn:uuid:<id of the log>`.'),
  always('type', text(), 'What happened.'),
  always('subject', uuid, 'The customer that it is about; the key of the message, too.'),
  always('time', instant, 'When it happened (business time).'),
  always(
    'dataschema',
    text({ format: 'uri' }),
    'Names the JSON Schema of the data: `urn:yad:schema:<type>:<version>`.',
  ),
  always('recordedtime', instant, 'When Yad learnt it; never decreases with the position.'),
  sometimes('correlationid', text(), 'What the command belongs to.'),
  sometimes('causationid', text(), 'Id of the event or command that caused this one.'),
  always('yadversion', decimal, 'Version of the schema of its data.'),
  always('yadposition', decimal, 'Its position in the log: a total order over all customers.'),
  {
    ...always(
      'yadprevious',
      decimal,
      'Position of the event before it in its partition, 0 for the first: where that was not read, something is missing.',
    ),
    topicOnly: true,
  },
  always('yadaggregate', text(), 'The kind of aggregate that it changed.'),
  always('yadaggregateid', uuid, 'The id of that aggregate.'),
  always('yadrevision', decimal, 'Its place in the history of that aggregate, from 0.'),
  always('yadcommandid', uuid, 'Id of the command that it was decided by.'),
  always('yadordinal', decimal, 'Its place among the events of that command, from 0.'),
  always('yadincarnation', decimal, 'The incarnation of the log in which it was known to be in the log.'),
  always('yadactor', text(), 'Who sent the command.'),
  sometimes('yadonbehalfof', text(), 'For whom they acted.'),
  sometimes(
    'traceparent',
    text({ pattern: '^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$' }),
    'The trace that its command was recorded in (the extension for distributed tracing of CloudEvents); not covered by any code, so nothing but traces goes by it.',
  ),
];
