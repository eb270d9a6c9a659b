import type { EventToAppend, StoredEvent, StreamId } from '#platform/kernel/envelope.js';
import type { LogIdentity } from './log-identity.js';

/** What one command asks the store to keep: all of its events or none, and its receipt. */
export interface AppendRequest {
  commandId: string;
  /** 16 bytes that tell this command and body from others; null when the sender gave no key, so none can be reused. */
  fingerprint: Buffer | null;
  /** In order. Events of one stream have consecutive revisions. At least one. */
  events: EventToAppend[];
  /**
   * Requests on whose events the decision counts though they were not stored when it was made. One in the same call
   * comes before this one, and when it is not stored, neither is this; that others are is for the caller to see to.
   * A revision alone does not tell: another writer may have taken it with another event.
   */
  dependsOn?: readonly AppendRequest[];
  /**
   * Streams that the decision looked at and leaves as they are, with the revision that it saw (-1: no event). Where
   * another event has followed by then, or that one is no longer there, the request clashes: what was allowed may not
   * be any more.
   */
  readSet?: readonly StreamRevision[];
  /**
   * The incarnation of the log that the decision's states were read in. In a later one the request clashes: an event
   * that it counts on may have been lost, and its revision taken by another.
   */
  incarnation?: number;
  /** Keys that only one stream may have, and that this request's streams have from now on. */
  reserves?: readonly Reservation[];
}

/** A key that only one stream may have, and that stream, one of the request's own: a source's key, an identity elsewhere. */
export interface Reservation extends StreamId {
  /** Kind of the key; the same key in another scope is another key. */
  readonly scope: string;
  /** The key's HMAC: what is stored names nobody. */
  readonly key: Buffer;
}

/** A reservation's place in a map: its scope and key. */
export const reservationKey = ({ scope, key }: Pick<Reservation, 'scope' | 'key'>): string =>
  `${scope} ${key.toString('base64')}`;

/** A stream and the revision of an event in it; -1 for a stream without events. */
export interface StreamRevision extends StreamId {
  readonly revision: number;
}

/** What the store remembers of a command that it has answered, and the stream that it answered for. */
export interface Receipt extends StreamId {
  commandId: string;
  fingerprint: Buffer | null;
  /** Whom the command's first event is about; of a command without events, whom it was about. */
  subject: string;
  /** Revision of the last event of the command in that stream; for a command without events, the revision it saw. */
  revision: number;
  /** Position of the command's last event, or of the head it saw when it had none. */
  position: bigint;
  events: number;
}

export type AppendOutcome =
  /** `position`: of the request's last event, or a later one of what was stored in the same transaction. */
  | { kind: 'stored'; position: bigint }
  /** The command id is known: nothing was stored again. */
  | { kind: 'repeated'; receipt: Receipt }
  /**
   * Another writer was first: `stream` is not at the revision that the events follow or that was looked at, or what
   * the request depends on was not stored (`dependencyFailed`). Nothing was stored.
   */
  | { kind: 'conflict'; stream: StreamId; dependencyFailed?: true }
  /** Another stream has a key that was to be reserved. Nothing was stored. */
  | { kind: 'taken'; reservation: Reservation; holder: StreamId };

/** The outcome of a request whose stream is not as its decision saw it. */
export const conflictOf = ({ aggregate, aggregateId }: StreamId): AppendOutcome & { kind: 'conflict' } => ({
  kind: 'conflict',
  stream: { aggregate, aggregateId },
});

/** The outcome of a request that depends on one which was not stored. */
export const dependencyFailed = ({ events }: AppendRequest): AppendOutcome => ({
  ...conflictOf(events[0]!),
  dependencyFailed: true,
});

export const isSameStream = (one: StreamId, other: StreamId): boolean =>
  one.aggregateId === other.aggregateId && one.aggregate === other.aggregate;

export interface Head {
  /** 0 for an empty store. */
  position: bigint;
  /** Null for an empty store. */
  recordedAt: Date | null;
}

export interface ReadAllOptions {
  /** Exclusive. */
  after: bigint;
  /** Inclusive; all there is when absent. */
  through?: bigint;
  limit: number;
  /** About how many bytes of events at most; PAGE_BYTES when absent. The first event is always there, however large. */
  bytes?: number;
}

/** Which types of events are asked for: whole names, and how names begin. */
export interface EventTypes {
  readonly names: readonly string[];
  readonly beginnings: readonly string[];
}

export const isOfTypes = ({ names, beginnings }: EventTypes, type: string): boolean =>
  names.includes(type) || beginnings.some((beginning) => type.startsWith(beginning));

export interface ReadStreamOptions {
  fromRevision?: number;
  /** A position, inclusive; all there is when absent. */
  through?: bigint;
  limit?: number;
  /** As in `ReadAllOptions`. */
  bytes?: number;
}

/**
 * Events in order, bounded in number and in bytes. With `cut`, the bytes ended it: more events follow, although there
 * are fewer than were asked for. Otherwise fewer than were asked for are the last.
 */
export type EventPage = StoredEvent[] & { cut?: true };

/** Which part of a stream is asked for, together with parts of others. */
export interface StreamSpan extends StreamId {
  readonly fromRevision: number;
}

export interface StreamEvents {
  /** By revision. */
  readonly events: StoredEvent[];
  /** More may follow: there were as many as were asked for, or the bytes of all streams together ended them. */
  readonly more: boolean;
}

/**
 * The log: the only truth. Positions are a total order, starting at 1; a reader that has seen position n never learns
 * later of an event at or below n. They may have holes: a new incarnation begins far above the last one, and where
 * `identity.positions` is sparse, a hole may follow each event.
 */
export interface EventStore {
  /** Which log this is, as far as this process knows; replaced when another incarnation begins. */
  readonly identity: LogIdentity;
  /** Asks the server which log it holds now, over a new connection. */
  refreshIdentity(): Promise<LogIdentity>;
  /** Calls when another incarnation has begun, before anything else is read or written; returns how to stop that. */
  onIncarnation(listener: (identity: LogIdentity) => void): () => void;
  /**
   * Stores requests in order, in one transaction where none of them clashes. Each request has its own outcome;
   * one that clashes takes no position and does not hinder the others.
   */
  append(requests: AppendRequest[]): Promise<AppendOutcome[]>;
  /**
   * Remembers the answer of a command that decided no event, unless the command is known. Resolves to the receipt
   * that stands: the given one itself when it was kept.
   */
  keepReceipt(receipt: Receipt): Promise<Receipt>;
  /** Receipts by command id. */
  receipts(commandIds: string[]): Promise<Map<string, Receipt>>;
  /** The events of a stream, by revision, 1,000 unless told otherwise; `through` bounds the position. */
  readStream(stream: StreamId, options?: ReadStreamOptions): Promise<EventPage>;
  /**
   * The first events of each span, in one call for all: the answers are in the order of the spans.
   * @param options `limit`: events of one stream at most; `bytes`: about how many bytes at most for all of them together,
   * PAGE_BYTES when absent. The first event is always there, however large.
   */
  readStreams(spans: readonly StreamSpan[], options: { limit: number; bytes?: number }): Promise<StreamEvents[]>;
  /** The last revision of each of these streams, in their order; -1 where one has no events. */
  lastRevisions(streams: readonly StreamId[]): Promise<number[]>;
  readAll(options: ReadAllOptions): Promise<EventPage>;
  /** Events of these types, by position. It looks at every event up to `through`: who asks bounds that. */
  readTypes(types: EventTypes, options: ReadAllOptions & { through: bigint }): Promise<EventPage>;
  /** Events about any of these subjects, by position. */
  readSubjects(subjects: string[], options: ReadAllOptions): Promise<EventPage>;
  /** Position of the last event recorded at or before an instant; 0 when there is none. */
  positionAt(recordedAt: Date): Promise<bigint>;
  head(): Promise<Head>;
  /** Events after a position, for ever, in order and without a hole, until the signal aborts. Pages may have any size. */
  subscribeAll(after: bigint, options: { signal: AbortSignal; limit?: number }): AsyncIterable<StoredEvent[]>;
  /** Rejects, saying why, when nothing can be appended now: the store is away, read-only, full, or its lock is stuck. */
  checkWritable(): Promise<void>;
  /** True for an error after which the same call may succeed: a connection that broke, a server that is away or full. */
  isTransient(error: unknown): boolean;
  /** True for a transient error after which nobody knows whether the call was done: its answer was lost. */
  isOutcomeUnknown(error: unknown): boolean;
  close(): Promise<void>;
}
