import { z } from 'zod';
import { CaseChannel, CaseKind, CasePriority, CaseStatus } from '#contracts/service/case.events.js';
import { Instant } from '#platform/kernel/calendar.js';
import { orErased } from '#platform/kernel/erased.js';
import { Id } from '#platform/kernel/ids.js';
import { pagedQuery } from '#platform/projections/definition/query.js';
import { LONGEST_CHAIN } from '../aliases/family.js';
import { aliases } from '../aliases/aliases.projection.js';
import { profile } from '../profile/profile.projection.js';
import { instants, limit } from '../query-parameters.js';
import { cases } from './cases.projection.js';
import { contact, customer, customerName, documentsPage, text, type Documents } from '../documents.js';

const reads = [cases, profile, aliases] as const;

export const CaseView = z
  .object({
    id: Id,
    number: z.string().nullable(),
    contact: Id.nullable(),
    customer,
    customerName,
    title: orErased(z.string()),
    kind: CaseKind,
    category: z.string().nullable(),
    channel: CaseChannel,
    priority: CasePriority,
    queue: z.string().nullable(),
    assignee: z.string().nullable(),
    status: CaseStatus,
    open: z.boolean().describe('Not resolved, closed, rejected or a duplicate'),
    openedAt: Instant,
    firstRespondedAt: Instant.nullable(),
    resolvedAt: Instant.nullable(),
    closedAt: Instant.nullable(),
    resolution: z.string().nullable(),
    reopenings: z.int().min(0),
    escalationLevel: z.int().min(0),
    satisfaction: z.int().min(1).max(5).nullable(),
    mergedInto: Id.nullable().describe('The case that this one is a duplicate of'),
    original: z
      .object({ id: Id, status: CaseStatus })
      .nullable()
      .describe('Of a duplicate: the case where it is worked on, merges followed, and where that stands'),
    lastEventAt: Instant,
  })
  .meta({ id: 'CaseView' });

// A merged case stays a duplicate whatever becomes of the other; how far its matter is, is what the other says.
const original = `case when d.merged_into is not null then (
    with recursive up (id, step) as (
      select d.merged_into, 1
      union all
      select c.merged_into, up.step + 1 from up join cases c on c.id = up.id
       where c.merged_into is not null and up.step < ${LONGEST_CHAIN})
    select jsonb_build_object('id', c.id, 'status', c.status) from up join cases c on c.id = up.id
     order by up.step desc limit 1) end`;

/** How cases are listed. */
export const caseDocuments: Documents = {
  table: 'cases',
  time: 'opened_at',
  columns: {
    id: 'd.id',
    number: 'd.number',
    contact: 'd.contact',
    title: 'd.title',
    kind: 'd.kind',
    category: 'd.category',
    channel: 'd.channel',
    priority: 'd.priority',
    queue: 'd.queue',
    assignee: 'd.assignee',
    status: 'd.status',
    open: 'd.is_open',
    openedAt: 'd.opened_at',
    firstRespondedAt: 'd.first_responded_at',
    resolvedAt: 'd.resolved_at',
    closedAt: 'd.closed_at',
    resolution: 'd.resolution',
    reopenings: 'd.reopenings',
    escalationLevel: 'd.escalation_level',
    satisfaction: 'd.satisfaction',
    mergedInto: 'd.merged_into',
    original,
    lastEventAt: 'd.last_event_at',
  },
};

export const listCases = pagedQuery({
  name: 'Cases',
  summary: 'Cases, the newest first',
  route: 'GET /v1/cases',
  parameters: z.strictObject({
    contact,
    status: CaseStatus.optional(),
    open: z
      .enum(['true', 'false'])
      .transform((text) => text === 'true')
      .optional(),
    kind: CaseKind.optional(),
    queue: text,
    assignee: text,
    priority: CasePriority.optional(),
    number: text,
    ...instants,
    limit,
  }),
  item: CaseView,
  reads,
  run: ({ status, open, kind, queue, assignee, priority, number, ...asked }, { read, after }) => {
    const filters = { status, is_open: open, kind, queue, assignee, priority, number };
    return documentsPage<z.infer<typeof CaseView>>(read, caseDocuments, filters, asked, after);
  },
});
