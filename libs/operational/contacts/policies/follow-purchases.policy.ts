import * as contacts from '#contracts/contacts/contact.events.js';
import * as orders from '#contracts/sales/order.events.js';
import * as returns from '#contracts/sales/return.events.js';
import type { RecordedEvent } from '#platform/kernel/envelope.js';
import { policy } from '#platform/kernel/policy.js';
import { notePurchases } from '../contact/note-purchases.command.js';
import { noPurchases, purchaseFolds, type Purchases } from './purchases.js';

/** What is to be noted, and with whom. */
interface Noted {
  readonly contact: string;
  readonly of: string;
  /** Absent: as it is noted with the contact that was merged. */
  readonly has?: boolean;
}

/** What follows from an event, given what was bought and kept up to it; undefined: nothing. */
function notedBy({ type, data, subject: of }: RecordedEvent, { contact, has, had }: Purchases): Noted | undefined {
  switch (type) {
    case contacts.contactMerged.type:
      return { contact: data.into, of };
    case contacts.contactUnmerged.type:
      return { contact: of, of, has };
    case contacts.contactMergeUndone.type:
      return { contact: of, of: data.unmerged, has: false };
    case orders.orderAttached.type:
      return has ? { contact: data.contact, of, has } : undefined;
    case orders.orderDetached.type:
      return has ? { contact: data.contact, of, has: false } : undefined;
    default:
      return has !== had && contact !== null ? { contact, of, has } : undefined;
  }
}

export const followPurchases = policy({
  name: 'follow-purchases',
  version: 1,
  about:
    'A contact becomes a customer with the first completed order, and goes back when all that was bought has come back',
  on: [
    orders.orderCompleted,
    orders.orderAttached,
    orders.orderDetached,
    returns.returnRefunded,
    returns.returnExchanged,
    returns.returnExchangeUndone,
    contacts.contactMerged,
    contacts.contactUnmerged,
    contacts.contactMergeUndone,
  ],
  state: { initial: noPurchases, on: purchaseFolds },
  when: (event, { state }) => notedBy(event, state) !== undefined,
  send: (event, { state }) => {
    const noted = notedBy(event, state);
    if (!noted) return undefined;
    const { contact, ...input } = noted;
    return notePurchases.for(contact, input);
  },
});
