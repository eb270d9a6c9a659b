import { z } from 'zod';
import { contactDuplicateDismissed } from '#contracts/contacts/contact.events.js';
import { Note } from '#contracts/terms.js';
import { command, reference } from '#platform/kernel/command.js';
import { rule } from '#platform/kernel/errors.js';
import { Id } from '#platform/kernel/ids.js';
import { Contact } from './contact.aggregate.js';
import { assertContactExists, assertAnother, assertCurrent } from './contact.rules.js';

/** Contacts that were found to be somebody else than one. */
export const MAX_DISMISSED = 100_000;

export const dismissDuplicate = command({
  name: 'DismissDuplicate',
  summary: 'Records that another contact was looked at and is not the same',
  on: Contact,
  route: 'POST /v1/contacts/:id/dismiss-duplicate',
  input: z.strictObject({ other: Id, note: Note.optional() }),
  refs: { other: reference(Contact, (input: { other: string }) => input.other) },
  decide: (contact, { other, note }, { id, refs }) => {
    assertCurrent(contact);
    assertAnother(id, other);
    assertContactExists(refs.other);
    rule('not-merged-with-it', !contact.mergedDuplicates.has(other), `contact ${other} is merged into this one`);
    // Said of either, it holds for both.
    if (contact.dismissed.has(other) || refs.other!.state.dismissed.has(id)) return;
    const room = contact.dismissed.size < MAX_DISMISSED;
    rule('dismissed-within-limit', room, `of at most ${MAX_DISMISSED} contacts it is kept that they are not the same`);
    return contactDuplicateDismissed({ other, note });
  },
});
