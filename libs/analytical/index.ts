import type { Projection } from '#platform/projections/definition/projection.js';
import type { QueryDefinition } from '#platform/projections/definition/query.js';
import { customer360, customer360Queries } from './customer-360/index.js';
import { ordersByCustomerDay, salesByDay, salesSummary } from './orders-by-customer-day/index.js';
import { customerRfm, rfm, rfmCustomers } from './rfm/index.js';

/** Every read model. */
export const projections: Projection[] = [customer360, ordersByCustomerDay];

/** Every question that the read models answer. */
export const queries: QueryDefinition[] = [
  ...customer360Queries,
  salesByDay,
  salesSummary,
  rfm,
  rfmCustomers,
  customerRfm,
];
