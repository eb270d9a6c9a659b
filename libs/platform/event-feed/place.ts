import { InvalidInput, PositionLost } from '#platform/kernel/errors.js';
import type { LogIdentity } from '#platform/event-store/log-identity.js';

/** Up to where a consumer has read the log. */
export interface Place {
  /** Of the last event that it has taken; 0 for the beginning. */
  readonly position: bigint;
  /** The incarnation of the log that it read it in; absent: the one that gave the position. */
  readonly incarnation?: number;
  /** The log that it read; absent: this one. */
  readonly log?: string;
}

/** `<position>`, and where more is to be told, `<position>.<incarnation>.<log>`. */
export const PLACE = /^(\d{1,19})(?:\.(\d{1,9})\.([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}))?$/;

/** The place that a text stands for; undefined when it is none. */
export function placeOf(text: string): Place | undefined {
  const parts = PLACE.exec(text);
  if (!parts) return undefined;
  const [, position, incarnation, log] = parts;
  if (log === undefined) return { position: BigInt(position!) };
  return { position: BigInt(position!), incarnation: Number(incarnation), log };
}

/** The whole place: which log it is of, and which of its incarnations. */
export const placeText = ({ id, current }: LogIdentity, position: bigint): string =>
  `${position}.${current.number}.${id}`;

/** The position alone where it tells the incarnation by itself, as nearly every one does. */
export const shortPlaceText = (identity: LogIdentity, position: bigint): string =>
  identity.isLost(position) ? placeText(identity, position) : String(position);

/** Whether this process knows too little to say what became of a place: another may have noticed a fork. */
export const isAheadOf = ({ current }: LogIdentity, { incarnation = 1 }: Place): boolean =>
  incarnation > current.number;

/**
 * @param head the last position of the log
 * @throws InvalidInput for an incarnation that there is not
 * @throws PositionLost where what was read up to a place is not what the log holds up to there
 */
export function assertHeld(identity: LogIdentity, place: Place, head: bigint): void {
  const { position, incarnation, log } = place;
  if (log !== undefined && log !== identity.id) {
    const detail = `position ${position} is of the log ${log}, and this is ${identity.id}: read it from its beginning`;
    throw new PositionLost(position, detail, 0n);
  }
  if (isAheadOf(identity, place)) {
    const message = `is ${incarnation}, and the log has come to ${identity.current.number}`;
    throw new InvalidInput([{ pointer: '/incarnation', message }]);
  }
  const held = identity.heldThrough(position, incarnation);
  if (held !== position) {
    const detail = `the log goes on without the events after position ${held} that were read up to ${position}: undo them, and go on after ${held}`;
    throw new PositionLost(position, detail, held);
  }
  if (position > head) {
    const detail = `the log ends at position ${head}, and has not given ${position}: undo what came after ${head}, and go on there`;
    throw new PositionLost(position, detail, head);
  }
}
