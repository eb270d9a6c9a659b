import { z } from 'zod';
import { CaseKind, CasePriority, CaseStatus } from '#contracts/service/case.events.js';
import { Id } from '#platform/kernel/ids.js';
import { pagedQuery } from '#platform/projections/definition/query.js';
import { computed } from '#platform/projections/definition/selection.js';
import { LONGEST_CHAIN, subjectsAboutCases } from '../aliases/family.js';
import { aliases } from '../aliases/aliases.projection.js';
import { profile } from '../profile/profile.projection.js';
import { instants, limit } from '../query-parameters.js';
import { CaseRow } from './case.table.js';
import { cases } from './cases.projection.js';
import { contact, customer, customerName, documentsPage, text, type Documents } from '../documents.js';

// A merged case stays a duplicate whatever becomes of the other; how far its matter is, is what the other says.
const originalOf = `case when d.merged_into is not null then (
    with recursive up (id, step) as (
      select d.merged_into, 1
      union all
      select c.merged_into, up.step + 1 from up join cases c on c.id = up.id
       where c.merged_into is not null and up.step < ${LONGEST_CHAIN})
    select jsonb_build_object('id', c.id, 'status', c.status) from up join cases c on c.id = up.id
     order by up.step desc limit 1) end`;

const original = computed(
  z
    .object({ id: Id, status: CaseStatus })
    .nullable()
    .describe('Of a duplicate: the case where it is worked on, merges followed, and where that stands'),
  originalOf,
);

export const CaseView = z
  .object({ ...CaseRow.fields, original: original.schema, customer, customerName })
  .meta({ id: 'CaseView' });

/** How cases are listed. */
export const caseDocuments: Documents = { table: CaseRow, time: 'opened_at', more: { original } };

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
  reads: [cases, profile, aliases],
  about: ({ contact }, read) => (contact === undefined ? undefined : subjectsAboutCases(read, contact)),
  run: (parameters, { read, after }) => documentsPage<z.infer<typeof CaseView>>(read, caseDocuments, parameters, after),
});
