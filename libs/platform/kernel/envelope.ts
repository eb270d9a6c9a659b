import type { Erased } from './erased.js';

/** What is known of an event's making, beside what happened. All but `actor` are optional. */
export interface EventMeta {
  /** Who sent the command. */
  actor: string;
  onBehalfOf?: string;
  /** Why, in the sender's words. */
  reason?: string | Erased;
  correlationId?: string;
  /** Id of the event or command that caused this one. */
  causationId?: string;
  /** The trace that its command was recorded in (W3C Trace Context); absent where it was not. */
  traceparent?: string;
}

/** The part of it that is stored in the clear; `reason` is free text, and so among the personal data. */
export type StoredMeta = Omit<EventMeta, 'reason'>;

/** A stream: the events of one aggregate, by its name and id. An event is one too: it names its stream. */
export interface StreamId {
  /** Name of the aggregate. */
  readonly aggregate: string;
  readonly aggregateId: string;
}

/** An event as the store takes it: decided, serialised, with the exact revision it must get. */
export interface EventToAppend {
  id: string;
  /** Name of the aggregate that it happened to, and its id: together its stream. */
  aggregate: string;
  aggregateId: string;
  /** 0 for the first event of a stream. */
  revision: number;
  type: string;
  schemaVersion: number;
  /** Business time: when it happened. */
  occurredAt: Date;
  /** The customer it is about: Kafka key and unit of erasure. The same for every event of a stream. */
  subject: string;
  /** JSON of the fields that are not personal, byte for byte what is stored. */
  data: string;
  /**
   * JSON of the personal fields in a part for each retention class, or null when there are none; its own words say in
   * which form: `{"sealed":0,"parts":{"<class>":{…fields}}}` in plaintext.
   */
  personalData: string | null;
  meta: StoredMeta;
}

/** An event as the store gives it back: stored bytes, not yet decoded or upcast. */
export interface StoredEvent extends EventToAppend {
  position: bigint;
  /** When we learnt it; never decreases with the position. */
  recordedAt: Date;
  commandId: string;
  /** Ordinal among the events of its command. */
  ordinal: number;
}

/** An event as folds see it: decoded, upcast to the current version, personal fields in place. */
export interface RecordedEvent<Data = any> {
  id: string;
  aggregate: string;
  aggregateId: string;
  revision: number;
  position: bigint;
  type: string;
  schemaVersion: number;
  occurredAt: Date;
  recordedAt: Date;
  subject: string;
  commandId: string;
  meta: EventMeta;
  data: Data;
}

/** A stream in one text, `<aggregate>-<id>`, for those who read it: answers, messages of errors, logs. */
export const streamName = ({ aggregate, aggregateId }: StreamId): string => `${aggregate}-${aggregateId}`;
