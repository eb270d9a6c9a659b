import { z } from 'zod';
import type { Aggregate } from '#platform/kernel/aggregate.js';
import { Instant } from '#platform/kernel/calendar.js';
import type { Role } from '#platform/kernel/command.js';
import { streamName, type StoredEvent } from '#platform/kernel/envelope.js';
import { InvalidInput, NotFound } from '#platform/kernel/errors.js';
import type { EventCodec } from '#platform/kernel/event-codec.js';
import type { EventContract } from '#platform/kernel/event-contract.js';
import { Id } from '#platform/kernel/ids.js';
import { Position } from '#platform/kernel/position.js';
import type { EventPage, EventStore, ReadAllOptions } from '#platform/event-store/event-store.js';
import {
  pagedQuery,
  query,
  type Page,
  type LogQueryContext,
  type QueryDefinition,
} from '#platform/projections/definition/query.js';
import { stateAsOf } from './as-of.js';
import { audited, auditedEvent, type AuditedEvent } from './audited-event.js';

/** Who may look into the log. */
export const MAY_AUDIT: readonly Role[] = ['auditor', 'privacy', 'admin'];
const allowed = MAY_AUDIT;
const limit = z.coerce
  .number()
  .int()
  .min(1)
  .max(1000)
  .default(100)
  .describe('Events in one page; fewer where they are large');
/** Bytes of the events in one answer, about: several of them are made at once. */
const ANSWER_BYTES = 2 * 1024 * 1024;
/** Whose events are asked for. */
const Stream = { aggregate: z.string().max(50).describe('Name of the aggregate: `order`'), id: Id };
const Revision = z.coerce.number().int().min(0).max(2_147_483_646);

const StateAsOf = z
  .object({
    aggregate: z.string(),
    aggregateId: Id,
    revision: z.int(),
    position: Position,
    occurredAt: Instant,
    recordedAt: Instant,
    state: z.unknown(),
  })
  .meta({ id: 'StateAsOf' });

export interface AuditOptions {
  store: EventStore;
  codec: EventCodec;
  /** Whose data are shown in their types. */
  events: readonly EventContract<any>[];
  aggregates: readonly Aggregate[];
}

/** The auditors' API: what is in the log, and any aggregate as it was. Reads the store, never a read model. */
export function auditQueries({ store, codec, events, aggregates }: AuditOptions): QueryDefinition[] {
  const item = auditedEvent(events);
  const pageOf = async (
    size: number,
    context: LogQueryContext,
    read: (options: ReadAllOptions) => Promise<EventPage>,
  ): Promise<Page<AuditedEvent>> => {
    const { after, through } = context;
    const found = await read({ after: BigInt(after?.[0] ?? 0), through, limit: size + 1, bytes: ANSWER_BYTES });
    return pageUpTo(size, found, ({ position }) => String(position));
  };
  /** What a page shows, and where the next one goes on: also where the bytes ended it. */
  const pageUpTo = async (
    size: number,
    found: EventPage,
    keyOf: (last: StoredEvent) => string | number,
  ): Promise<Page<AuditedEvent>> => {
    const page = found.slice(0, size);
    await codec.prepare(page.map(({ subject }) => subject));
    const more = found.length > size || found.cut;
    return { items: page.map((event) => audited(codec, event)), next: more ? [keyOf(page.at(-1)!)] : undefined };
  };

  return [
    pagedQuery({
      name: 'EventsOfStream',
      summary: 'The events of one aggregate, by revision',
      route: 'GET /v1/audit/streams/:aggregate/:id/events',
      allowed,
      parameters: z.strictObject({ ...Stream, limit }),
      item,
      run: async ({ aggregate, id, limit: size }, context) => {
        const stream = { aggregate, aggregateId: id };
        const fromRevision = context.after ? Number(context.after[0]) + 1 : 0;
        const { through } = context;
        const found = await store.readStream(stream, { fromRevision, through, limit: size + 1, bytes: ANSWER_BYTES });
        if (found.length === 0 && fromRevision === 0) throw new NotFound(`there is no stream ${streamName(stream)}`);
        return pageUpTo(size, found, ({ revision }) => revision);
      },
    }),
    pagedQuery({
      name: 'EventsOfCustomer',
      summary:
        'The events about one customer, across all aggregates, in the order in which they were recorded; those of contacts merged into it are under their own ids',
      route: 'GET /v1/audit/customers/:id/events',
      allowed,
      parameters: z.strictObject({ id: Id, limit }),
      item,
      run: async ({ id, limit: size }, context) => {
        const page = await pageOf(size, context, (options) => store.readSubjects([id], options));
        if (page.items.length === 0 && !context.after) throw new NotFound(`there is no event about ${id}`);
        return page;
      },
    }),
    pagedQuery({
      name: 'EventsOfSpan',
      summary: 'The events recorded in a span of time: from an instant (inclusive) to another (exclusive)',
      route: 'GET /v1/audit/events',
      allowed,
      parameters: z.strictObject({ from: Instant.optional(), to: Instant.optional(), limit }),
      item,
      run: async ({ from, to, limit: size }, context) => {
        if (from !== undefined && to !== undefined && Date.parse(from) > Date.parse(to)) {
          throw new InvalidInput([{ pointer: '/to', message: 'is before from' }]);
        }
        const start = from ? await store.positionAt(justBefore(from)) : 0n;
        const end = to ? await store.positionAt(justBefore(to)) : undefined;
        return pageOf(size, context, ({ after, through, ...bounds }) =>
          store.readAll({ ...bounds, after: after > start ? after : start, through: earlier(through, end) }),
        );
      },
    }),
    query({
      name: 'EventAtPosition',
      summary: 'One event',
      route: 'GET /v1/audit/events/:position',
      allowed,
      parameters: z.strictObject({ position: Position }),
      answer: item,
      run: async ({ position }, { through }) => {
        if (through !== undefined && BigInt(position) > through)
          throw new NotFound(`there was no event at ${position} then`);
        const [event] = await store.readAll({ after: BigInt(position) - 1n, through: BigInt(position), limit: 1 });
        if (!event) throw new NotFound(`there is no event at position ${position}`);
        await codec.prepare([event.subject]);
        return audited(codec, event);
      },
    }),
    query({
      name: 'StateAsOf',
      summary: 'An aggregate as it was at a revision, a position or a time of recording; as it is when none is named',
      route: 'GET /v1/audit/streams/:aggregate/:id/state',
      allowed,
      parameters: z.strictObject({
        ...Stream,
        revision: Revision.optional(),
        position: Position.optional(),
        at: Instant.optional(),
      }),
      answer: StateAsOf,
      personal: 'untyped',
      run: async ({ aggregate, id, revision, position, at }, { now, through: known, isMasked }) => {
        const stream = { aggregate, aggregateId: id };
        if ([revision, position, at].filter((bound) => bound !== undefined).length > 1) {
          throw new InvalidInput([{ pointer: '/revision', message: 'name one of revision, position and at' }]);
        }
        // What lies ahead is not known yet: an answer now would be another one later.
        const head = await store.head();
        const last = earlier(known, head.position)!;
        if (position !== undefined && BigInt(position) > last) {
          throw new NotFound(`there is no position ${position}: the last is ${last}`);
        }
        // The log's clock may be a little ahead of this one, and its times are asked for.
        const isNow = last === head.position;
        const latest = Math.max(now.getTime(), (isNow && head.recordedAt?.getTime()) || 0);
        if (at !== undefined && Date.parse(at) > latest) {
          const message = `is ahead of the clock: it is ${new Date(latest).toISOString()}`;
          throw new InvalidInput([{ pointer: '/at', message }]);
        }
        const until = position !== undefined ? BigInt(position) : at ? await store.positionAt(new Date(at)) : undefined;
        const through = earlier(until, known);
        const found = await stateAsOf({ store, codec, aggregates }, stream, { revision, through, isMasked });
        if (!found) throw new NotFound(`${streamName(stream)} had no event then`);
        if (revision !== undefined && revision > found.revision) {
          throw new NotFound(`${streamName(stream)} has no revision ${revision}: its last is ${found.revision}`);
        }
        return {
          ...found,
          position: String(found.position),
          occurredAt: found.occurredAt.toISOString(),
          recordedAt: found.recordedAt.toISOString(),
        };
      },
    }),
  ];
}

/** The earlier of two bounds; undefined: unbounded. */
const earlier = (one: bigint | undefined, other: bigint | undefined): bigint | undefined =>
  one === undefined || (other !== undefined && other < one) ? other : one;

// Times of recording are whole milliseconds, so the millisecond before is the last that does not belong.
const justBefore = (instant: string): Date => new Date(Date.parse(instant) - 1);
