import { eventRecord } from '#platform/kernel/event-contract.js';
import * as serviceCase from './case.events.js';

/** Every event of a case, by name. */
export const caseEvents = eventRecord(serviceCase);
