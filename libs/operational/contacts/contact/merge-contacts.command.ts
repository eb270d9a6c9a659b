import { z } from 'zod';
import { contactDuplicateMerged, contactMerged } from '#contracts/contacts/contact.events.js';
import { Note } from '#contracts/terms.js';
import { at, command, reference } from '#platform/kernel/command.js';
import { rule } from '#platform/kernel/errors.js';
import { Id } from '#platform/kernel/ids.js';
import { Contact, statusOf } from './contact.aggregate.js';
import { assertExists, assertAnother, assertNotMerged } from './contact.rules.js';

/** Contacts that are aliases of one. */
export const MAX_DUPLICATES = 100_000;

export const mergeContacts = command({
  name: 'MergeContacts',
  summary: 'Makes the contact an alias of another that is the same; UnmergeContacts undoes it exactly',
  on: Contact,
  route: 'POST /v1/contacts/:id/merge',
  input: z.strictObject({ into: Id.meta({ description: 'The contact that stays' }), note: Note.optional() }),
  refs: { into: reference(Contact, (input: { into: string }) => input.into) },
  decide: (contact, { into, note }, { id, refs }) => {
    assertNotMerged(contact);
    assertAnother(id, into);
    const survivor = refs.into!.state;
    assertExists(survivor, into);
    rule('survivor-not-merged', survivor.mergedInto === null, `contact ${into} was merged into ${survivor.mergedInto}`);
    const away = survivor.archived && !contact.archived;
    rule('survivor-not-archived', !away, `contact ${into} is archived; restore it first`);
    // Of somebody anonymous the kind is only a guess.
    const alike = contact.kind === survivor.kind || contact.identificationLevel === 'anonymous';
    rule('same-kind', alike, `a ${contact.kind} does not merge into a ${survivor.kind}`);
    const room = survivor.mergedDuplicates.size < MAX_DUPLICATES;
    rule('duplicates-within-limit', room, `a contact has at most ${MAX_DUPLICATES} duplicates`);
    rule('block-not-lost', !contact.blocked || survivor.blocked, `contact ${into} is not blocked, this one is`);
    // An event for each stream: of two racing merges that touch one contact the second is decided anew, so
    // that no contact is ever merged into its own alias.
    return [
      contactMerged({ into, previousStatus: statusOf(contact), note }),
      at('into', contactDuplicateMerged({ merged: id, note })),
    ];
  },
});
