import { z } from 'zod';
import { ContactKind, ContactStatus, LifecycleStage, Staff, Tag } from '#contracts/contacts/contact-terms.js';
import { Instant } from '#platform/kernel/calendar.js';
import { Id } from '#platform/kernel/ids.js';
import { pagedQuery } from '#platform/projections/query.js';
import { Conditions, limit, pageOf, readers } from '../query-parameters.js';

export const CustomerListed = z
  .object({
    id: Id,
    kind: ContactKind,
    status: ContactStatus,
    stage: LifecycleStage,
    name: z.string().nullable(),
    tags: z.array(z.string()),
    owner: z.string().nullable(),
    firstSeenAt: Instant,
    lastEventAt: Instant,
  })
  .meta({ id: 'CustomerListed' });

interface Listed {
  subject: string;
  kind: z.infer<typeof ContactKind>;
  status: z.infer<typeof ContactStatus>;
  stage: z.infer<typeof LifecycleStage>;
  name: string;
  tags: string[];
  owner: string | null;
  first_seen_at: Date;
  last_event_at: Date;
}

// Sort orders that an index serves; the id ends each, so that every row has its own place.
const orders = {
  id: { by: 'subject', after: ([id]: any, p: any) => `subject > ${p(id)}::uuid`, keyset: (r: Listed) => [r.subject] },
  name: {
    by: 'name, subject',
    after: ([id, name]: any, p: any) => `(name, subject) > (${p(name)}, ${p(id)}::uuid)`,
    keyset: (r: Listed) => [r.subject, r.name],
  },
  recency: {
    // The index gives the days; those of one day are sorted as they are read.
    by: 'last_event_on desc, last_event_at desc, subject desc',
    after: ([id, at]: any, p: any) =>
      `(last_event_on, last_event_at, subject) < (${p(at.slice(0, 10))}::date, ${p(at)}::timestamptz, ${p(id)}::uuid)`,
    keyset: (r: Listed) => [r.subject, r.last_event_at.toISOString()],
  },
} as const;

export const listCustomers = pagedQuery({
  name: 'Customers',
  summary: 'Customers; those merged into another one only when status=merged asks for them',
  route: 'GET /v1/customers',
  allowed: readers,
  parameters: z.strictObject({
    kind: ContactKind.optional(),
    status: ContactStatus.optional(),
    stage: LifecycleStage.optional(),
    tag: Tag.optional(),
    owner: Staff.optional(),
    sort: z
      .enum(['id', 'name', 'recency'])
      .default('id')
      .describe(
        'recency: the latest event first. A walk by id meets everyone once; by name or recency, who moves meanwhile may be missed',
      ),
    limit,
  }),
  item: CustomerListed,
  reads: ['customer-360'],
  run: async ({ kind, status, stage, tag, owner, sort, limit: size }, { read, after }) => {
    const { by, after: beyond, keyset } = orders[sort];
    const where = new Conditions()
      .when(kind, (p) => `kind = ${p}`)
      .when(status ?? 'merged', (p) => `status ${status ? '=' : '<>'} ${p}`)
      .when(stage, (p) => `stage = ${p}`)
      .when(tag, (p) => `tags ? ${p}`)
      .when(owner, (p) => `owner = ${p}`);
    const start = after ? beyond(after, (value: unknown) => where.parameter(value)) : 'true';
    const rows = await read.rows<Listed>(
      `select subject, kind, status, stage, name, tags, owner, first_seen_at, last_event_at from customers
         join customer_activity using (subject) where ${where.sql} and ${start} order by ${by} limit ${where.parameter(size + 1)}`,
      where.parameters,
    );
    return pageOf(
      rows,
      size,
      ({ subject: id, name, first_seen_at, last_event_at, ...row }) => ({
        id,
        ...row,
        name: name === '' ? null : name,
        firstSeenAt: first_seen_at.toISOString(),
        lastEventAt: last_event_at.toISOString(),
      }),
      keyset,
    );
  },
});
