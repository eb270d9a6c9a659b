import { on, projection } from '#platform/projections/definition/projection.js';
import { ShopVisits } from './shop-visits.table.js';
import { visitRecorded } from './visit.events.js';

export const shopVisits = projection({
  name: 'shop-visits',
  version: 1,
  tables: [ShopVisits],
  on: [
    on(visitRecorded, ({ subject, occurredAt, data: { shop } }) =>
      ShopVisits.change({ subject, shop }, (row) => ({
        subject,
        shop,
        visits: (row?.visits ?? 0) + 1,
        // Visits may be told late: the last is the latest in business time.
        last_at: row && row.last_at > occurredAt ? row.last_at : occurredAt,
      })),
    ),
  ],
});
