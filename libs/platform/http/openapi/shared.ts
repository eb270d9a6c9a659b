import { MOST_WAIT_SECONDS } from '../prefer.js';
import { MAY_REVEAL, MOST_REASON } from '../sight.js';
import { problemKinds, type Problem } from '../problem.js';
import type { JsonSchema } from '#platform/schemas/components.js';

/** @param such what may stand there; told, and not an `example`: pages that send requests would fill it in by themselves */
const header = (name: string, description: string, schema: JsonSchema, such: string): JsonSchema => ({
  name,
  in: 'header',
  required: false,
  description: `${description} Such as \`${such}\`.`,
  schema,
});
const words = (maxLength: number): JsonSchema => ({ type: 'string', minLength: 1, maxLength });

/** Headers that commands take, by the name of their component. */
export const commandHeaders: Readonly<Record<string, JsonSchema>> = {
  IdempotencyKey: header(
    'Idempotency-Key',
    'The same key of the same actor again gives the same answer, `repeated`, and stores nothing. With another body, `Yad-Occurred-At` or `Yad-On-Behalf-Of` it is refused. Of requests that are sent at once, one is answered as the first.',
    words(200),
    '0198f3a0-1b2c-7d3e-8f40-0000000000aa',
  ),
  IfMatch: header(
    'If-Match',
    'The revision that the aggregate must have, as its ETag gave it.',
    { type: 'string', pattern: '^"\\d{1,9}"$' },
    '"3"',
  ),
  OccurredAt: header(
    'Yad-Occurred-At',
    'When it happened, when that is not now: not before the step that it changes, and at most five minutes ahead.',
    { type: 'string', format: 'date-time' },
    '2011-12-09T12:50:00Z',
  ),
  Reason: header('Yad-Reason', 'Why, in the words of the sender.', words(1000), 'asked for by telephone'),
  OnBehalfOf: header(
    'Yad-On-Behalf-Of',
    'For whom the actor acts; for the roles service and admin.',
    words(200),
    'ada',
  ),
  CorrelationId: header('Yad-Correlation-Id', 'What the command belongs to.', words(200), 'campaign-7'),
  CausationId: header('Yad-Causation-Id', 'Id of the event or command that caused this one.', words(200), 'order-4711'),
};

/** Headers that those take who read an aggregate. */
export const resourceHeaders: Readonly<Record<string, JsonSchema>> = {
  IfNoneMatch: header(
    'If-None-Match',
    'The revision that the sender holds, as its ETag gave it: answered with 304 while nothing has changed.',
    words(200),
    '"3"',
  ),
};

/** The header of those who ask for what takes its time. */
export const waitingHeaders: Readonly<Record<string, JsonSchema>> = {
  Prefer: header(
    'Prefer',
    `How many seconds the sender waits for read models as of then, where they have to be made; ${MOST_WAIT_SECONDS} at most (RFC 7240).`,
    words(200),
    'wait=10',
  ),
};

/** The header of those who read answers with personal values. */
export const revealHeaders: Readonly<Record<string, JsonSchema>> = {
  Reveal: header(
    'Yad-Reveal',
    `Why personal values are to be seen, for those with one of the roles ${MAY_REVEAL.join(', ')}: the answer then has them in clear, and it is noted who saw them. Without it they are \`{"masked":true}\`, unless the sender's key or token says what it sees them for.`,
    words(MOST_REASON),
    'the customer asks what we know',
  ),
};

export const refs = (kind: 'parameters', of: Readonly<Record<string, JsonSchema>>): JsonSchema[] =>
  Object.keys(of).map((name) => ({ $ref: `#/components/${kind}/${name}` }));

export const problemSchema: JsonSchema = {
  type: 'object',
  description: 'A problem as in RFC 9457. `type` is stable; `errors` point to what does not fit.',
  properties: {
    type: { type: 'string', enum: Object.keys(problemKinds).map((kind) => `urn:yad:problem:${kind}`) },
    title: { type: 'string' },
    status: { type: 'integer', minimum: 400, maximum: 599 },
    detail: { type: 'string' },
    instance: { type: 'string', description: 'The request, by the name in `Yad-Request-Id`, or its trace.' },
    errors: {
      type: 'array',
      items: {
        type: 'object',
        properties: {
          in: { type: 'string', enum: ['body', 'header', 'path', 'query'] },
          pointer: { type: 'string', description: 'A JSON pointer in that part of the request.' },
          detail: { type: 'string' },
        },
        required: ['in', 'pointer', 'detail'],
        additionalProperties: false,
      },
    },
    rule: { type: 'string', description: 'The rule that refused the command.' },
    goOnAfter: {
      type: 'string',
      description:
        'Of a lost position: the last one before it that is still what it was. What was taken of later events is to be undone.',
    },
  },
  required: ['type', 'title', 'status', 'detail'],
  additionalProperties: false,
};

const details: Readonly<Record<string, Partial<Problem>>> = {
  'invalid-input': {
    detail: 'the input does not fit its schema',
    errors: [{ in: 'body', pointer: '/lines/0/quantity', detail: 'must be above 0' }],
  },
  'position-lost': { detail: 'the log goes on without the events after position 1200', goOnAfter: '1200' },
  'rule-violated': { detail: 'this order exists already', rule: 'order-is-new' },
  'stale-revision': { detail: 'order-0198f3a0-1b2c-7d3e-8f40-123456789abc is at revision 4, not at 3' },
};

/**
 * One response for each status of a problem that operations refer to, by the name of its component, with an example for
 * each kind.
 */
export function problemResponses(paths: JsonSchema): Record<string, JsonSchema> {
  const used = JSON.stringify(paths);
  const responses: Record<string, JsonSchema> = {};
  for (const [kind, { status, title, retryAfter }] of Object.entries(problemKinds)) {
    const name = `Problem${status}`;
    if (!used.includes(`responses/${name}"`)) continue;
    responses[name] ??= {
      description: title,
      headers: {
        'Yad-Request-Id': {
          description:
            'The name of the request, as every answer has one: the trace of its `traceparent`, or one made here. The service’s log has it too.',
          schema: { type: 'string' },
        },
      },
      content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' }, examples: {} } },
    };
    const example = { type: `urn:yad:problem:${kind}`, title, status, detail: title, ...details[kind] };
    const response = responses[name] as JsonSchema;
    response['content']['application/problem+json'].examples[kind] = { value: example };
    if (status === 401) {
      response['headers']['WWW-Authenticate'] = {
        description: 'What to sign in with, and what was wrong with what came (RFC 6750).',
        schema: { type: 'string' },
      };
    }
    if (retryAfter) {
      response['headers']['Retry-After'] = {
        description: 'Seconds until another try makes sense.',
        schema: { type: 'string' },
      };
    }
  }
  return responses;
}

/** References to the problem responses of these statuses. */
export const problems = (...statuses: number[]): JsonSchema =>
  Object.fromEntries(statuses.map((status) => [status, { $ref: `#/components/responses/Problem${status}` }]));
