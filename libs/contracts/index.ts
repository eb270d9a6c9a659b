import type { EventContract } from '#platform/kernel/event-contract.js';
import { contactEvents } from './contacts/index.js';
import { salesEvents } from './sales/index.js';
import { serviceEvents } from './service/index.js';

/** Every event of the published language. */
export const eventContracts: EventContract<any>[] = [...contactEvents, ...salesEvents, ...serviceEvents];
