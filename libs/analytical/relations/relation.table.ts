import { z } from 'zod';
import { RelationKind } from '#contracts/contacts/contact-terms.js';
import { instant, text, uuid } from '#platform/projections/definition/columns.js';
import { table, type RowOf } from '#platform/projections/definition/table.js';

export const CustomerRelation = table('customer_relations', {
  about: 'A relation of a contact to another; stored with both',
  columns: {
    kind: text(RelationKind).key(),
    other: uuid().key(),
    direction: text(z.enum(['to', 'from'])).key(),
    since: instant(),
  },
});
export type CustomerRelation = RowOf<typeof CustomerRelation>;
