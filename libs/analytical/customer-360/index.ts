export { customer360 } from './customer-360.projection.js';
