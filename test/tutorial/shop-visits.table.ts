import { count, instant, text } from '#platform/projections/definition/columns.js';
import { table } from '#platform/projections/definition/table.js';

export const ShopVisits = table('shop_visits', {
  about: 'How often a customer came to a shop',
  columns: {
    shop: text().key(),
    visits: count(),
    last_at: instant().describe('The latest, in business time'),
  },
});
