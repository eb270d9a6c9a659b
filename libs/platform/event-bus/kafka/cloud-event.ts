import type { IHeaders, KafkaMessage, Message } from 'kafkajs';
import type { StoredEvent, StoredMeta } from '#platform/kernel/envelope.js';
import type { BusMessage, Published } from '../event-bus.js';
import type { MessageAuthenticator, Refusal } from './message-authenticator.js';

/** `{"data":` comes first, so that `data` starts here. */
const DATA_AT = 8;
/** `,"personalData":` */
const PERSONAL_DATA_GAP = 16;

/** What the body holds beside `data` and `personalData`; the id, type and subject are in the headers and the key. */
interface Envelope {
  aggregate: string;
  aggregateId: string;
  revision: number;
  schemaVersion: number;
  occurredAt: string;
  recordedAt: string;
  commandId: string;
  ordinal: number;
  meta: StoredMeta;
}

/**
 * A CloudEvents 1.0 message in binary mode. Headers cost the client more than the body, so there are the required
 * ones and one extension, `yadframe`: `position,previous,characters of data,characters of personalData,incarnation,code`. With
 * it a reader drops what it holds without parsing, knows the message to be the relay's (MessageAuthenticator), and cuts
 * `data` and `personalData` out byte for byte. The source is the log's id. The last message of each
 * partition in a send has another, `yadheads`: `position`, then `partition:position` of each partition's last event.
 */
export function toKafkaMessage(
  { event, partition, previous, published }: BusMessage,
  authenticator: Pick<MessageAuthenticator, 'source' | 'incarnation' | 'sign'>,
): Message {
  const { data, personalData } = event;
  const envelope: Envelope = {
    aggregate: event.aggregate,
    aggregateId: event.aggregateId,
    revision: event.revision,
    schemaVersion: event.schemaVersion,
    occurredAt: event.occurredAt.toISOString(),
    recordedAt: event.recordedAt.toISOString(),
    commandId: event.commandId,
    ordinal: event.ordinal,
    meta: event.meta,
  };
  const value = `{"data":${data},"personalData":${personalData ?? 'null'},${JSON.stringify(envelope).slice(1)}`;
  const personalLength = personalData === null ? 0 : personalData.length;
  const frame = `${event.position},${previous},${data.length},${personalLength},${authenticator.incarnation}`;
  const heads = published ? headsText(published) : '';
  const { id, type, subject: key } = event;
  const code = authenticator.sign({ partition, frame, key, id, type, heads, value });
  return {
    key,
    partition,
    // Never ahead of this clock: brokers refuse what is dated an hour from now, which would stop all that follows.
    timestamp: String(Math.min(event.recordedAt.getTime(), Date.now())),
    value,
    headers: {
      ce_specversion: '1.0',
      ce_id: id,
      ce_source: authenticator.source,
      ce_type: type,
      ce_yadframe: `${frame},${code}`,
      'content-type': 'application/json',
      ...(published && { ce_yadheads: heads }),
    },
  };
}

const headsText = ({ position, heads }: Published): string =>
  [position, ...[...heads].map(([partition, head]) => `${partition}:${head}`)].join(',');

/** What the message says of all partitions; undefined when it says nothing. */
export function publishedOf(headers: IHeaders | undefined): Published | undefined {
  const text = headers?.['ce_yadheads']?.toString();
  if (text === undefined || !/^\d+(,\d+:\d+)+$/.test(text)) return undefined;
  const [position, ...heads] = text.split(',');
  const pairs = heads.map((pair) => pair.split(':'));
  return {
    position: BigInt(position!),
    heads: new Map(pairs.map(([partition, head]) => [Number(partition), BigInt(head!)])),
  };
}

/** Position, position before it in the partition, the lengths of `data` and `personalData`, and what the code covers. */
export interface Frame {
  position: bigint;
  previous: bigint;
  data: number;
  personalData: number;
  /** The incarnation in which the relay knew the log to hold the event. */
  incarnation: number;
  /** The frame without its code. */
  text: string;
  code: string;
}

/** Undefined when the message is not one of ours. */
export function frameOf(headers: IHeaders | undefined): Frame | undefined {
  const frame = headers?.['ce_yadframe'];
  if (frame === undefined) return undefined;
  const given = frame.toString();
  const end = given.lastIndexOf(',');
  const text = given.slice(0, end);
  const parts = text.split(',');
  if (parts.length !== 5 || !parts.every((part) => /^\d{1,19}$/.test(part))) return undefined;
  return {
    position: BigInt(parts[0]!),
    previous: BigInt(parts[1]!),
    data: Number(parts[2]),
    personalData: Number(parts[3]),
    incarnation: Number(parts[4]),
    text,
    code: given.slice(end + 1),
  };
}

/**
 * Why the message is to be passed over: `held` where its event is not after the position `after`, which is asked first,
 * as a repeat costs no code. Undefined where it is the relay's, and its event in the log.
 */
export function refusalOf(
  { key, value, headers }: Pick<KafkaMessage, 'key' | 'value' | 'headers'>,
  partition: number,
  frame: Frame,
  after: bigint,
  authenticator: Pick<MessageAuthenticator, 'isOurs' | 'refusalOf'>,
): Refusal | 'held' | undefined {
  // Before its position is looked at, which says nothing where it is of another log.
  if (!authenticator.isOurs(headers?.['ce_source'])) return 'of another log';
  if (frame.position <= after) return 'held';
  if (!key || !value) return 'not readable';
  const [id, type] = ['ce_id', 'ce_type'].map((name) => headers?.[name]?.toString() ?? '');
  const heads = headers?.['ce_yadheads']?.toString() ?? '';
  const signed = { partition, frame: frame.text, key, id: id!, type: type!, heads, value };
  return authenticator.refusalOf(signed, frame.code, frame.position, frame.incarnation);
}

/**
 * The event as it was stored.
 * @throws Error when the message does not have the form that its frame promises.
 */
export function toStoredEvent(message: Pick<KafkaMessage, 'key' | 'value' | 'headers'>, frame: Frame): StoredEvent {
  const { key, value, headers } = message;
  if (!key || !value) throw new Error('the message has no key or no value');
  const text = value.toString();
  const personalAt = DATA_AT + frame.data + PERSONAL_DATA_GAP;
  const rest = personalAt + (frame.personalData || 4);
  if (text[rest] !== ',') throw new Error('the message is not framed as its header says');
  const envelope = JSON.parse(`{${text.slice(rest + 1)}`) as Envelope;
  return {
    position: frame.position,
    aggregate: envelope.aggregate,
    aggregateId: envelope.aggregateId,
    revision: envelope.revision,
    id: header(headers, 'ce_id'),
    type: header(headers, 'ce_type'),
    schemaVersion: envelope.schemaVersion,
    occurredAt: new Date(envelope.occurredAt),
    recordedAt: new Date(envelope.recordedAt),
    subject: key.toString(),
    commandId: envelope.commandId,
    ordinal: envelope.ordinal,
    meta: envelope.meta,
    data: text.slice(DATA_AT, DATA_AT + frame.data),
    personalData: frame.personalData ? text.slice(personalAt, rest) : null,
  };
}

function header(headers: IHeaders | undefined, name: string): string {
  const value = headers?.[name];
  if (value === undefined) throw new Error(`the message has no header ${name}`);
  return value.toString();
}
