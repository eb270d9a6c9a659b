import { z } from 'zod';
import { MAX_TAGS, contactTagged } from '#contracts/contacts/contact.events.js';
import { Tag } from '#contracts/contacts/contact-terms.js';
import { command } from '#platform/kernel/command.js';
import { rule } from '#platform/kernel/errors.js';
import { Contact } from './contact.aggregate.js';
import { assertCurrent } from './contact.rules.js';

export const tagContact = command({
  name: 'TagContact',
  summary: 'Adds tags; those that the contact has already stay',
  on: Contact,
  route: 'POST /v1/contacts/:id/tags',
  input: z.strictObject({ tags: z.array(Tag).min(1).max(MAX_TAGS) }),
  decide: (contact, input) => {
    assertCurrent(contact);
    const added = [...new Set(input.tags)].filter((tag) => !contact.tags.includes(tag));
    if (added.length === 0) return;
    const tags = [...contact.tags, ...added];
    rule('tags-within-limit', tags.length <= MAX_TAGS, `a contact has at most ${MAX_TAGS} tags`);
    return contactTagged({ added, tags });
  },
});
