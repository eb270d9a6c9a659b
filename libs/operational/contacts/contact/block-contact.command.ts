import { z } from 'zod';
import { contactBlocked } from '#contracts/contacts/contact.events.js';
import { Code, Note } from '#contracts/terms.js';
import { command } from '#platform/kernel/command.js';
import { Contact, statusOf } from './contact.aggregate.js';
import { assertCurrent } from './contact.rules.js';

export const blockContact = command({
  name: 'BlockContact',
  summary: 'Bars the contact from new business until it is restored',
  on: Contact,
  route: 'POST /v1/contacts/:id/block',
  input: z.strictObject({ reason: Code, note: Note.optional() }),
  decide: (contact, { reason, note }) => {
    assertCurrent(contact);
    if (contact.blocked) return;
    const status = statusOf(contact, { blocked: true });
    return contactBlocked({ reason, status, previousStatus: statusOf(contact), note });
  },
});
