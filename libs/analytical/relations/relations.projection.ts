import { contactRelated, contactUnrelated } from '#contracts/contacts/contact.events.js';
import type { RecordedEvent } from '#platform/kernel/envelope.js';
import { on, projection } from '#platform/projections/definition/projection.js';
import { CustomerRelation } from './relation.table.js';

type Related = Parameters<typeof contactRelated>[0];

const keyOf = ({ subject, data: { kind, other, direction } }: RecordedEvent<Related>) => ({
  subject,
  kind,
  other,
  direction,
});

/** Who is related to whom, as each contact's own events say. */
export const relations = projection({
  name: 'relations',
  version: 1,
  tables: [CustomerRelation],
  on: [
    on(contactRelated, (event) => {
      const key = keyOf(event);
      return CustomerRelation.change(key, () => ({ ...key, since: event.occurredAt }));
    }),
    on(contactUnrelated, (event) => CustomerRelation.change(keyOf(event), () => null)),
  ],
});
