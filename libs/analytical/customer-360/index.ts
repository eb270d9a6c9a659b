export { customer360 } from './customer-360.projection.js';
import { getCase, listCases } from './cases.query.js';
import { customer360View } from './customer-360.query.js';
import { listCustomers } from './customers.query.js';
import { customerOrders, getOrder, listOrders } from './orders.query.js';
import { getReturn, listReturns } from './returns.query.js';
import { customerTimeline } from './timeline.query.js';

/** All questions of this folder. */
export const customer360Queries = [
  listCustomers,
  customer360View,
  customerTimeline,
  customerOrders,
  listOrders,
  getOrder,
  listReturns,
  getReturn,
  listCases,
  getCase,
];
