export { OrdersByCustomerDay } from './orders-by-customer-day.table.js';
export { ordersByCustomerDay } from './orders-by-customer-day.projection.js';
export { salesByDay, salesSummary } from './orders-by-customer-day.query.js';
