import { maskOf } from '#platform/access/masking.js';
import type { EventStore } from '#platform/event-store/event-store.js';
import type { StoredEvent } from '#platform/kernel/envelope.js';
import { InvalidInput, NotFound, TookTooLong } from '#platform/kernel/errors.js';
import type { EventCodec } from '#platform/kernel/event-codec.js';
import { maskedInsteadOfErased } from '#platform/kernel/masked.js';
import type { PastReads } from '#platform/projections/as-of/past-reads.js';
import { furthestOf, type Point } from '#platform/projections/as-of/point.js';
import { TooMuchToFold } from '#platform/projections/as-of/too-much-to-fold.js';
import type { QueryDefinition } from '#platform/projections/definition/query.js';
import { ChangesByEvents, MOST_CHANGES, type AnswerDiff } from './diff-answer.js';
import { differences, jsonOf } from './differences.js';
import { FollowedPlaces } from './followed-places.js';
import { isBetween, leastOf, pointBetween } from './points-between.js';

/** Events that may lie between two answers: the question is asked anew as of each of them. */
export const MOST_EVENTS_BETWEEN_ANSWERS = 200;
/** Milliseconds that all of it may take. */
const MOST_MS = 20_000;
const PAGE = 1_000;

export interface AnswersSource {
  readonly store: Pick<EventStore, 'readSubjects'>;
  readonly codec: EventCodec;
  /** Reads the past from events alone: nobody wants a snapshot of each of two hundred points. */
  readonly folded: PastReads;
}

export interface ComparedAnswers {
  readonly query: QueryDefinition;
  readonly parameters: any;
  readonly from: Point;
  readonly to: Point;
  readonly isMasked?: boolean | undefined;
}

/** An answer as of a point, and whom it was about then. */
interface Answer {
  /** Empty where there was nothing. */
  readonly data: unknown;
  readonly subjects: readonly string[];
}

/**
 * What changed in the answer of a query between two points, by the events that changed it: the question is asked as of
 * each event of those whom the answer was about at any time between, also of who belonged to them for a while only.
 * @throws what the question throws as of the later point; InvalidInput where too many events lie between, or by one of
 * the points there are more about them than is folded while somebody waits
 */
export async function compareAnswers(source: AnswersSource, asked: ComparedAnswers): Promise<AnswerDiff> {
  const { from, to, query, isMasked } = asked;
  const ask = asker(source, asked);
  const [before, after] = [await ask(from, true, 'from'), await ask(to, false)];
  const found = [...differences(before.data, after.data)];
  const listed = found.slice(0, MOST_CHANGES);
  const known = new Set([...before.subjects, ...after.subjects]);
  const answers = new Map<bigint, Answer>();
  let between: StoredEvent[] = [];
  // Who came and went between is found out on the way; then their events are looked at, too.
  for (let looked = -1; looked < known.size;) {
    looked = known.size;
    between = await eventsBetween(source.store, [...known], asked);
    for (const event of between) {
      if (answers.has(event.position)) continue;
      const answer = await ask(pointBetween(from, to, query.reads, event), true);
      answers.set(event.position, answer);
      for (const subject of answer.subjects) known.add(subject);
    }
  }
  const changes = new ChangesByEvents(listed);
  const followed = new FollowedPlaces(listed, before.data);
  if (!isMasked) await source.codec.prepare(between.map(({ subject }) => subject));
  for (const stored of between) {
    const event = isMasked ? source.codec.decodeErased(stored) : source.codec.decode(stored);
    changes.add(event, followed.next(answers.get(stored.position)!.data));
  }
  const answer = { from: endOf(from, query), to: endOf(to, query), ...changes.answer(found.length) };
  return isMasked ? (maskedInsteadOfErased(answer) as AnswerDiff) : answer;
}

/** Asks a question as of points, and notes whom it was about. */
function asker({ folded }: AnswersSource, { query, parameters, isMasked }: ComparedAnswers) {
  const mask = isMasked ? maskOf(query.answer) : undefined;
  const until = performance.now() + MOST_MS;
  let subjects: readonly string[] = [];
  const noting: QueryDefinition = {
    ...query,
    about: async (given, read) => (subjects = (await query.about!(given, read)) ?? []),
  };
  return async (point: Point, mayBeMissing: boolean, parameter = 'to'): Promise<Answer> => {
    if (performance.now() > until) throw new TookTooLong();
    subjects = [];
    try {
      const given = await folded.asOf({ query: noting, parameters, point, waitMs: 0 }, (read) =>
        query.run(parameters, { read, isHeavy: true, now: point.now, isMasked }),
      );
      const data = jsonOf(given);
      return { data: mask ? mask(data) : data, subjects };
    } catch (error) {
      if (error instanceof TooMuchToFold) {
        // A snapshot would tell it, but not one for each of the events between.
        const message = `is a point by which there is too much to be compared: ${error.what}`;
        throw new InvalidInput([{ pointer: `/${parameter}`, message }]);
      }
      if (!mayBeMissing || !(error instanceof NotFound)) throw error;
      return { data: {}, subjects };
    }
  };
}

/** The events about these subjects that count at the later point, and not at the earlier one. */
async function eventsBetween(
  store: Pick<EventStore, 'readSubjects'>,
  subjects: string[],
  { from, to, query }: ComparedAnswers,
): Promise<StoredEvent[]> {
  const through = furthestOf(to, query.reads);
  const found: StoredEvent[] = [];
  for (let after = leastOf(from, query.reads); subjects.length > 0;) {
    const page = await store.readSubjects(subjects, { after, through, limit: PAGE });
    found.push(...page.filter((event) => isBetween(from, to, query.reads, event)));
    if (found.length > MOST_EVENTS_BETWEEN_ANSWERS) {
      const message = `more than ${MOST_EVENTS_BETWEEN_ANSWERS} events lie between: name points nearer to each other`;
      throw new InvalidInput([{ pointer: '/to', message }]);
    }
    if (page.length < PAGE && !page.cut) break;
    after = page.at(-1)!.position;
  }
  return found;
}

const endOf = (point: Point, { reads }: QueryDefinition): AnswerDiff['from'] => ({
  position: String(furthestOf(point, reads)),
  recordedAt: point.now.toISOString(),
});
