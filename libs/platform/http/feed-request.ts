import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { FeedQuestion } from '#platform/event-feed/event-feed.js';
import { PLACE, placeOf, type Place } from '#platform/event-feed/place.js';
import type { Role } from '#platform/kernel/command.js';
import { Id } from '#platform/kernel/ids.js';
import { MAX_POSITION } from '#platform/kernel/position.js';
import { findUnsafeInput } from '#platform/kernel/unsafe-input.js';
import { issuesOf } from '#platform/kernel/validation.js';
import { InvalidRequest } from './problem.js';
import { refuseUndecodable } from './query-routes.js';

/** Who may follow the log: all that is in it, personal fields too. */
export const MAY_FOLLOW: readonly Role[] = ['service'];
/** Seconds that a request may wait at most. */
export const MOST_WAIT = 30;
export const MOST_EVENTS = 1_000;
const MOST_TYPES = 50;
/** Bytes of the events of one answer, about; of one part of a stream. */
const ANSWER_BYTES = 2 * 1024 * 1024;
const PART_BYTES = 256 * 1024;

const TYPE = /^[a-z][a-z0-9.-]{0,99}$/;
const digits = (most: number, otherwise: string) =>
  z
    .string()
    .regex(/^\d{1,9}$/, { error: 'is not a whole number in digits' })
    .refine((text) => Number(text) <= most, { error: `is above ${most}` })
    .default(otherwise)
    .transform(Number);

const After = z
  .string()
  .regex(PLACE, { error: 'is neither a position such as "1234" nor the `next` of an answer' })
  .refine((text) => !PLACE.test(text) || BigInt(text.split('.')[0]!) <= MAX_POSITION, {
    error: 'is beyond every position',
  });

const Parameters = z.strictObject({
  after: After.default('0'),
  incarnation: z
    .string()
    .regex(/^[1-9]\d{0,8}$/, { error: 'is not a number from 1 on' })
    .transform(Number)
    .optional(),
  types: z
    .string()
    .transform((text) => text.split(','))
    .pipe(
      z
        .array(z.string().regex(TYPE, { error: 'is not a type of event or its beginning, such as "crm.sales."' }))
        .max(MOST_TYPES, { error: `has more than ${MOST_TYPES} types` }),
    )
    .optional(),
  subject: Id.optional(),
  limit: digits(MOST_EVENTS, '500').refine((count) => count > 0, { error: 'is below 1' }),
  wait: digits(MOST_WAIT, '0'),
});

/** What a request asks of the feed. */
export interface FeedRequest {
  readonly question: FeedQuestion;
  /** How long to wait where there is nothing yet, in milliseconds. */
  readonly waitMs: number;
  readonly form: 'page' | 'batch' | 'stream';
}

/** @throws InvalidRequest naming the parameter or header that does not fit */
export function feedRequestOf(request: FastifyRequest): FeedRequest {
  refuseUndecodable(request.raw.url!);
  const given: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(request.query as Record<string, string | string[]>)) {
    if (!Array.isArray(value)) given[name] = value;
    else if (name === 'types') given[name] = value.join(',');
    else throw new InvalidRequest('query', [{ pointer: `/${name}`, message: 'is given twice' }]);
  }
  const hostile = findUnsafeInput(given);
  if (hostile) throw new InvalidRequest('query', [hostile]);
  const parsed = Parameters.safeParse(given);
  if (!parsed.success) throw new InvalidRequest('query', issuesOf(parsed.error));
  const { after, incarnation, types, subject, limit, wait } = parsed.data;
  const form = formOf(request);
  const place = (form === 'stream' ? lastEventOf(request) : undefined) ?? { incarnation, ...placeOf(after)! };
  const bytes = form === 'stream' ? PART_BYTES : ANSWER_BYTES;
  return {
    question: { place, types: types && typesOf(types), subject, limit, bytes },
    waitMs: wait * 1_000,
    form,
  };
}

function formOf({ method, headers: { accept = '' } }: FastifyRequest): FeedRequest['form'] {
  // The head of a stream would have no end.
  if (method === 'GET' && accept.includes('text/event-stream')) return 'stream';
  return accept.includes('application/cloudevents-batch+json') ? 'batch' : 'page';
}

/** Where a stream broke off: a client sends the same address again, so it goes before `after`. */
function lastEventOf({ headers }: FastifyRequest): Place | undefined {
  const given = headers['last-event-id'];
  if (given === undefined || given === '') return undefined;
  const parsed = After.safeParse(given);
  if (parsed.success) return placeOf(parsed.data);
  throw new InvalidRequest('header', [{ pointer: '/Last-Event-ID', message: parsed.error.issues[0]!.message }]);
}

const typesOf = (types: readonly string[]): FeedQuestion['types'] => ({
  names: types.filter((type) => !type.endsWith('.')),
  beginnings: types.filter((type) => type.endsWith('.')),
});
