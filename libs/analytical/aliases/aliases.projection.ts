import { contactMerged, contactUnmerged } from '#contracts/contacts/contact.events.js';
import { orderAttached, orderDetached } from '#contracts/sales/order.events.js';
import { on, projection } from '#platform/projections/definition/projection.js';
import { Alias } from './alias.table.js';

/** Whose facts a merged contact's and a walk-in order's are: all that a merge changes in anyone's figures. */
export const aliases = projection({
  name: 'aliases',
  version: 1,
  tables: [Alias],
  on: [
    // On the stream of the contact that goes.
    on(contactMerged, ({ subject, occurredAt: since, data }) =>
      Alias.change({ subject }, () => ({ subject, target: data.into, reason: 'merged', since })),
    ),
    on(contactUnmerged, ({ subject }) => Alias.change({ subject }, () => null)),
    // Only walk-in orders are attached, and their subject is the order itself: the alias moves all that it owns.
    on(orderAttached, ({ subject, occurredAt: since, data }) =>
      Alias.change({ subject }, () => ({ subject, target: data.contact, reason: 'attached', since })),
    ),
    on(orderDetached, ({ subject }) => Alias.change({ subject }, () => null)),
  ],
});
