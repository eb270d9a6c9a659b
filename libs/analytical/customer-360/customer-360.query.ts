import { z } from 'zod';
import { ContactStatus } from '#contracts/contacts/contact-terms.js';
import { Instant } from '#platform/kernel/calendar.js';
import { Id } from '#platform/kernel/ids.js';
import { CurrencyCode } from '#platform/kernel/money.js';
import { query, type ReadModels } from '#platform/projections/definition/query.js';
import { amount, answerOf, computed, number, selectOf, shapeOf } from '#platform/projections/definition/selection.js';
import { aliasOf, familyOf, LONGEST_CHAIN, subjectsAboutCases } from '../aliases/family.js';
import { aliases } from '../aliases/aliases.projection.js';
import { CaseView, caseDocuments } from '../cases/cases.query.js';
import { cases } from '../cases/cases.projection.js';
import { pageOfFamily } from '../documents.js';
import { orders } from '../orders/orders.projection.js';
import { Customer, CustomerActivity } from '../profile/customer.table.js';
import { profile } from '../profile/profile.projection.js';
import { CustomerRelation } from '../relations/relation.table.js';
import { relations } from '../relations/relations.projection.js';
import { returns } from '../returns/returns.projection.js';
import { timeline } from '../timeline/timeline.projection.js';
import { TimelineItem, timelineOf } from '../timeline/timeline.query.js';

const count = z.int().min(0);
const MOST_RELATIONS = 100;
const LATEST = 20;

const { mergedDuplicates: _duplicates, mergedInto: _into, ...profileFields } = Customer.fields;
const profileNames = Object.keys(profileFields) as (keyof typeof profileFields)[];
const shown = {
  id: Id,
  ...profileFields,
  statusBefore: ContactStatus.optional().describe('Of a merged contact: its status before that'),
  firstSeenAt: Instant.describe('Of the earliest event; of a customer, also under contacts merged into it'),
  lastEventAt: Instant,
};

const worth = {
  orders: number('orders'),
  adjustments: number('adjustments'),
  returns: number('returns'),
  value: amount('value'),
  refunds: amount('refunds', 'Paid back for returns'),
  credited: amount('credited', 'Taken off what was due for goods that came back, as no more was paid'),
  exchanged: amount('exchanged', 'What goods were bought for that were taken back for others'),
  net: amount('net', 'value less refunds, credited and exchanged'),
  paid: amount('paid', 'Received for orders'),
  paidBack: amount('paid_back', 'Paid back, of payments and for returns of orders'),
  outstanding: amount('outstanding', 'Still due for orders'),
  overpaid: amount('overpaid', 'Held above what the orders come to: can be paid back'),
  firstOrderAt: computed(Instant.nullable(), 'first_order_at'),
  lastOrderAt: computed(Instant.nullable(), 'last_order_at'),
};

export const Customer360 = z
  .object({
    ...shown,
    mergedInto: Id.optional().describe('The survivor, when the customer asked for was merged into it'),
    mergedFrom: z.array(z.object(shown)).describe('Contacts merged into this one, as they are known'),
    attachedOrders: count.describe('Walk-in orders attached to this customer'),
    relations: z
      .array(z.object(CustomerRelation.fields))
      .describe(`Also of the contacts merged into this one; at most ${MOST_RELATIONS}`),
    sales: z
      .array(z.object({ currency: CurrencyCode, ...shapeOf(worth) }))
      .describe('Completed orders and refunded returns, and the money of all orders, by currency'),
    cases: z.object({ total: count, open: count, latestOpen: z.array(CaseView) }),
    timeline: z.array(TimelineItem).describe(`The latest ${LATEST} events`),
  })
  .meta({ id: 'Customer360' });

type Shown = z.infer<z.ZodObject<typeof shown>>;

/** A row of the profile, as it is answered. */
const profileOf = ({ statusBefore, ...row }: Record<string, any>): Shown =>
  answerOf({ ...row, statusBefore: statusBefore ?? undefined });

/** The relations of a family to others, each under the survivor of the other's merges. */
async function relationsOf(
  read: ReadModels,
  subjects: readonly string[],
  id: string,
): Promise<z.infer<typeof Customer360>['relations']> {
  // Most have none, and following the others' merges is dear even for nobody.
  const [related] = await read.rows(`select from customer_relations where subject = any($1::uuid[]) limit 1`, [
    subjects,
  ]);
  if (!related) return [];
  const rows = await read.rows(
    `select r.kind, coalesce(root.id, r.other) as other, r.direction, min(r.since) as since
       from customer_relations r
       left join lateral (
         with recursive up (id, step) as (
           select a.target, 1 from alias a where a.subject = r.other
           union all
           select a.target, up.step + 1 from up cross join ${aliasOf('up.id')} where up.step < ${LONGEST_CHAIN})
         select id from up order by step desc limit 1) root on true
      where r.subject = any($1::uuid[]) and coalesce(root.id, r.other) <> $2
      group by 1, 2, 3 order by 1, 2, 3 limit ${MOST_RELATIONS}`,
    [subjects, id],
  );
  return rows.map((row) => answerOf(row));
}

type Sales = z.infer<typeof Customer360>['sales'];

async function salesOf(read: ReadModels, subjects: readonly string[]): Promise<Sales> {
  const rows = await read.rows(
    `with money as (
       select currency, sum(outstanding) as outstanding, sum(overpaid) as overpaid
         from orders where subject = any($1::uuid[]) and status <> 'draft' group by currency),
     bought as (
       select currency, sum(orders) as orders, sum(adjustments) as adjustments, sum(value) as value, sum(paid) as paid,
              sum(paid_back) as paid_back, min(first_order_at) as first_order_at, max(last_order_at) as last_order_at
         from customer_sales where subject = any($1::uuid[]) group by currency),
     returned as (
       select currency, sum(returns) as returns, sum(refunds) as refunds, sum(credited) as credited,
              sum(exchanged) as exchanged
         from customer_returns where subject = any($1::uuid[]) group by currency),
     worth as (
       select *, coalesce(value, 0) - coalesce(refunds + credited + exchanged, 0) as net
         from bought full join returned using (currency))
     select currency, ${selectOf(worth)} from worth full join money using (currency) order by currency`,
    [subjects],
  );
  return rows.map((row) => answerOf(row));
}

async function casesOf(read: ReadModels, subjects: readonly string[]): Promise<z.infer<typeof Customer360>['cases']> {
  const [counts] = await read.rows<{ total: number; open: number }>(
    `select count(*)::float8 as total, count(*) filter (where is_open)::float8 as open
       from cases where subject = any($1::uuid[])`,
    [subjects],
  );
  if (counts!.open === 0) return { ...counts!, latestOpen: [] };
  const latest = { family: subjects, limit: LATEST };
  const { items } = await pageOfFamily<z.infer<typeof CaseView>>(
    read,
    caseDocuments,
    { open: true },
    latest,
    undefined,
  );
  return { ...counts!, latestOpen: items };
}

/** All that the answer is made of, for a family of which `id` is the survivor. */
function partsOf(read: ReadModels, subjects: readonly string[], id: string) {
  return Promise.all([
    read.rows<Record<string, unknown> & { seen_first: Date; seen_last: Date }>(
      `select c.subject as id, ${Customer.select('c', profileNames)}, ${CustomerActivity.select('v', ['firstSeenAt', 'lastEventAt'])},
              (select min(first_seen_at) from customer_activity where subject = any($1::uuid[])) as seen_first,
              (select max(last_event_at) from customer_activity where subject = any($1::uuid[])) as seen_last
         from customers c join customer_activity v on v.subject = c.subject
        where c.subject = any($1::uuid[]) order by c.subject <> $2, c.name, c.subject`,
      [subjects, id],
    ),
    relationsOf(read, subjects, id),
    salesOf(read, subjects),
    casesOf(read, subjects),
    timelineOf(read, subjects, LATEST),
  ]);
}

export const customer360View = query({
  name: 'Customer360',
  summary: 'All that is known of a customer: profile, value by currency, cases, the latest events; merges followed',
  route: 'GET /v1/customers/:id',
  parameters: z.strictObject({ id: Id }),
  answer: Customer360,
  reads: [profile, aliases, timeline, orders, returns, cases, relations],
  about: ({ id }, read) => subjectsAboutCases(read, id),
  run: async ({ id: asked }, { read }) => {
    // Most are nobody but themselves: they are answered in the round that finds it out.
    const [family, alone] = await Promise.all([familyOf(read, asked), partsOf(read, [asked], asked)]);
    const { id, mergedInto, subjects } = family;
    const isAlone = id === asked && subjects.length === 1;
    const [rows, relations, sales, itsCases, timeline] = isAlone ? alone : await partsOf(read, subjects, id);
    const [own, ...merged] = rows.map(({ seen_first: _first, seen_last: _last, ...row }) => profileOf(row));
    return {
      ...own!,
      firstSeenAt: rows[0]!.seen_first.toISOString(),
      lastEventAt: rows[0]!.seen_last.toISOString(),
      mergedInto,
      mergedFrom: merged,
      attachedOrders: subjects.length - rows.length,
      relations,
      sales,
      cases: itsCases,
      timeline,
    };
  },
});
