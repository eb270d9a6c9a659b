import { z } from 'zod';
import { contactArchived } from '#contracts/contacts/contact.events.js';
import { Code, Note } from '#contracts/terms.js';
import { command } from '#platform/kernel/command.js';
import { Contact, statusOf } from './contact.aggregate.js';
import { assertNotMerged } from './contact.rules.js';

export const archiveContact = command({
  name: 'ArchiveContact',
  summary: 'Puts the contact away; nothing of it changes until it is restored',
  on: Contact,
  route: 'POST /v1/contacts/:id/archive',
  input: z.strictObject({ reason: Code, note: Note.optional() }),
  decide: (contact, { reason, note }) => {
    assertNotMerged(contact);
    if (contact.archived) return;
    const status = statusOf(contact, { archived: true });
    return contactArchived({ reason, status, previousStatus: statusOf(contact), note });
  },
});
