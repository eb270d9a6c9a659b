import { aliased } from '../aliases/family.js';

/** Those who bought: everybody. */
const purchases = `purchases as (
  select coalesce(a.root, d.subject) as customer,
         max(d.day) as last_day,
         $1::date - max(d.day) as recency,
         sum(d.sale_orders) as frequency,
         sum(d.sale_value) as monetary
    from orders_by_customer_day d left join aliased a on a.subject = d.subject
   where d.currency = $2 and d.day < $1::date and d.sale_orders > 0 and (d.contact or a.root is not null)
   group by 1)`;

/** The bounds between the scores of everybody who bought. */
const thresholds = `size as (select count(*) as n from purchases),
steps as (
  select array_agg((i * (n - 1) / 5 + 0.5) / n order by i) as lower,
         array_agg((least(i * (n - 1) / 5 + 1, n - 1) + 0.5) / n order by i) as upper,
         array_agg(i * (n - 1) % 5 * 0.2 order by i) as share
    from size, generate_series(1, 4) i where n > 0),
places as (select (lower || upper)::double precision[] as at, share from steps),
picked as (
  select percentile_disc((select at from places)) within group (order by recency) as r,
         percentile_disc((select at from places)) within group (order by frequency) as f,
         percentile_disc((select at from places)) within group (order by monetary) as m
    from purchases),
thresholds as materialized (
  select coalesce($4::numeric[], ${interpolated('r')}) as r,
         coalesce($5::numeric[], ${interpolated('f')}) as f,
         coalesce($6::numeric[], ${interpolated('m')}) as m
    from picked)`;

const graded = (bought: string, bounds: string): string => `graded as (
  select p.*,
         5 - ${boundsBelow('p.recency', 't.r')} as r,
         1 + ${boundsBelow('p.frequency', 't.f')} as f,
         1 + ${boundsBelow('p.monetary', 't.m')} as m
    from ${bought} p, ${bounds} t),
scored as (select g.*, ($3::text[])[(r - 1) * 25 + (f - 1) * 5 + m] as segment from graded g)`;

/**
 * SQL of the scores, to stand before a `select … from scored`, `… from purchases` or `… from thresholds`:
 * - `purchases` (customer, last_day, recency, frequency, monetary): customers who bought before the day asked for,
 *   the facts of merged contacts and attached walk-ins counted with the customer that they lead to;
 * - `thresholds` (r, f, m): four bounds each, numeric and exact, null when nobody bought;
 * - `scored`: purchases with the scores r, f, m and the segment.
 *
 * Parameters: $1 day (only days before it count), $2 currency, $3 segments of the 125 cells, $4–$6 fixed bounds of
 * recency, frequency and monetary value, or null for quintiles.
 *
 * A quintile bound is the linear interpolation at i/5 of the n sorted values (as percentile_cont), worked out in
 * numeric: between the values numbered ⌊i(n−1)/5⌋ and the next, counted from 0. `percentile_disc` at (k+½)/n picks
 * the value numbered k without a rounding that could pick its neighbour.
 * A value on a bound belongs to the group below it, so equal values get equal scores.
 */
export const scores = `with recursive ${aliased}, ${purchases}, ${thresholds}, ${graded('purchases', 'thresholds')}`;

/** The customer $8, by the days of its subjects, $7; nobody where nothing was bought. */
const own = `own as (
  select $8::uuid as customer,
         max(d.day) as last_day,
         $1::date - max(d.day) as recency,
         sum(d.sale_orders) as frequency,
         sum(d.sale_value) as monetary
    from orders_by_customer_day d
   where d.subject = any($7::uuid[]) and d.currency = $2 and d.day < $1::date and d.sale_orders > 0
  having count(*) > 0)`;
/** Bounds that are known. */
const given = `given as (select $4::numeric[] as r, $5::numeric[] as f, $6::numeric[] as m)`;

/** SQL as above, of one customer, who is `own`, from its own days: the bounds are `given`, $4–$6. */
export const oneScore = `with ${own}, ${given}, ${graded('own', 'given')}`;
/** SQL as above, of one customer, with the bounds worked out from everybody, as `thresholds`. */
export const oneAmongAll = `with recursive ${aliased}, ${purchases}, ${thresholds}, ${own}, ${graded('own', 'thresholds')}`;

function interpolated(metric: string): string {
  return `(select array_agg(trim_scale(${metric}[i] + (${metric}[i + 4] - ${metric}[i]) * share[i]) order by i)
             from places, generate_series(1, 4) i where share is not null)`;
}

function boundsBelow(value: string, bounds: string): string {
  return [1, 2, 3, 4]
    .map((i) => `(${value} > ${bounds}[${i}])::integer`)
    .join(' + ')
    .replace(/^(.*)$/, '($1)');
}
