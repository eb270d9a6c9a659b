import { z } from 'zod';
import { Day } from '#platform/kernel/calendar.js';
import { Id } from '#platform/kernel/ids.js';
import { CurrencyCode } from '#platform/kernel/money.js';
import { pagedQuery, query, type ReadModels } from '#platform/projections/definition/query.js';
import {
  amount,
  nested,
  number,
  selectOf,
  shapeOf,
  type AnswerOf,
} from '#platform/projections/definition/selection.js';
import { aliases } from '../aliases/aliases.projection.js';
import { aliased, aliasedOf, familyOf, subjectsAbout } from '../aliases/family.js';
import { profile } from '../profile/profile.projection.js';
import { Conditions, days, limit, pageOf, spanRises } from '../query-parameters.js';
import { ordersByCustomerDay } from './orders-by-customer-day.projection.js';
import { OrdersByCustomerDay } from './orders-by-customer-day.table.js';

const reads = [ordersByCustomerDay, profile, aliases] as const;

// One definition of each figure for both questions; `d` is a row, `a` the alias of its subject.
const customer = 'coalesce(a.root, d.subject)';
const known = '(d.contact or a.root is not null)';
const figures = {
  documents: number(
    'sum(d.orders + d.adjustments + d.returns)',
    'Completed orders and adjustments, and refunded returns',
  ),
  orders: number('sum(d.orders)'),
  adjustments: number('sum(d.adjustments)', 'Corrections of the books, which are no sales'),
  creditNotes: number('sum(d.returns)', 'Refunded returns'),
  lines: number('sum(d.lines)', 'Lines of orders and adjustments'),
  returnLines: number('sum(d.return_lines)'),
  customers: number(
    `count(distinct ${customer}) filter (where ${known} and d.orders + d.adjustments + d.returns > 0)`,
    'Distinct customers in the documents; walk-ins are nobody',
  ),
  value: amount('sum(d.value)', 'Exact sum of the orders and adjustments'),
  refunds: amount('sum(d.refunds)', 'Paid back for returns, credit notes included'),
  credited: amount('sum(d.credited)', 'Taken off what was due for goods that came back, as no more was paid'),
  exchanged: amount('sum(d.exchanged)', 'What goods were bought for that were taken back for others, which are orders'),
  net: amount('sum(d.value - d.refunds - d.credited - d.exchanged)', 'value less refunds, credited and exchanged'),
};
const salesOf = (where: string, about: string) =>
  nested(
    {
      orders: number(`sum(d.sale_orders) filter (where ${where})`),
      lines: number(`sum(d.sale_lines) filter (where ${where})`),
      customers: number(`count(distinct ${customer}) filter (where ${where} and ${known} and d.sale_orders > 0)`),
      value: amount(`sum(d.sale_value) filter (where ${where})`),
    },
    about,
  );
const summary = {
  ...figures,
  sales: salesOf('true', 'Lines with quantity and price above 0, and the orders that have one'),
  customerSales: salesOf(known, 'Of the sales, those to customers who are known'),
};

/** So many rows are few: the aliases of their subjects are walked, and not those of everybody. */
const FEW = 5_000;

/** SQL for `with recursive`: whose the rows are on which the conditions hold. */
async function aliasedIn(read: ReadModels, where: Conditions): Promise<string> {
  const rows = `from orders_by_customer_day d where ${where.sql}`;
  const [count] = await read.rows<{ few: boolean }>(
    `select count(*) < ${FEW} as few from (select ${rows} limit ${FEW}) d`,
    where.parameters,
  );
  return count!.few ? aliasedOf(`select distinct d.subject ${rows}`) : aliased;
}

const { day, currency } = OrdersByCustomerDay.fields;
export const SalesDay = z.object({ day, currency, ...shapeOf(figures) }).meta({ id: 'SalesDay' });
export const SalesSummary = z
  .object({ currency, from: Day.nullable(), to: Day.nullable(), ...shapeOf(summary) })
  .meta({ id: 'SalesSummary' });

export const salesByDay = pagedQuery({
  name: 'SalesByDay',
  summary: 'What was sold and given back, by day and currency, days in the zone of the shop',
  route: 'GET /v1/analytics/sales-by-day',
  parameters: z.strictObject({
    ...days,
    currency: CurrencyCode.optional(),
    customer: Id.optional().describe('Only this customer, with the contacts merged into it'),
    limit,
  }),
  item: SalesDay,
  reads,
  about: ({ customer }, read) => (customer === undefined ? undefined : subjectsAbout(read, customer)),
  heavy: true,
  run: async ({ from, to, currency, customer: of, limit: size }, { read, after }) => {
    spanRises({ from, to });
    const where = new Conditions()
      .when(from, (p) => `d.day >= ${p}::date`)
      .when(to, (p) => `d.day < ${p}::date`)
      .when(currency, (p) => `d.currency = ${p}`)
      .when(of && (await familyOf(read, of)).subjects, (p) => `d.subject = any(${p}::uuid[])`);
    if (after) where.when(after[0], (p) => `(d.day, d.currency) > (${p}::date, ${where.parameter(after[1])})`);
    const whose = await aliasedIn(read, where);
    const rows = await read.rows<z.infer<typeof SalesDay>>(
      `with recursive ${whose}
       select d.day, d.currency, ${selectOf(figures)}
         from orders_by_customer_day d left join aliased a on a.subject = d.subject
        where ${where.sql}
        group by d.day, d.currency order by d.day, d.currency limit ${where.parameter(size + 1)}`,
      where.parameters,
    );
    return pageOf(
      rows,
      size,
      (row) => row,
      (row) => [row.day, row.currency],
    );
  },
});

export const salesSummary = query({
  name: 'SalesSummary',
  summary: 'Documents, customers and exact totals of a span of days, in one currency',
  route: 'GET /v1/analytics/sales-summary',
  parameters: z.strictObject({ ...days, currency: CurrencyCode }),
  answer: SalesSummary,
  reads,
  run: async ({ from, to, currency }, { read }) => {
    spanRises({ from, to });
    const where = new Conditions()
      .when(currency, (p) => `d.currency = ${p}`)
      .when(from, (p) => `d.day >= ${p}::date`)
      .when(to, (p) => `d.day < ${p}::date`);
    const whose = await aliasedIn(read, where);
    const [row] = await read.rows<AnswerOf<typeof summary>>(
      `with recursive ${whose}
       select ${selectOf(summary)}
         from orders_by_customer_day d left join aliased a on a.subject = d.subject
        where ${where.sql}`,
      where.parameters,
    );
    return { currency, from: from ?? null, to: to ?? null, ...row! };
  },
});
