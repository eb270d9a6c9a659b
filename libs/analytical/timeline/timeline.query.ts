import { z } from 'zod';
import { Id } from '#platform/kernel/ids.js';
import { pagedQuery, type ReadModels } from '#platform/projections/definition/query.js';
import { answerOf } from '#platform/projections/definition/selection.js';
import { aliases } from '../aliases/aliases.projection.js';
import { profile } from '../profile/profile.projection.js';
import { Conditions, instants, limit, pageOf, spanRises } from '../query-parameters.js';
import { familyOf, subjectsAbout } from '../aliases/family.js';
import { timeline } from './timeline.projection.js';
import { TimelineEntry } from './timeline.table.js';

export const TimelineItem = z
  .object({
    ...TimelineEntry.fields,
    subject: Id.describe('The contact or walk-in order that it happened to'),
  })
  .meta({ id: 'TimelineItem' });
type TimelineItem = z.infer<typeof TimelineItem>;

interface Cut {
  type?: string;
  from?: string;
  to?: string;
  after?: readonly (string | number)[];
}

/** The newest entries of these subjects, at most `most`; each subject's come from its own index range. */
export async function timelineOf(
  read: ReadModels,
  subjects: readonly string[],
  most: number,
  { type, from, to, after }: Cut = {},
): Promise<TimelineItem[]> {
  const where = new Conditions(subjects, most).when(type, (p) => `starts_with(t.type, ${p})`);
  const p = (value: unknown): string => where.parameter(value);
  // Bounds of the key, which hold its first column to the subject. By equality the planner takes a subject's entries
  // for few, whatever they are, and sorts them all.
  const newest = after
    ? `(t.subject, t.occurred_at, t.position) < (s.subject, ${p(after[0])}::timestamptz, ${p(after[1])}::bigint)`
    : to === undefined
      ? 't.subject <= s.subject'
      : `(t.subject, t.occurred_at) < (s.subject, ${p(to)}::timestamptz)`;
  const oldest =
    from === undefined
      ? 't.subject >= s.subject'
      : `(t.subject, t.occurred_at) >= (s.subject, ${p(from)}::timestamptz)`;
  const rows = await read.rows(
    `select t.* from unnest($1::uuid[]) as s (subject) cross join lateral (
       select ${TimelineEntry.select('t')}, t.subject
         from timeline t where ${newest} and ${oldest} and ${where.sql}
        order by t.subject desc, t.occurred_at desc, t.position desc limit $2) t
      order by t."occurredAt" desc, t.position::bigint desc limit $2`,
    where.parameters,
  );
  return rows.map((row) => answerOf(row));
}

export const customerTimeline = pagedQuery({
  name: 'CustomerTimeline',
  summary: 'Everything that happened to a customer and to the contacts merged into it, the newest first',
  route: 'GET /v1/customers/:id/timeline',
  parameters: z.strictObject({
    id: Id,
    type: z
      .string()
      .max(100)
      .regex(/^[a-z][a-z0-9.-]*$/, { error: 'is not an event type or its beginning, such as "crm.sales."' })
      .optional()
      .describe('An event type or its beginning'),
    ...instants,
    limit,
  }),
  item: TimelineItem,
  reads: [timeline, profile, aliases],
  about: ({ id }, read) => subjectsAbout(read, id),
  run: async ({ id, type, from, to, limit: size }, { read, after }) => {
    spanRises({ from, to });
    const { subjects } = await familyOf(read, id);
    const found = await timelineOf(read, subjects, size + 1, { type, from, to, after });
    return pageOf(
      found,
      size,
      (item) => item,
      (item) => [item.occurredAt, item.position],
    );
  },
});
