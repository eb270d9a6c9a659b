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
}

/** The part of it that is stored in the clear; `reason` is free text, and so among the personal data. */
export type StoredMeta = Omit<EventMeta, 'reason'>;

/** An event as the store takes it: decided, serialised, with the exact revision it must get. */
export interface EventToAppend {
  id: string;
  /** `<aggregate>-<uuid>`. */
  stream: string;
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
  stream: string;
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

/** The stream of an aggregate: its name and id. */
export const streamOf = (aggregate: string, id: string): string => `${aggregate}-${id}`;

const ID_LENGTH = 36;

/** The aggregate's name and id in a stream's name; what is not named like a stream is an aggregate's name without id. */
export function partsOfStream(stream: string): { aggregate: string; id: string } {
  const dash = stream.length - ID_LENGTH - 1;
  if (dash < 1 || stream.charCodeAt(dash) !== 45) return { aggregate: stream, id: '' };
  return { aggregate: stream.slice(0, dash), id: stream.slice(dash + 1) };
}
