import { eventRecord } from '#platform/kernel/event-contract.js';
import * as order from './order.events.js';
import * as back from './return.events.js';

/** Every event of an order, by name. */
export const orderEvents = eventRecord(order);

/** Every event of a return, by name. */
export const returnEvents = eventRecord(back);
