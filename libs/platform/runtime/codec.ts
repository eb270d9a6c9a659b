import { EventCatalogue } from '#platform/kernel/event-catalogue.js';
import type { EventCodec } from '#platform/kernel/event-codec.js';
import type { EventContract } from '#platform/kernel/event-contract.js';
import { PlaintextCodec } from '#platform/privacy/plaintext-codec.js';

/** How events are stored and read: one codec for all of a process. */
export const codecOf = (events: readonly EventContract<any>[]): EventCodec =>
  new PlaintextCodec(new EventCatalogue(events));
