import type { EventContract } from '#platform/kernel/event-contract.js';
import { orderEvents } from './order.events.js';
import { returnEvents } from './return.events.js';

/** All events of the sales context. */
export const salesEvents: EventContract<any>[] = [...orderEvents, ...returnEvents];
