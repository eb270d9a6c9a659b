import { MAX_IDENTITIES, contactIdentityLinked } from '#contracts/contacts/contact.events.js';
import { Identity } from '#contracts/contacts/contact-terms.js';
import { command } from '#platform/kernel/command.js';
import { rule } from '#platform/kernel/errors.js';
import { Contact } from './contact.aggregate.js';
import { identifiedBy, assertCurrent } from './contact.rules.js';

export const linkIdentity = command({
  name: 'LinkIdentity',
  summary: 'Records who the contact is in another system',
  on: Contact,
  route: 'POST /v1/contacts/:id/identities',
  input: Identity,
  decide: (contact, { system, key }) => {
    assertCurrent(contact);
    const { identities } = contact;
    if (identities.some((known) => known.system === system && known.key === key)) return;
    rule('identities-within-limit', identities.length < MAX_IDENTITIES, `a contact has at most ${MAX_IDENTITIES}`);
    return [contactIdentityLinked({ system, key }), ...identifiedBy(contact, 'identity')];
  },
});
