import { eventRecord } from '#platform/kernel/event-contract.js';
import * as contact from './contact.events.js';

/** Every event of a contact, by name. */
export const contactEvents = eventRecord(contact);
