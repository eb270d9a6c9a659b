import { z } from 'zod';
import { contactUnrelated } from '#contracts/contacts/contact.events.js';
import { RelationKind } from '#contracts/contacts/contact-terms.js';
import { at, command, reference } from '#platform/kernel/command.js';
import { Id } from '#platform/kernel/ids.js';
import { Contact } from './contact.aggregate.js';
import { assertAnother, assertCurrent } from './contact.rules.js';
import { inverse, relationWith } from './relations.js';

export const unrelateContacts = command({
  name: 'UnrelateContacts',
  summary: 'Ends a relation of the contact to another',
  on: Contact,
  route: 'POST /v1/contacts/:id/unrelate',
  input: z.strictObject({ kind: RelationKind, to: Id }),
  refs: { to: reference(Contact, (input: { to: string }) => input.to) },
  decide: (contact, { kind, to }, { id }) => {
    assertCurrent(contact);
    assertAnother(id, to);
    const relation = relationWith(contact, kind, to);
    if (!relation) return;
    return [contactUnrelated(relation), at('to', contactUnrelated(inverse(relation, id)))];
  },
});
