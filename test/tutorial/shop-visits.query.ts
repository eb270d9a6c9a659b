import { z } from 'zod';
import { Id } from '#platform/kernel/ids.js';
import { query } from '#platform/projections/definition/query.js';
import { answersFrom } from '#platform/projections/definition/selection.js';
import { shopVisits } from './shop-visits.projection.js';
import { ShopVisits } from './shop-visits.table.js';

export const customerVisits = query({
  name: 'CustomerVisits',
  summary: 'The shops that a customer came to, the most visited first',
  route: 'GET /v1/customers/:id/visits',
  parameters: z.strictObject({ id: Id }),
  answer: z.array(z.strictObject(ShopVisits.fields)),
  // What `minPosition` waits for, and what `freshness` speaks of.
  reads: [shopVisits],
  run: ({ id }, { read }) =>
    answersFrom(read, ShopVisits, 'where subject = $1 order by visits desc, shop limit 100', [id]),
});
