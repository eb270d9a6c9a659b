import { z } from 'zod';
import { Instant } from '#platform/kernel/calendar.js';
import { Id } from '#platform/kernel/ids.js';
import { query } from '#platform/projections/definition/query.js';
import { shopVisits } from './shop-visits.projection.js';

const Answer = z.array(z.strictObject({ shop: z.string(), visits: z.number(), lastAt: Instant }));

export const customerVisits = query({
  name: 'CustomerVisits',
  summary: 'The shops that a customer came to, the most visited first',
  route: 'GET /v1/customers/:id/visits',
  parameters: z.strictObject({ id: Id }),
  answer: Answer,
  // What `minPosition` waits for, and what `freshness` speaks of.
  reads: [shopVisits],
  run: async ({ id }, { read }) => {
    const rows = await read.rows<{ shop: string; visits: number; last_at: Date }>(
      `select shop, visits, last_at from shop_visits where subject = $1 order by visits desc, shop limit 100`,
      [id],
    );
    return rows.map(({ shop, visits, last_at }) => ({ shop, visits, lastAt: last_at.toISOString() }));
  },
});
