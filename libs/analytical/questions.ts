// What the read models answer: one line for each file of queries. The projections come with the queries that read them.
export * from './customers/customers.query.js';
export * from './customer-360/customer-360.query.js';
export * from './timeline/timeline.query.js';
export * from './orders/orders.query.js';
export * from './returns/returns.query.js';
export * from './cases/cases.query.js';
export * from './orders-by-customer-day/orders-by-customer-day.query.js';
export * from './rfm/rfm.query.js';
