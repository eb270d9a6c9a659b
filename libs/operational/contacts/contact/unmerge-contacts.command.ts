import { z } from 'zod';
import { contactMergeUndone, contactUnmerged } from '#contracts/contacts/contact.events.js';
import { Note } from '#contracts/terms.js';
import { at, command, reference } from '#platform/kernel/command.js';
import { rule } from '#platform/kernel/errors.js';
import { Id } from '#platform/kernel/ids.js';
import { Contact, statusOf } from './contact.aggregate.js';
import { assertExists } from './contact.rules.js';

export const unmergeContacts = command({
  name: 'UnmergeContacts',
  summary: 'Undoes a merge: both contacts are again what they were, also when the survivor was merged since',
  on: Contact,
  route: 'POST /v1/contacts/:id/unmerge',
  input: z.strictObject({
    from: Id.meta({ description: 'The contact that it was merged into' }),
    note: Note.optional(),
  }),
  refs: { from: reference(Contact, (input: { from: string }) => input.from) },
  decide: (contact, { from, note }, { id }) => {
    assertExists(contact);
    rule('merged-into-it', contact.mergedInto === from, `the contact is not merged into ${from}`);
    return [
      contactUnmerged({ from, status: statusOf(contact, { mergedInto: null }), note }),
      at('from', contactMergeUndone({ unmerged: id, note })),
    ];
  },
});
