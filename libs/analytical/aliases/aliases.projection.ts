import { contactMerged, contactUnmerged } from '#contracts/contacts/contact.events.js';
import { orderAttached, orderDetached } from '#contracts/sales/order.events.js';
import type { RecordedEvent } from '#platform/kernel/envelope.js';
import { on, projection } from '#platform/projections/definition/projection.js';
import type { RowChange } from '#platform/projections/definition/table.js';
import { Alias, AliasChange, AliasHistory } from './alias.table.js';

/** Changes the alias of the event's subject, and tells that it did. */
const ofAlias = (
  { subject, position, occurredAt: since }: RecordedEvent,
  alias: Pick<Alias, 'target' | 'reason'> | null,
): RowChange[] => [
  Alias.change({ subject }, () => alias && { subject, since, ...alias }),
  AliasChange.change({ subject }, (row) => {
    const setAt = String(position);
    const past = (row?.past ?? []).map((each) => (each.undoneAt === null ? { ...each, undoneAt: setAt } : each));
    const stands = alias ? [{ ...alias, since: since.toISOString(), setAt, undoneAt: null }] : [];
    return { subject, changed_at: position, past: [...past, ...stands] };
  }),
];

/** Whose facts a merged contact's and a walk-in order's are: all that a merge changes in anyone's figures. */
export const aliases = projection({
  name: 'aliases',
  version: 3,
  tables: [Alias, AliasChange, AliasHistory],
  on: [
    // On the stream of the contact that goes.
    on(contactMerged, (event) => ofAlias(event, { target: event.data.into, reason: 'merged' })),
    on(contactUnmerged, (event) => ofAlias(event, null)),
    // Only walk-in orders are attached, and their subject is the order itself: the alias moves all that it owns.
    on(orderAttached, (event) => ofAlias(event, { target: event.data.contact, reason: 'attached' })),
    on(orderDetached, (event) => ofAlias(event, null)),
  ],
});
