import {
  AppendConsistencyViolationError,
  CancelledError,
  DeadlineExceededError,
  NotLeaderError,
  StreamNotFoundError,
  TimeoutError,
  UnavailableError,
  UnknownError,
  UnsupportedError,
} from '@kurrent/kurrentdb-client';
import { YadError } from '#platform/kernel/errors.js';

/** The server cannot hold what decisions have read: it is older than 26.1. */
export class ServerTooOld extends YadError {
  readonly kind = 'server-too-old';
  /** Told without its place in the code. */
  readonly code = 'server-too-old';
  constructor(where: string, cause?: unknown) {
    super(
      `the KurrentDB at ${where} has no AppendRecords in its list of features: an append over several streams with checks ` +
        'of what was read needs KurrentDB 26.1 or later',
      { cause },
    );
  }
}

/** The append was not done: streams are not as it expected, by their place in its checks. */
export class Violated extends Error {
  /** @param actual the last revision of each stream that is not as expected, -1 for none, by the index of its check */
  constructor(readonly actual: ReadonlyMap<number, number>) {
    super('streams are not as the append expected');
  }
}

/** The store was closed. */
export class StoreClosed extends Error {
  constructor() {
    super('the event store was closed');
  }
}

/** What the server refused because streams are not as was expected; undefined for any other error. */
export function violatedOf(error: unknown): Violated | undefined {
  if (!(error instanceof AppendConsistencyViolationError)) return undefined;
  const actual = error.violations.map(({ checkIndex, actualState }): [number, number] => [
    checkIndex,
    // Of what was deleted the server gives a negative number of its own.
    typeof actualState === 'bigint' && actualState >= 0n ? Number(actualState) : -1,
  ]);
  return new Violated(new Map(actual));
}

export const isUnsupported = (error: unknown): boolean => error instanceof UnsupportedError;
/** The server is away, or the client takes it to be. */
export const isAway = (error: unknown): boolean => error instanceof UnavailableError;
export const isNoStream = (error: unknown): boolean => error instanceof StreamNotFoundError;

/** No record begins at the position that a subscription was to begin at. Of a read this cannot be told. */
export const isInvalidPosition = (error: unknown): boolean =>
  /invalid ?position/i.test(error instanceof Error ? error.message : '');

const raw = (error: unknown): string => {
  const { message = '', details = '' } = error as { message?: string; details?: string };
  return `${message} ${details}`;
};

/** Another node leads now, or none until one is elected. The client knows v1's word for it; in v2 it is an error that it has no name for. */
export const isNotLeader = (error: unknown): boolean =>
  error instanceof NotLeaderError ||
  (error instanceof UnknownError && /not the leader|NOT_LEADER|no leader info/i.test(raw(error)));

/** What the call never got as far as: nothing was done. */
const NEVER_SENT =
  /no connection established|ECONNREFUSED|name resolution|ENOTFOUND|EAI_AGAIN|not (yet )?ready|failed to discover|too many attempts|channel (was )?(been )?(closed|shut)/i;
/** Words for a connection that broke, where the client has no class for it. */
const BROKEN = /transport|connection|broken pipe|h2 protocol|stream closed|GOAWAY|RST_STREAM|error sending|socket/i;

/** gRPC's codes for a call that broke, was ended or waited too long: what the client has not made an error of its own of. */
const BROKEN_CALL: readonly unknown[] = [1, 4, 13, 14];

/** The client asks for the server's features by itself, and gives that call's error as it came. */
const isBrokenCall = (error: unknown): boolean =>
  error instanceof Error && BROKEN_CALL.includes((error as { code?: unknown }).code);

export function isTransient(error: unknown): boolean {
  if (isBrokenCall(error)) return true;
  if (isNotLeader(error) || isTimeout(error)) return true;
  if (error instanceof UnavailableError || error instanceof CancelledError) return true;
  return NEVER_SENT.test(raw(error)) || (error instanceof UnknownError && BROKEN.test(raw(error)));
}

export function isOutcomeUnknown(error: unknown): boolean {
  return isTransient(error) && !isNotLeader(error) && !NEVER_SENT.test(raw(error));
}

/** The server, or this client, waited too long: for the disk, for the other nodes, for an answer. */
const isTimeout = (error: unknown): boolean =>
  error instanceof DeadlineExceededError ||
  error instanceof TimeoutError ||
  // The native reads have no name for it.
  (error instanceof UnknownError && /operation timed out/i.test(raw(error)));
