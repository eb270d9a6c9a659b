import type { EventContract } from '#platform/kernel/event-contract.js';
import { contactEvents } from './contacts/index.js';
import { erasureEvents } from './privacy/index.js';
import { orderEvents, returnEvents } from './sales/index.js';
import { caseEvents } from './service/index.js';

/** The events of each aggregate, by the aggregate's name. */
export const eventsByAggregate = {
  contact: contactEvents,
  order: orderEvents,
  return: returnEvents,
  case: caseEvents,
} as const;

/**
 * Events that consumers must know before the first is written, as what they keep depends on it. No command writes them
 * yet, so no aggregate folds them.
 */
export const announcedEvents = { erasure: erasureEvents } as const;

/** Every event of the published language. */
export const eventContracts: EventContract<any>[] = Object.values({ ...eventsByAggregate, ...announcedEvents }).flatMap(
  (events) => Object.values<EventContract<any>>(events),
);
