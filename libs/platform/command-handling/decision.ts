import { assertNotAhead } from '#platform/kernel/chronology.js';
import { assertInOrder, eventsOf, type DecideContext, type Referenced } from '#platform/kernel/command.js';
import { NotFound, RuleViolation, StaleRevision } from '#platform/kernel/errors.js';
import type { CommandMessage } from './command-message.js';
import type { Participants } from './participants.js';

/** What a decision may answer; anything else is an error of ours. */
const REFUSALS = [NotFound, RuleViolation, StaleRevision];

export type DecidedEvents = ReturnType<typeof eventsOf>;

/** When a command is decided. */
export interface DecisionTime {
  readonly now: Date;
  /** How far ahead of the clock a sender may date a command, in milliseconds: clocks differ. */
  readonly toleranceMs: number;
}

/** What a command came to, on the states as they were then. */
export type Verdict =
  | { readonly occurredAt: Date; readonly events: DecidedEvents; readonly refusal?: undefined }
  | { readonly refusal: Error };

/**
 * Decides a command on its participants. Pure but for what the definition's `decide` does.
 * @throws InvalidInput, and whatever a decision throws that is no refusal
 */
export function decide(
  message: CommandMessage,
  participants: Participants,
  { now, toleranceMs }: DecisionTime,
): Verdict {
  const { definition, expectedRevision } = message;
  const { own, refs } = participants;
  const occurredAt = message.occurredAt ?? notBefore(now, participants, toleranceMs);
  definition.pastDays.assertCome(message.input, occurredAt);
  try {
    if (own.revision < 0 && !definition.mayBegin) {
      throw new NotFound(`there is no ${definition.on.name} ${message.id}`);
    }
    if (expectedRevision !== undefined && expectedRevision !== own.revision) {
      throw new StaleRevision(own, expectedRevision, own.revision);
    }
    if (message.occurredAt) assertNotAhead(occurredAt.getTime(), now.getTime(), toleranceMs);
    const events = eventsOf(definition.decide(own.state, message.input, contextOf(message, participants, occurredAt)));
    if (events.length > 0) assertInOrder(definition, own, refs, events, occurredAt.getTime());
    return { occurredAt, events };
  } catch (error) {
    if (!REFUSALS.some((kind) => error instanceof kind)) throw error;
    return { refusal: error as Error };
  }
}

/**
 * The time of a command that nobody dated: it happens now, after all that its documents have seen, of which another
 * clock may have been a little ahead of this one.
 */
function notBefore(now: Date, { own, refs }: Participants, toleranceMs: number): Date {
  let { latest } = own.dates;
  for (const name in refs) {
    const { entry, aggregate } = refs[name]!;
    if (!aggregate.existedBefore && entry.dates.latest > latest) latest = entry.dates.latest;
  }
  const ahead = latest - now.getTime();
  return ahead > 0 && ahead <= toleranceMs ? new Date(latest) : now;
}

function contextOf(message: CommandMessage, { refs }: Participants, now: Date): DecideContext<any> {
  const states: Record<string, Referenced<any>> = {};
  for (const name in refs) {
    const ref = refs[name]!;
    states[name] = { id: ref.id, state: ref.entry.state, revision: ref.entry.revision };
  }
  return { id: message.id, now, actor: message.actor, refs: states };
}
