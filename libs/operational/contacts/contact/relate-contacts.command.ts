import { z } from 'zod';
import { MAX_RELATIONS, contactRelated } from '#contracts/contacts/contact.events.js';
import { RelationKind } from '#contracts/contacts/contact-terms.js';
import { at, command, reference } from '#platform/kernel/command.js';
import { rule } from '#platform/kernel/errors.js';
import { Id } from '#platform/kernel/ids.js';
import { Contact, relationKey } from './contact.aggregate.js';
import { assertExists, assertAnother, assertCurrent } from './contact.rules.js';
import { fits, inverse, relationWith } from './relations.js';

export const relateContacts = command({
  name: 'RelateContacts',
  summary: 'Relates the contact to another: where it works, whom it lives with, its parent company',
  on: Contact,
  route: 'POST /v1/contacts/:id/relations',
  input: z.strictObject({ kind: RelationKind, to: Id }),
  refs: { to: reference(Contact, (input: { to: string }) => input.to) },
  decide: (contact, { kind, to }, { id, refs }) => {
    assertCurrent(contact);
    assertAnother(id, to);
    const other = refs.to!.state;
    assertExists(other, to);
    rule('other-not-merged', other.mergedInto === null, `contact ${to} was merged into ${other.mergedInto}`);
    const suits = fits(kind, contact.kind, other.kind);
    rule('relation-fits-kinds', suits, `${kind} does not lead from a ${contact.kind} to a ${other.kind}`);
    if (relationWith(contact, kind, to)) return;
    const relation = { kind, other: to, direction: 'to' as const };
    // Both streams hold the relation, so that of two racing parents of each other the second is refused.
    const circle = contact.relations.has(relationKey({ ...relation, direction: 'from' }));
    rule('no-circle', !circle, `contact ${to} has this relation to this contact already`);
    for (const { relations } of [contact, other]) {
      rule('relations-within-limit', relations.size < MAX_RELATIONS, `a contact has at most ${MAX_RELATIONS}`);
    }
    return [contactRelated(relation), at('to', contactRelated(inverse(relation, id)))];
  },
});
