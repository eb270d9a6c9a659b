import { z } from 'zod';
import { MAX_TAGS, contactUntagged } from '#contracts/contacts/contact.events.js';
import { Tag } from '#contracts/contacts/contact-terms.js';
import { command } from '#platform/kernel/command.js';
import { Contact } from './contact.aggregate.js';
import { assertCurrent } from './contact.rules.js';

export const untagContact = command({
  name: 'UntagContact',
  summary: 'Takes tags away; those that the contact has not are no matter',
  on: Contact,
  route: 'POST /v1/contacts/:id/untag',
  input: z.strictObject({ tags: z.array(Tag).min(1).max(MAX_TAGS) }),
  decide: (contact, input) => {
    assertCurrent(contact);
    const removed = contact.tags.filter((tag) => input.tags.includes(tag));
    if (removed.length === 0) return;
    return contactUntagged({ removed, tags: contact.tags.filter((tag) => !removed.includes(tag)) });
  },
});
