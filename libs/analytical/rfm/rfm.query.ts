import { z } from 'zod';
import { Day } from '#platform/kernel/calendar.js';
import { Id } from '#platform/kernel/ids.js';
import { CurrencyCode, ExactDecimal } from '#platform/kernel/money.js';
import { HeavyNeeded, pagedQuery, query, type ReadModels } from '#platform/projections/definition/query.js';
import { computed, selectOf, shapeOf } from '#platform/projections/definition/selection.js';
import { aliases } from '../aliases/aliases.projection.js';
import { familyOf, type Family } from '../aliases/family.js';
import { ordersByCustomerDay } from '../orders-by-customer-day/orders-by-customer-day.projection.js';
import { profile } from '../profile/profile.projection.js';
import { Conditions, limit, pageOf } from '../query-parameters.js';
import { businessDay, rfmParameters, scoreParameters } from './rfm-parameters.js';
import { boundsOf, type Bounds } from './rfm-bounds.js';
import { oneAmongAll, oneScore, scores } from './rfm-scores.js';
import { segmentMap, segmentNames, type SegmentName } from './rfm-segments.js';

const reads = [ordersByCustomerDay, profile, aliases] as const;
const count = z.int().min(0);
const Score = z.int().min(1).max(5);
const Segment = z.enum(segmentNames);
const SegmentMapVersion = z.object({ name: z.string(), version: z.int() });
const bounds = z.array(ExactDecimal).length(4).nullable();
const version = { name: segmentMap.name, version: segmentMap.version };

export const RfmReport = z
  .object({
    day: Day,
    currency: CurrencyCode,
    method: z.enum(['independent', 'fixed']),
    segmentMap: SegmentMapVersion,
    population: count.describe('Customers with a sale before the day'),
    orders: count,
    value: ExactDecimal.describe('Exact sum of their sales'),
    thresholds: z
      .object({ recency: bounds, frequency: bounds, monetary: bounds })
      .describe('Bounds between the scores; a value on a bound is in the group below; null when nobody bought'),
    segments: z.array(z.object({ segment: Segment, customers: count, value: ExactDecimal })),
  })
  .meta({ id: 'RfmReport' });

const scored = {
  lastPurchaseOn: computed(Day, 'last_day'),
  recency: computed(count.describe('Days from the last day with a sale to the day asked for'), 'recency'),
  frequency: computed(count.describe('Sales with a line of quantity and price above 0'), 'frequency::float8'),
  monetary: computed(ExactDecimal.describe('Exact value of those lines'), 'trim_scale(monetary)::text'),
  r: computed(Score, 'r'),
  f: computed(Score, 'f'),
  m: computed(Score, 'm'),
  segment: computed(Segment, 'segment'),
};
const columns = `customer, ${selectOf(scored)}`;
export const RfmScore = z.object({ customer: Id, ...shapeOf(scored) }).meta({ id: 'RfmScore' });
export const CustomerRfm = z
  .object({
    customer: Id,
    mergedInto: Id.optional(),
    day: Day,
    currency: CurrencyCode,
    segmentMap: SegmentMapVersion,
    score: z.object(shapeOf(scored)).nullable().describe('Null when the customer had bought nothing by then'),
  })
  .meta({ id: 'CustomerRfm' });

export const rfm = query({
  name: 'Rfm',
  summary: 'Recency, frequency and monetary value of all customers as of a day: bounds of the scores, segments',
  route: 'GET /v1/analytics/rfm',
  parameters: z.strictObject(rfmParameters),
  answer: RfmReport,
  reads,
  run: async (parameters, { read, now }) => {
    const day = businessDay(parameters, now);
    const [row] = await read.rows(
      `${scores},
       segments as (
         select segment, count(*) as customers, sum(frequency) as orders, sum(monetary) as value
           from scored group by segment)
       select t.r::text[] as r, t.f::text[] as f, t.m::text[] as m,
              coalesce(sum(s.customers), 0)::float8 as population,
              coalesce(sum(s.orders), 0)::float8 as orders,
              trim_scale(coalesce(sum(s.value), 0))::text as value,
              coalesce(jsonb_object_agg(s.segment, jsonb_build_array(s.customers, trim_scale(s.value)::text))
                filter (where s.segment is not null), '{}') as segments
         from thresholds t left join segments s on true group by t.r, t.f, t.m`,
      scoreParameters(parameters, day),
    );
    const { r, f, m, population, orders, value } = row!;
    const bySegment = row!['segments'] as Partial<Record<SegmentName, [number, string]>>;
    return {
      day,
      currency: parameters.currency,
      method: parameters.method,
      segmentMap: version,
      population,
      orders,
      value,
      thresholds: { recency: r, frequency: f, monetary: m },
      segments: segmentNames.map((segment) => {
        const [customers, worth] = bySegment[segment] ?? [0, '0'];
        return { segment, customers, value: worth };
      }),
    };
  },
});

const score = z.coerce.number().pipe(Score).optional();

export const rfmCustomers = pagedQuery({
  name: 'RfmCustomers',
  summary: 'The customers with their recency, frequency, monetary value, scores and segment as of a day',
  route: 'GET /v1/analytics/rfm/customers',
  parameters: z.strictObject({
    ...rfmParameters,
    segment: Segment.optional(),
    r: score,
    f: score,
    m: score,
    sort: z
      .enum(['customer', 'value'])
      .default('customer')
      .describe('By id, or the most valuable first; a walk by id meets everyone once, whatever happens meanwhile'),
    limit,
  }),
  item: RfmScore,
  reads,
  // Scores are by quintile of everybody, whoever is asked about.
  heavy: true,
  run: async (parameters, { read, now, after }) => {
    const { sort, limit: size, segment, r, f, m } = parameters;
    // The day is kept in the cursor: a walk that passes midnight goes on with the day that it began with.
    const day = after ? String(after[0]) : businessDay(parameters, now);
    const where = new Conditions(...scoreParameters(parameters, day))
      .when(segment, (p) => `segment = ${p}`)
      .when(r, (p) => `r = ${p}`)
      .when(f, (p) => `f = ${p}`)
      .when(m, (p) => `m = ${p}`);
    if (after && sort === 'customer') where.when(after[1], (p) => `customer > ${p}::uuid`);
    if (after && sort === 'value') {
      where.when(after[2], (p) => `(-monetary, customer) > (-${p}::numeric, ${where.parameter(after[1])}::uuid)`);
    }
    const rows = await read.rows<z.infer<typeof RfmScore>>(
      `${scores} select ${columns} from scored where ${where.sql}
        order by ${sort === 'value' ? '-monetary, customer' : 'customer'} limit ${where.parameter(size + 1)}`,
      where.parameters,
    );
    return pageOf(
      rows,
      size,
      (row) => row,
      (row) => [day, row.customer, row.monetary],
    );
  },
});

/** The score of one customer, and the bounds and the state of the read models that it was worked out with. */
interface Scored {
  readonly score: z.infer<typeof RfmScore> | null;
  readonly bounds: Bounds;
  readonly state: string | null;
  readonly same: boolean;
}

/** So many rows that were changed are looked through; working the bounds out anew costs little more. */
const LOOKED_THROUGH = 10_000;

/**
 * SQL: nothing that bounds are worked out from ($1 the day, $2 the currency) has changed since an earlier state. Today's
 * sales, which come in all the time, stand on the day or after it.
 */
const unchangedSince = (after: string): string => `(
  select count(*) < ${LOOKED_THROUGH} and count(*) filter (where day < $1::date and currency = $2) = 0
    from (select day, currency from orders_by_customer_day where changed_at > ${after}
           order by changed_at desc limit ${LOOKED_THROUGH}) d)
  and coalesce((select max(changed_at) from alias_changes), 0) <= ${after}`;

/** The score of a family from what the read models hold: of the family alone where the bounds are known. */
async function scoreOf(
  read: ReadModels,
  sql: string,
  parameters: readonly unknown[],
  { id, subjects }: Family,
  earlier?: string,
): Promise<Scored> {
  const bounds = sql === oneScore ? 'given' : 'thresholds';
  const states = read.states?.([ordersByCustomerDay, aliases]);
  const same = states && earlier !== undefined ? unchangedSince('(select after from earlier)') : 'false';
  const since =
    states && earlier !== undefined
      ? `, earlier as materialized (select ${states.changedAfter('$9::text')} as after)`
      : '';
  const [row] = await read.rows(
    `${sql}${since}
     select b.rb::text[] as rb, b.fb::text[] as fb, b.mb::text[] as mb,
            ${states?.now ?? 'null'} as state, ${same} as same, ${columns}
       from ${bounds} b (rb, fb, mb) left join scored on true`,
    [...parameters, subjects, id, ...(since === '' ? [] : [earlier])],
  );
  const { rb, fb, mb, state, same: isSame, ...score } = row!;
  return {
    score: score['customer'] === null ? null : (score as z.infer<typeof RfmScore>),
    bounds: [rb, fb, mb],
    state,
    same: isSame,
  };
}

export const customerRfm = query({
  name: 'CustomerRfm',
  summary: "One customer's recency, frequency, monetary value, scores and segment as of a day",
  route: 'GET /v1/customers/:id/rfm',
  parameters: z.strictObject({ id: Id, ...rfmParameters }),
  answer: CustomerRfm,
  reads,
  run: async (parameters, { read, now, isHeavy }) => {
    const family = await familyOf(read, parameters.id);
    const day = businessDay(parameters, now);
    const given = scoreParameters(parameters, day);
    const [, currency, cells] = given;
    const withBounds = (bounds: Bounds, state?: string): Promise<Scored> =>
      scoreOf(read, oneScore, [day, currency, cells, ...bounds], family, state);
    const { score } =
      parameters.method === 'fixed'
        ? await withBounds(given.slice(3) as unknown as Bounds)
        : await boundsOf(read).score(
            `${day} ${currency}`,
            ({ bounds, state }) => withBounds(bounds, state),
            () => {
              if (!isHeavy) throw new HeavyNeeded();
              return scoreOf(read, oneAmongAll, given, family);
            },
          );
    const { customer: _customer, ...rest } = score ?? {};
    return {
      customer: family.id,
      mergedInto: family.mergedInto,
      day,
      currency: parameters.currency,
      segmentMap: version,
      score: score ? (rest as Omit<z.infer<typeof RfmScore>, 'customer'>) : null,
    };
  },
});
