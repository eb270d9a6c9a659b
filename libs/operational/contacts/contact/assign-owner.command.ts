import { z } from 'zod';
import { contactOwnerAssigned } from '#contracts/contacts/contact.events.js';
import { Staff } from '#contracts/contacts/contact-terms.js';
import { command } from '#platform/kernel/command.js';
import { Contact } from './contact.aggregate.js';
import { assertCurrent } from './contact.rules.js';

export const assignOwner = command({
  name: 'AssignOwner',
  summary: 'Says who looks after the contact; null: nobody',
  on: Contact,
  route: 'PUT /v1/contacts/:id/owner',
  input: z.strictObject({ owner: Staff.nullable() }),
  decide: (contact, { owner }) => {
    assertCurrent(contact);
    if (owner === contact.owner) return;
    return contactOwnerAssigned({ owner: owner ?? undefined, previousOwner: contact.owner ?? undefined });
  },
});
