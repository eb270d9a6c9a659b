import { z } from 'zod';
import { ACCESS_OUTCOMES, type AccessEntries } from '#platform/access/access-log.js';
import { Instant } from '#platform/kernel/calendar.js';
import { InvalidInput } from '#platform/kernel/errors.js';
import { pagedQuery, type QueryDefinition } from '#platform/projections/definition/query.js';

const Entry = z
  .strictObject({
    id: z.string(),
    at: Instant,
    outcome: z
      .enum(ACCESS_OUTCOMES)
      .describe('`not-noted`: so many denials of about that time were too many to keep one by one'),
    actor: z.string().optional().describe('Absent where it is not known who asked'),
    roles: z.array(z.string()).optional(),
    operation: z.string(),
    about: z.string().optional().describe('Ids and positions that were asked for'),
    by: z
      .enum(['reveal', 'purpose'])
      .optional()
      .describe('Of what was seen: `reveal`, for a reason that was given; `purpose`, for what the key or token is for'),
    why: z.string().optional().describe('That reason or purpose'),
    request: z.string().optional().describe('Of several denials the first'),
    count: z.int().describe('Of what was seen: items in the answer. Of denials: how many alike there were'),
  })
  .meta({ id: 'AccessLogEntry' });

/** Who saw personal values and who was denied what, for those who see to it. */
export const accessLogQuery = (entries: Pick<AccessEntries, 'page'>): QueryDefinition =>
  pagedQuery({
    name: 'AccessLog',
    summary: 'Who saw personal values, and what for; who was denied what: the newest first',
    route: 'GET /v1/audit/access-log',
    allowed: ['auditor', 'privacy', 'admin'],
    // Its entries are noted beside the log, without a place in it.
    hasPast: false,
    parameters: z.strictObject({
      actor: z.string().min(1).max(200).optional(),
      outcome: z.enum(ACCESS_OUTCOMES).optional(),
      from: Instant.optional().describe('Inclusive'),
      to: Instant.optional().describe('Exclusive'),
      limit: z.coerce.number().int().min(1).max(1000).default(100).describe('Entries in one page'),
    }),
    item: Entry,
    run: async ({ actor, outcome, from, to, limit: size }, { after }) => {
      if (from !== undefined && to !== undefined && Date.parse(from) > Date.parse(to)) {
        throw new InvalidInput([{ pointer: '/to', message: 'is before from' }]);
      }
      const found = await entries.page({
        actor,
        outcome,
        from: from === undefined ? undefined : new Date(from),
        to: to === undefined ? undefined : new Date(to),
        before: after && { at: new Date(after[0]!), id: String(after[1]) },
        limit: size + 1,
      });
      const shown = found.slice(0, size);
      const last = shown.at(-1);
      const items = shown.map(({ at, roles, ...entry }) => ({
        ...entry,
        roles: roles && [...roles],
        at: at.toISOString(),
      }));
      return { items, next: found.length > size && last ? [last.at.toISOString(), last.id] : undefined };
    },
  });
