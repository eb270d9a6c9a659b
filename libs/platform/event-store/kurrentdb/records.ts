import type { EventToAppend, StoredEvent, StoredMeta } from '#platform/kernel/envelope.js';
import type { AppendRequest } from '../event-store.js';
import { parseMeta } from '../stored-meta.js';
import type { Names } from './names.js';

/** A record as an append takes it. */
export interface NewRecord {
  readonly streamName: string;
  readonly record: {
    readonly id: string;
    readonly contentType: 'application/octet-stream';
    readonly type: string;
    readonly data: Buffer;
    readonly metadata: Record<string, string>;
  };
}

/** A record as the client gives it. Numbers come as one or the other, by the way it was read. */
export interface RawRecord {
  readonly streamId: string;
  readonly id: string;
  readonly revision: bigint | number;
  readonly type: string;
  readonly isJson: boolean;
  readonly created: Date;
  readonly data: unknown;
  readonly metadata?: unknown;
  readonly position?: { readonly commit: bigint | number; readonly prepare: bigint | number };
}

/** What an event's properties say of it, beside its data: texts, as the server keeps no other. */
export interface Properties {
  readonly occurredAt: string;
  readonly schemaVersion: string;
  readonly commandId: string;
  readonly ordinal: string;
  readonly meta: string;
  /** Absent where it is the aggregate itself. */
  readonly subject?: string;
  /** How much of the body is data; absent where there are no personal fields. */
  readonly dataBytes?: string;
  /** Of the first event of a command: how many it has. */
  readonly events?: string;
  /** Likewise; absent where it has none. */
  readonly fingerprint?: string;
}

const PERSONAL = ',"personalData":';
const OPEN = '{"data":';
const OPEN_BYTES = OPEN.length;
const BETWEEN_BYTES = PERSONAL.length;

/**
 * An event as a record. The body is JSON text, written as bytes: the client parses and writes anew what it takes for
 * JSON, and digits and spaces would not come back as they were stored.
 */
export function recordOf(names: Names, request: AppendRequest, ordinal: number): NewRecord {
  const event = request.events[ordinal]!;
  const { data, personalData } = event;
  const metadata: Record<string, string> = {
    occurredAt: event.occurredAt.toISOString(),
    schemaVersion: String(event.schemaVersion),
    commandId: request.commandId,
    ordinal: String(ordinal),
    meta: metaText(event.meta),
  };
  if (event.subject !== event.aggregateId) metadata['subject'] = event.subject;
  if (personalData !== null) metadata['dataBytes'] = String(Buffer.byteLength(data));
  if (ordinal === 0) {
    metadata['events'] = String(request.events.length);
    if (request.fingerprint) metadata['fingerprint'] = request.fingerprint.toString('hex');
  }
  const body = personalData === null ? `${OPEN}${data}}` : `${OPEN}${data}${PERSONAL}${personalData}}`;
  return {
    streamName: names.stream(event),
    record: {
      id: event.id,
      contentType: 'application/octet-stream',
      type: event.type,
      data: Buffer.from(body),
      metadata,
    },
  };
}

/** Where a record is in the log. @throws Error where the server did not say */
export function positionOf({ position, streamId, revision }: RawRecord): bigint {
  if (position === undefined) throw new Error(`the server gave no position of ${streamId} ${revision}`);
  return BigInt(position.commit);
}

/** The properties of an event of ours. @throws Error for what was written by somebody else */
export function propertiesOf({ metadata, isJson, data, streamId, revision }: RawRecord): Properties {
  const given = metadata as Partial<Properties> | undefined;
  if (isJson || !(data instanceof Uint8Array) || typeof given?.commandId !== 'string' || !given.occurredAt) {
    throw new Error(`the event ${revision} of ${streamId} was not written by Yad, or is damaged`);
  }
  return given as Properties;
}

/** Bytes of an event's data and personal fields, about. */
export const bytesOf = ({ data }: RawRecord): number => (data as Uint8Array).length;

export const subjectOf = ({ subject }: Properties, aggregateId: string): string => subject ?? aggregateId;

/** An event as the store gives it, with the time at which it counts as recorded. */
export function storedEventOf(names: Names, raw: RawRecord, recordedAt: Date): StoredEvent {
  const properties = propertiesOf(raw);
  const { aggregate, aggregateId } = names.streamIdOf(raw.streamId);
  const { data, personalData } = bodyOf(raw, properties);
  return {
    position: positionOf(raw),
    aggregate,
    aggregateId,
    revision: Number(raw.revision),
    id: raw.id,
    type: raw.type,
    schemaVersion: Number(properties.schemaVersion),
    occurredAt: new Date(properties.occurredAt),
    recordedAt,
    subject: subjectOf(properties, aggregateId),
    commandId: properties.commandId,
    ordinal: Number(properties.ordinal),
    meta: parseMeta(properties.meta),
    data,
    personalData,
  };
}

/** The body taken apart by its lengths: it is not parsed here. */
function bodyOf(raw: RawRecord, { dataBytes }: Properties): Pick<EventToAppend, 'data' | 'personalData'> {
  const view = raw.data as Uint8Array;
  const body = Buffer.from(view.buffer, view.byteOffset, view.length);
  if (dataBytes === undefined) return { data: body.toString('utf8', OPEN_BYTES, body.length - 1), personalData: null };
  const end = OPEN_BYTES + Number(dataBytes);
  if (body.toString('latin1', end, end + BETWEEN_BYTES) !== PERSONAL) {
    throw new Error(`the event ${raw.revision} of ${raw.streamId} is damaged: its parts are not where they should be`);
  }
  return {
    data: body.toString('utf8', OPEN_BYTES, end),
    personalData: body.toString('utf8', end + BETWEEN_BYTES, body.length - 1),
  };
}

const texts = new WeakMap<StoredMeta, string>();

/** A meta's JSON; a command's events share one meta object. */
function metaText(meta: StoredMeta): string {
  let text = texts.get(meta);
  if (text === undefined) texts.set(meta, (text = JSON.stringify(meta)));
  return text;
}
