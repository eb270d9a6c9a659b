import { z } from 'zod';
import type { EventStore } from '#platform/event-store/event-store.js';
import type { Aggregate } from '#platform/kernel/aggregate.js';
import { streamName, type RecordedEvent } from '#platform/kernel/envelope.js';
import { InvalidInput, NotFound } from '#platform/kernel/errors.js';
import type { EventCodec } from '#platform/kernel/event-codec.js';
import { Id } from '#platform/kernel/ids.js';
import type { ResourceDefinition } from '#platform/kernel/resource.js';
import { AS_OF_FORMS } from '#platform/projections/as-of/as-of.js';
import { furthestOf, type Point } from '#platform/projections/as-of/point.js';
import { QueryBudget } from '#platform/projections/queries/query-budget.js';
import { query, type LogQueryContext, type QueryDefinition } from '#platform/projections/definition/query.js';
import { compareStream, type StreamFold } from './compare-stream.js';
import { AggregateDiff, AnswerDiff } from './diff-answer.js';
import { compareAnswers, type AnswersSource } from './compare-answers.js';
import { isWithin } from './points-between.js';

export interface DiffSource {
  readonly store: Pick<EventStore, 'readStream' | 'head'>;
  readonly codec: EventCodec;
}

const Place = z
  .string()
  .min(1)
  .max(8192)
  .meta({ examples: ['1234'] });
const ends = {
  from: Place.describe(`The earlier point: ${AS_OF_FORMS}`),
  to: Place.optional().describe('The later point, likewise; absent: now'),
};

/** The two ends that a request names. @throws InvalidInput naming the end that cannot be one; PositionLost */
async function endsOf(
  store: Pick<EventStore, 'head'>,
  { from, to }: { from: string; to?: string | undefined },
  { through, pointOf }: LogQueryContext,
  reads: readonly string[] = [],
): Promise<{ from: Point; to: Point }> {
  if (!pointOf) throw new Error('what changed is asked with a function that understands points, and none is given');
  // Read before any point: what is written meanwhile lies beyond.
  const most = through ?? (await store.head()).position;
  const named = async (text: string, parameter: string): Promise<Point> => {
    const point = await pointOf(text, parameter);
    const furthest = furthestOf(point, reads);
    if (point.through <= most && furthest <= most) return point;
    const message = `is a point beyond position ${most}, as of which the question is asked`;
    throw new InvalidInput([{ pointer: `/${parameter}`, message }]);
  };
  const later = await named(to ?? String(most), 'to');
  const earlier = await named(from, 'from');
  if (!isWithin(earlier, later, reads)) throw new InvalidInput([{ pointer: '/to', message: 'is before from' }]);
  return { from: earlier, to: later };
}

/** For auditors: what changed in the state of any aggregate. */
export function stateDiffQuery(
  { aggregates, ...source }: DiffSource & { readonly aggregates: readonly Aggregate[] },
  allowed: QueryDefinition['allowed'],
): QueryDefinition {
  return query({
    name: 'StateDiff',
    summary:
      'What changed in the state of an aggregate between two points, field by field, with the events that did it',
    route: 'GET /v1/audit/streams/:aggregate/:id/diff',
    allowed,
    parameters: z.strictObject({
      aggregate: z.string().max(50).describe('Name of the aggregate: `order`'),
      id: Id,
      ...ends,
    }),
    answer: AggregateDiff,
    personal: 'untyped',
    run: async ({ aggregate: name, id, ...given }, context) => {
      const on = aggregates.find((each) => each.name === name);
      if (!on) throw new NotFound(`no aggregate is named ${name}`);
      return compare(source, on, id, given, context, () => foldOfState(on));
    },
  });
}

/** For each resource: what changed in it, in the form in which it is read whole. */
export const resourceDiffQueries = (source: DiffSource, resources: readonly ResourceDefinition[]): QueryDefinition[] =>
  resources.map((resource) =>
    query({
      name: `Diff${resource.name.replace(/^Get/, '')}`,
      summary: `What changed in one ${resource.on.name} between two points, field by field, with the events that did it`,
      route: `GET ${resource.path}/diff`,
      allowed: resource.allowed,
      parameters: z.strictObject({ id: Id, ...ends }),
      answer: AggregateDiff,
      personal: 'untyped',
      run: ({ id, ...given }, context) =>
        compare(source, resource.on, id, given, context, () => foldOfResource(resource, id)),
    }),
  );

/** The queries whose answers are compared: about somebody whom the address names, all of it in one answer. */
const hasDiff = ({ about, paged, path }: QueryDefinition): boolean =>
  about !== undefined && !paged && path.includes('/:');

/** For each query about somebody: what changed in its answer, merges followed as they were known. */
export const answerDiffQueries = (
  source: AnswersSource & { readonly store: Pick<EventStore, 'head'> },
  queries: readonly QueryDefinition[],
  budget = new QueryBudget({ running: 1, waiting: 8, timeoutMs: 10_000 }),
): QueryDefinition[] =>
  queries.filter(hasDiff).map((asked) =>
    query({
      name: `Diff${asked.name}`,
      summary: `What changed between two points, field by field, with the events that did it, in: ${asked.summary}`,
      route: `GET ${asked.path}/diff`,
      allowed: asked.allowed,
      parameters: z.strictObject({ ...asked.parameters.shape, ...ends }),
      answer: AnswerDiff,
      personal: 'untyped',
      run: async ({ from, to, ...parameters }: any, context) => {
        const between = await endsOf(source.store, { from, to }, context, asked.reads);
        // The question is asked some hundred times: one such comparison runs at once, others wait for their turn.
        return budget.run(() =>
          compareAnswers(source, { query: asked, parameters, ...between, isMasked: context.isMasked }),
        );
      },
    }),
  );

async function compare(
  source: DiffSource,
  on: Aggregate,
  aggregateId: string,
  given: { from: string; to?: string | undefined },
  context: LogQueryContext,
  begin: () => StreamFold,
): Promise<AggregateDiff> {
  const stream = { aggregate: on.name, aggregateId };
  const { from, to } = await endsOf(source.store, given, context);
  const ends = { from: from.through, to: to.through, isMasked: context.isMasked };
  const found = await compareStream(source, stream, ends, begin);
  if (!found) throw new NotFound(`${streamName(stream)} had no event then`);
  return found;
}

function foldOfState(on: Aggregate): StreamFold {
  let state = on.initial;
  return {
    take: (event) => {
      state = on.evolve(state, event);
    },
    show: () => state,
  };
}

function foldOfResource({ on, read }: ResourceDefinition, id: string): StreamFold {
  const reading = read();
  const takers = new Map<string, (event: RecordedEvent) => void>(reading.on);
  let state = on.initial;
  let revision = -1;
  return {
    take: (event) => {
      state = on.evolve(state, event);
      takers.get(event.type)?.(event);
      ({ revision } = event);
    },
    show: () => {
      // Each event changes the revision, which the two ends tell.
      const { revision: _revision, ...answer } = reading.show(state, { id, revision });
      return answer;
    },
  };
}
