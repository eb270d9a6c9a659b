import { z } from 'zod';
import { contactRestored } from '#contracts/contacts/contact.events.js';
import { Note } from '#contracts/terms.js';
import { command } from '#platform/kernel/command.js';
import { rule } from '#platform/kernel/errors.js';
import { Contact, statusOf } from './contact.aggregate.js';
import { assertNotMerged } from './contact.rules.js';

export const restoreContact = command({
  name: 'RestoreContact',
  summary: 'Undoes the archiving of the contact, else its block',
  on: Contact,
  route: 'POST /v1/contacts/:id/restore',
  input: z.strictObject({ note: Note.optional() }),
  decide: (contact, { note }) => {
    assertNotMerged(contact);
    const { archived, blocked } = contact;
    rule('contact-is-blocked-or-archived', archived || blocked, `the contact is ${contact.status}`);
    const status = statusOf(contact, archived ? { archived: false } : { blocked: false });
    return contactRestored({ status, previousStatus: statusOf(contact), note });
  },
});
