import { streamName, type StreamId } from './envelope.js';

/** One place in the input and what is wrong there. */
export interface InputIssue {
  /** JSON pointer into the body, e.g. `/lines/0/quantity`. */
  pointer: string;
  message: string;
}

/** An error that the sender can understand; the HTTP shell turns `kind` into a problem+json type and status. */
export abstract class YadError extends Error {
  abstract readonly kind: string;
}

/** The input does not fit its schema. Nothing was stored. */
export class InvalidInput extends YadError {
  readonly kind = 'invalid-input';
  constructor(
    readonly issues: InputIssue[],
    message = 'the input does not fit its schema',
  ) {
    super(message);
  }
}

/** A guard of the aggregate refused the command. Nothing was stored. */
export class RuleViolation extends YadError {
  readonly kind = 'rule-violated';
  constructor(
    readonly rule: string,
    message?: string,
  ) {
    super(message ?? `refused by the rule ${rule}`);
  }
}

/** What was asked for does not exist. */
export class NotFound extends YadError {
  readonly kind = 'not-found';
}

/** The revision named in If-Match is not the current one. */
export class StaleRevision extends YadError {
  readonly kind = 'stale-revision';
  constructor(
    readonly stream: StreamId,
    readonly expected: number,
    readonly actual: number,
  ) {
    super(`${streamName(stream)} is at revision ${actual}, not at ${expected}`);
  }
}

/** The idempotency key was used before with another body. */
export class KeyReused extends YadError {
  readonly kind = 'idempotency-key-reused';
  constructor(readonly commandId: string) {
    super('this idempotency key was used before for another command or body');
  }
}

/** Other writers were faster several times over; the same command may be sent again. */
export class TooContended extends YadError {
  readonly kind = 'too-contended';
  constructor(readonly stream: StreamId) {
    super(`${streamName(stream)} changed under the command again and again; send it again`);
  }
}

/** More work is waiting than the process will take on. */
export class Overloaded extends YadError {
  readonly kind = 'overloaded';
  constructor(message = 'too many commands are waiting; send it again later') {
    super(message);
  }
}

/** The clocks of this process and of the database are too far apart to record anything. */
export class ClocksApart extends YadError {
  readonly kind = 'clocks-apart';
}

/** The event at this position was lost: the log goes on without the last commits of an earlier incarnation. */
export class PositionLost extends YadError {
  readonly kind = 'position-lost';
  /** @param goOnAfter the last position that is still what it was, where that is known: all after it is to be read anew */
  constructor(
    readonly position: bigint,
    message = `the event at position ${position} is no longer in the log: it was lost with an earlier incarnation`,
    readonly goOnAfter?: bigint,
  ) {
    super(message);
  }
}

/**
 * The connection to the store was lost while a command was being stored, and has not come back in time: it may be
 * stored, now or in a moment, or not. It is never told as refused.
 */
export class OutcomeUnknown extends YadError {
  readonly kind = 'outcome-unknown';
  /** @param keyed the sender gave a key under which the command can be sent again without harm */
  constructor(keyed: boolean, cause?: unknown) {
    super(
      keyed
        ? 'the database did not answer: whether the command was stored is not known; send it again with the same Idempotency-Key'
        : 'the database did not answer: whether the command was stored is not known; it had no Idempotency-Key, so look for its events before you send it again',
      { cause },
    );
  }
}

/** A read model is asked for columns or tables that come with its new version, which is still being built. */
export class BeingBuilt extends YadError {
  readonly kind = 'being-built';
  constructor(readonly projections: readonly string[]) {
    super(`a new version is being built of ${projections.join(', ')}; ask again when it is live`);
  }
}

/** What is asked for is of a moment that the read models have not come to. */
export class NotYetThere extends YadError {
  readonly kind = 'not-yet-there';
}

/** A sender has as many questions about everybody under way as one may have. */
export class TooManyAtOnce extends YadError {
  readonly kind = 'too-many-at-once';
  constructor(sender: string, most: number) {
    super(`'${sender}' has ${most} heavy questions under way, as many as it may; ask again when one is answered`);
  }
}

/** More questions about everybody are asked at once than the process will work on. */
export class TooManyHeavyQueries extends YadError {
  readonly kind = 'too-many-heavy-queries';
  constructor() {
    super('too many questions that look at everybody are being answered; ask again later');
  }
}

/** A question took longer than the database may work on one; it was stopped. */
export class TookTooLong extends YadError {
  readonly kind = 'took-too-long';
  constructor() {
    super('the answer took too long and was stopped; ask for less (a shorter span, fewer customers), or again later');
  }
}

/** Refuses the command, naming the rule, when `holds` is false. */
export function rule(name: string, holds: boolean, message?: string): asserts holds {
  if (!holds) throw new RuleViolation(name, message);
}
