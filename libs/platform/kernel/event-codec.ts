import type { EventToAppend, RecordedEvent, StoredEvent } from './envelope.js';
import type { DomainEvent } from './event-contract.js';

/** Where an event is to stand: what its personal fields are bound to, so that they cannot be moved. */
export type EventPlace = Pick<EventToAppend, 'id' | 'aggregate' | 'aggregateId' | 'subject'>;

/** The stored form of what an event says. */
export type StoredForm = Pick<EventToAppend, 'data' | 'personalData'>;

/**
 * Turns events into their stored form and back: the one place where personal fields are taken apart and put together.
 * What it takes for that (keys of subjects) is fetched ahead for a whole batch; encoding and decoding are synchronous.
 */
export interface EventCodec {
  /**
   * Fetches what the events of these subjects need, for all of them at once.
   * @returns undefined where all of it is at hand. What was fetched stays at hand for the synchronous calls that follow.
   */
  prepare(subjects: Iterable<string>): Promise<void> | undefined;
  /**
   * The stored form of a decided event. Its subject must have been prepared.
   * @param reason why, in the sender's words: personal like a field
   */
  encode(event: DomainEvent<any>, place: EventPlace, reason?: string): StoredForm;
  /**
   * The event as folds see it: parsed, upcast to the current version, personal fields in place. Its subject must have
   * been prepared.
   * @throws UnknownEventError, SyntaxError, and whatever an upcast throws
   */
  decode(stored: StoredEvent): RecordedEvent;
  /** The same with all that is personal in it erased: for those who may not see it. Nothing needs to be prepared. */
  decodeErased(stored: StoredEvent): RecordedEvent;
  /** Whether this build knows a type of event in a version: it does not decode others. */
  knows(type: string, version: number): boolean;
  /**
   * What is kept of a command to tell its repeat from another body under the same key. Its subject must have been
   * prepared.
   * @param digest 16 bytes of the command, under a key of the log
   * @returns undefined where the subject's key is gone, so that nothing can be compared
   */
  fingerprint(subject: string, digest: Buffer): Buffer | undefined;
}
