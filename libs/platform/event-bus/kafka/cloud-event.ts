import type { IHeaders, KafkaMessage, Message } from 'kafkajs';
import type { StoredEvent, StoredMeta } from '#platform/kernel/envelope.js';
import {
  attributeText,
  PERSONAL_DATA_NAME,
  publishedData,
  schemaId,
  textOfAttribute,
} from '#platform/kernel/published-event.js';
import type { BusMessage, Published } from '../event-bus.js';
import { LOG_FORKED, type LogForked } from '#platform/kernel/log-forked.js';
import type { MessageAuthenticator, Refusal } from './message-authenticator.js';

/** A message as a reader has it. */
export type ReceivedMessage = Pick<KafkaMessage, 'key' | 'value' | 'headers'>;

/**
 * A CloudEvents 1.0 message in binary mode: attributes are headers, the body is the event itself, its personal fields
 * in `personalData` beside the open ones. Three attributes are for Yad's own readers: `yadframe` (bytes of data, bytes
 * of personalData, code) cuts the stored bytes out again and shows the message to be the relay's, `yadincarnation` that
 * its event is in the log, `yadheads` on the last message of each partition in a send where all partitions end
 * (`position`, then `partition:position` of each).
 */
export function toKafkaMessage(
  { event, partition, previous, published }: BusMessage,
  authenticator: Pick<MessageAuthenticator, 'source' | 'incarnation' | 'sign'>,
): Message {
  const { id, type, subject: key, data, personalData, meta } = event;
  const value = publishedData(event);
  const personalBytes = personalData === null ? 0 : Buffer.byteLength(personalData);
  const headers: Record<string, string> = {
    'content-type': 'application/json',
    ce_specversion: '1.0',
    ce_id: id,
    ce_source: authenticator.source,
    ce_type: type,
    ce_subject: key,
    ce_time: event.occurredAt.toISOString(),
    ce_dataschema: schemaId(type, event.schemaVersion),
    ce_recordedtime: event.recordedAt.toISOString(),
    ce_yadversion: String(event.schemaVersion),
    ce_yadposition: String(event.position),
    ce_yadprevious: String(previous),
    ce_yadaggregate: event.aggregate,
    ce_yadaggregateid: event.aggregateId,
    ce_yadrevision: String(event.revision),
    ce_yadcommandid: event.commandId,
    ce_yadordinal: String(event.ordinal),
    ce_yadincarnation: String(authenticator.incarnation),
    ce_yadactor: attributeText(meta.actor),
    ce_yadframe: `${Buffer.byteLength(data)},${personalBytes}`,
  };
  if (meta.correlationId !== undefined) headers['ce_correlationid'] = attributeText(meta.correlationId);
  if (meta.causationId !== undefined) headers['ce_causationid'] = attributeText(meta.causationId);
  if (meta.onBehalfOf !== undefined) headers['ce_yadonbehalfof'] = attributeText(meta.onBehalfOf);
  if (meta.traceparent !== undefined) headers['ce_traceparent'] = meta.traceparent;
  if (published) headers['ce_yadheads'] = headsText(published);
  const said = linesOf(headers['ce_yadframe']!, saidBy(headers));
  headers['ce_yadframe'] += `,${authenticator.sign({ partition, said, key, value })}`;
  // Never ahead of this clock: brokers refuse what is dated an hour from now, which would stop all that follows.
  const timestamp = String(Math.min(event.recordedAt.getTime(), Date.now()));
  return { key, partition, timestamp, value, headers };
}

/**
 * Attributes that a reader goes by, all of which the code covers. Source and key say whose they are. `traceparent` is
 * none of them: a forged one misleads a trace and nothing else, and readers of before know none.
 */
const SAID = [
  'ce_id',
  'ce_type',
  'ce_time',
  'ce_recordedtime',
  'ce_yadversion',
  'ce_yadposition',
  'ce_yadprevious',
  'ce_yadaggregate',
  'ce_yadaggregateid',
  'ce_yadrevision',
  'ce_yadcommandid',
  'ce_yadordinal',
  'ce_yadincarnation',
  'ce_yadactor',
  'ce_correlationid',
  'ce_causationid',
  'ce_yadonbehalfof',
  'ce_yadheads',
] as const;

/** What they say, in that order. */
type Said = readonly (string | undefined)[];

const saidBy = (headers: IHeaders): Said => SAID.map((name) => headers[name]?.toString());

/** A line for each, as none has a line break in it; an empty one where it is absent. */
function linesOf(lengths: string, said: Said): string {
  let lines = lengths;
  for (const each of said) lines += each === undefined ? '\n' : `\n${each}`;
  return lines;
}

/** What a message is to a reader whose partition holds all through a position. */
export type Reading =
  | { readonly is: 'event'; readonly message: BusMessage }
  /** A repeat. */
  | { readonly is: 'held' }
  /** The log goes on without what it lost; readers of ours hear of it from the log itself. */
  | { readonly is: 'fork' }
  | { readonly is: 'refused'; readonly why: Refusal };

const HELD: Reading = { is: 'held' };
const FORK: Reading = { is: 'fork' };
const refused = (why: Refusal): Reading => ({ is: 'refused', why });

/** Lengths of data and personal data, the code. */
const FRAME = /^(\d{1,10}),(\d{1,10}),([^,]*)$/;
const DECIMAL = /^\d{1,19}$/;

/**
 * Reads a message of a partition. What is the relay's of this log is believed; a repeat costs no code.
 * @param after the position that the reader holds
 */
export function readMessage(
  { key, value, headers }: ReceivedMessage,
  partition: number,
  after: bigint,
  authenticator: Pick<MessageAuthenticator, 'isOurs' | 'isFromRelay' | 'heardOf' | 'refusalOf'>,
): Reading {
  const frame = headers?.['ce_yadframe']?.toString();
  const at = headers?.['ce_yadposition']?.toString();
  const parts = frame === undefined ? null : FRAME.exec(frame);
  if (!headers || !parts) return refused('not readable');
  // Before its position is looked at, which says nothing where it is of another log.
  if (!authenticator.isOurs(headers['ce_source'])) return refused('of another log');
  if (at === undefined) return forkIn(headers, partition, value, parts[3]!, authenticator);
  if (!DECIMAL.test(at)) return refused('not readable');
  const position = BigInt(at);
  if (position <= after) return HELD;
  if (!key || !value) return refused('not readable');
  const [, dataBytes, personalBytes, code] = parts as unknown as [string, string, string, string];
  const said = saidBy(headers);
  const subject = key.toString();
  const signed = { partition, said: linesOf(`${dataBytes},${personalBytes}`, said), key: subject, value };
  const why = authenticator.refusalOf(signed, code, position, Number(said[12]));
  if (why) return refused(why);
  // What has the relay's code is as the relay makes it.
  const data = cut(value, Number(dataBytes), Number(personalBytes));
  if (!data) return refused('not readable');
  const event = eventOf(position, subject, said, data, traceIn(headers));
  return { is: 'event', message: { partition, event, previous: BigInt(said[6]!), published: publishedOf(said[17]) } };
}

function forkIn(
  headers: IHeaders,
  partition: number,
  value: Buffer | null,
  code: string,
  authenticator: Pick<MessageAuthenticator, 'isFromRelay' | 'heardOf'>,
): Reading {
  if (headers['ce_type']?.toString() !== LOG_FORKED || !value) return refused('not readable');
  if (!authenticator.isFromRelay({ partition, said: LOG_FORKED, key: '', value }, code)) {
    return refused('not from the relay');
  }
  authenticator.heardOf((JSON.parse(value.toString()) as LogForked).incarnation);
  return FORK;
}

const TRACEPARENT = /^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/;

function traceIn(headers: IHeaders): string | undefined {
  const trace = headers['ce_traceparent']?.toString();
  return trace !== undefined && TRACEPARENT.test(trace) ? trace : undefined;
}

function eventOf(
  position: bigint,
  subject: string,
  said: Said,
  data: readonly [string, string | null],
  traceparent: string | undefined,
): StoredEvent {
  const meta: StoredMeta = { actor: textOfAttribute(said[13]!) };
  if (said[14] !== undefined) meta.correlationId = textOfAttribute(said[14]);
  if (said[15] !== undefined) meta.causationId = textOfAttribute(said[15]);
  if (said[16] !== undefined) meta.onBehalfOf = textOfAttribute(said[16]);
  if (traceparent !== undefined) meta.traceparent = traceparent;
  return {
    position,
    aggregate: said[7]!,
    aggregateId: said[8]!,
    revision: Number(said[9]),
    id: said[0]!,
    type: said[1]!,
    schemaVersion: Number(said[4]),
    occurredAt: new Date(said[2]!),
    recordedAt: new Date(said[3]!),
    subject,
    commandId: said[10]!,
    ordinal: Number(said[11]),
    meta,
    data: data[0],
    personalData: data[1],
  };
}

/** `data` and `personalData` byte for byte; undefined where the lengths are not those of the body. */
function cut(value: Buffer, data: number, personalData: number): readonly [string, string | null] | undefined {
  if (personalData === 0) return value.length === data ? [value.toString(), null] : undefined;
  const end = value.length - 1;
  const start = end - personalData;
  // With or without a comma, as there are open fields.
  const between = start - (data - 1);
  if (between !== PERSONAL_DATA_NAME.length && between !== PERSONAL_DATA_NAME.length + 1) return undefined;
  return [`${value.toString('utf8', 0, data - 1)}}`, value.toString('utf8', start, end)];
}

const headsText = ({ position, heads }: Published): string =>
  [position, ...[...heads].map(([partition, head]) => `${partition}:${head}`)].join(',');

/** What a message says of all partitions; undefined when it says nothing. */
function publishedOf(text: string | undefined): Published | undefined {
  if (text === undefined) return undefined;
  const [position, ...heads] = text.split(',');
  const pairs = heads.map((pair) => pair.split(':'));
  return {
    position: BigInt(position!),
    heads: new Map(pairs.map(([partition, head]) => [Number(partition), BigInt(head!)])),
  };
}
