import { aggregate } from '#platform/kernel/aggregate.js';
import { eventRecord } from '#platform/kernel/event-contract.js';
import * as events from './visit.events.js';

export interface VisitState {
  readonly recorded: boolean;
  readonly contact: string;
  readonly shop: string;
}

export const Visit = aggregate<VisitState>()({
  name: 'visit',
  initial: { recorded: false, contact: '', shop: '' },
  events: eventRecord(events),
  evolve: { visitRecorded: (_, { contact, shop }) => ({ recorded: true, contact, shop }) },
  // The customer whom it is about: all events of one customer are in one partition, in order.
  subject: ({ contact }) => contact,
});
