import { z } from 'zod';
import { MAX_FACTS, contactExternalFactsImported } from '#contracts/contacts/contact.events.js';
import { Attribute } from '#contracts/contacts/contact-terms.js';
import { key } from '#contracts/terms.js';
import { PastDay } from '#platform/kernel/calendar.js';
import { command } from '#platform/kernel/command.js';
import { rule } from '#platform/kernel/errors.js';
import { Contact, factKey } from './contact.aggregate.js';
import { assertCurrent } from './contact.rules.js';

/** Facts that a contact's state holds, of all sources together. */
export const MAX_EXTERNAL_FACTS = 10_000;

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
    const { externalFacts } = contact;
    const repeats = ({ name, content }: Attribute): boolean => {
      const known = externalFacts.get(factKey(source, name));
      return (
        known?.date === date &&
        known.licence === licence &&
        known.content.type === content.type &&
        known.content.value === content.value
      );
    };
    const fresh = facts.filter((fact) => !repeats(fact));
    if (fresh.length === 0) return;
    const unknown = fresh.filter(({ name }) => !externalFacts.has(factKey(source, name)));
    const within = externalFacts.size + unknown.length <= MAX_EXTERNAL_FACTS;
    rule('facts-within-limit', within, `of a contact at most ${MAX_EXTERNAL_FACTS} facts are kept`);
    return contactExternalFactsImported({ source, date, licence, facts: fresh });
  },
});
