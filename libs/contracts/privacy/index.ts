import { eventRecord } from '#platform/kernel/event-contract.js';
import * as erasure from './erasure.events.js';

/** Every event of an erasure, by name. */
export const erasureEvents = eventRecord(erasure);
