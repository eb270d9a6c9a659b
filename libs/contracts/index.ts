import type { EventContract } from '#platform/kernel/event-contract.js';
import { contactEvents } from './contacts/index.js';
import { orderEvents, returnEvents } from './sales/index.js';
import { caseEvents } from './service/index.js';

/** The events of each aggregate, by the aggregate's name. */
export const eventsByAggregate = {
  contact: contactEvents,
  order: orderEvents,
  return: returnEvents,
  case: caseEvents,
} as const;

/** Every event of the published language. */
export const eventContracts: EventContract<any>[] = Object.values(eventsByAggregate).flatMap((events) =>
  Object.values<EventContract<any>>(events),
);
