import { z } from 'zod';
import { MAX_ATTRIBUTES, contactAttributeCleared, contactAttributeSet } from '#contracts/contacts/contact.events.js';
import { AttributeName, TypedValue } from '#contracts/contacts/contact-terms.js';
import { command } from '#platform/kernel/command.js';
import { isErased } from '#platform/kernel/erased.js';
import { rule } from '#platform/kernel/errors.js';
import { Contact } from './contact.aggregate.js';
import { assertCurrent } from './contact.rules.js';

export const setAttribute = command({
  name: 'SetAttribute',
  summary: 'Sets a custom attribute, whose type is declared by its first value; null clears the value',
  on: Contact,
  route: 'PUT /v1/contacts/:id/attributes',
  input: z.strictObject({ name: AttributeName, content: TypedValue.nullable() }),
  decide: (contact, { name, content }) => {
    assertCurrent(contact);
    const known = contact.attributes.find((attribute) => attribute.name === name);
    if (content === null) {
      if (!known?.content) return;
      return contactAttributeCleared({ name, attributeType: known.type, previous: known.content });
    }
    if (known) {
      rule('attribute-keeps-its-type', known.type === content.type, `${name} is a ${known.type}, no ${content.type}`);
      if (!isErased(known.content) && known.content?.value === content.value) return;
    } else {
      const full = contact.attributes.length >= MAX_ATTRIBUTES;
      rule('attributes-within-limit', !full, `a contact has at most ${MAX_ATTRIBUTES} attributes`);
    }
    return contactAttributeSet({ name, attributeType: content.type, content, previous: known?.content ?? undefined });
  },
});
