import { z } from 'zod';
import { MAX_FACTS, contactExternalFactsImported } from '#contracts/contacts/contact.events.js';
import { Attribute } from '#contracts/contacts/contact-terms.js';
import { key } from '#contracts/terms.js';
import { PastDay } from '#platform/kernel/calendar.js';
import { command } from '#platform/kernel/command.js';
import { rule } from '#platform/kernel/errors.js';
import { Contact } from './contact.aggregate.js';
import { assertCurrent } from './contact.rules.js';

export const importExternalFacts = command({
  name: 'ImportExternalFacts',
  summary: 'Records what another source says about the contact, with its date and licence',
  on: Contact,
  route: 'POST /v1/contacts/:id/external-facts',
  input: z.strictObject({
    source: key(200),
    date: PastDay,
    licence: key(200),
    facts: z.array(Attribute).min(1).max(MAX_FACTS),
  }),
  decide: (contact, { source, date, licence, facts }) => {
    assertCurrent(contact);
    const names = new Set(facts.map(({ name }) => name));
    rule('fact-named-once', names.size === facts.length, 'a fact is named twice');
    const told = contact.externalFacts.filter((known) => known.source === source && known.date === date);
    const repeats = ({ name, content }: Attribute): boolean =>
      told.some(
        (known) =>
          known.name === name &&
          known.licence === licence &&
          known.content.type === content.type &&
          known.content.value === content.value,
      );
    const fresh = facts.filter((fact) => !repeats(fact));
    if (fresh.length === 0) return;
    return contactExternalFactsImported({ source, date, licence, facts: fresh });
  },
});
